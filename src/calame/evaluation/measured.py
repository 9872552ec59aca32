"""What was measured of a model, thing by thing (prompts, documents, questions), so that models are compared in pairs.

Every number here is a ratio of sums: right answers over questions, bits over bytes. Its interval is a bootstrap (Efron
1979): things are drawn again with replacement within each stratum (a language, a slice), all numbers of a thing
together, and of two models the same things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from calame.evaluation.intervals import DRAWS, LEVEL, Interval, share_interval

AT_ONCE = 100  # draws; what they take is this x BLOCKS x 8 bytes, and all of them DRAWS x BLOCKS bytes
BLOCKS = 4096  # of a stratum's things that are drawn: where there are more, neighbours are drawn together


@dataclass(frozen=True, eq=False)
class Measured:
    """`names`: (m) what was measured; `things`: (n) on what, under names that last; `strata`: (n) a group of each.

    above, below: (n, m); a number is sum(above) / sum(below) in each stratum, then their mean with `weights` (all alike
    where there are none). A thing of which nothing can be said (an abstention) has 0 below.
    """

    names: tuple[str, ...]
    things: tuple[str, ...]
    strata: tuple[str, ...]
    above: np.ndarray
    below: np.ndarray
    weights: Mapping[str, float] | None = None

    @staticmethod
    def of_values(name: str, values: Sequence[float], things: Sequence[str], strata: Sequence[str]) -> Measured:
        """One number per thing, of which the mean is meant."""
        above = np.asarray(values, np.float64)[:, None]
        return Measured((name,), tuple(things), tuple(strata), above, np.ones_like(above))

    @staticmethod
    def of_rows(
        names: Sequence[str], things: Sequence[str], strata: Sequence[str], rows: Sequence[Sequence[float | None]]
    ) -> Measured:
        """Several numbers per thing, of which the means are meant; None where nothing can be said."""
        shape = (len(things), len(names))
        known = np.array([[value is not None for value in row] for row in rows], np.float64).reshape(shape)
        above = np.array([[float(value or 0) for value in row] for row in rows], np.float64).reshape(shape)
        return Measured(tuple(names), tuple(things), tuple(strata), above, known)

    def only(self, name: str) -> Measured:
        """One of the numbers alone."""
        at = self.names.index(name)
        return replace(self, names=(name,), above=self.above[:, at : at + 1], below=self.below[:, at : at + 1])

    def where(self, groups: Sequence[str]) -> Measured:
        """What was measured in some of the strata alone."""
        rows = [place for place, group in enumerate(self.strata) if group in groups]
        things, strata = (tuple(part[row] for row in rows) for part in (self.things, self.strata))
        return replace(self, things=things, strata=strata, above=self.above[rows], below=self.below[rows])

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The strata that occur, (s), in order of their names."""
        return tuple(sorted(set(self.strata)))

    @cached_property
    def group_weights(self) -> np.ndarray:
        """(s), together 1."""
        weights = np.array([1.0 if self.weights is None else self.weights[group] for group in self.groups])
        return weights / weights.sum()

    def by_group(self) -> np.ndarray:
        """(s, m) the numbers of each stratum; NaN where nothing could be said."""
        return np.stack([_ratio(self.above[rows].sum(0), self.below[rows].sum(0)) for rows in self._rows()])

    def drawn_by_group(self, seed: int = 0) -> np.ndarray:
        """(DRAWS, s, m) the same of things drawn again. Equal things and seeds are drawn alike."""
        return np.stack([self._draw(rows, (seed, place)) for place, rows in enumerate(self._rows())], axis=1)

    def values(self) -> np.ndarray:
        """(m) the numbers over all strata; NaN where one of these has none."""
        return self.group_weights @ self.by_group()

    def drawn(self, seed: int = 0) -> np.ndarray:
        """(DRAWS, m)"""
        return np.einsum("s,dsm->dm", self.group_weights, self.drawn_by_group(seed))

    def counts(self) -> np.ndarray:
        """(m) of how many things something could be said."""
        return (self.below > 0).sum(0)

    def intervals(self, seed: int = 0) -> dict[str, Interval]:
        """The interval of each number. Raises `ValueError` where nothing was measured."""
        columns = zip(self.names, self.values(), self.drawn(seed).T, self.counts(), strict=True)
        return {name: _interval_of(float(value), drawn, int(count)) for name, value, drawn, count in columns}

    def _rows(self) -> list[np.ndarray]:
        if not self.things:
            raise ValueError("no things: nothing was measured")
        strata = np.asarray(self.strata)
        return [np.flatnonzero(strata == group) for group in self.groups]

    def _draw(self, rows: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
        """(DRAWS, m) ratios of one stratum."""
        above, below, found = _blocks(self.above[rows]), _blocks(self.below[rows]), []
        for start in range(0, DRAWS, AT_ONCE):
            often = _how_often(len(above), seed)[start : start + AT_ONCE].astype(np.float64)
            found.append(_ratio(often @ above, often @ below))
        return np.concatenate(found)

    def as_json(self) -> dict[str, Any]:
        return {
            "names": self.names,
            "things": self.things,
            "strata": self.strata,
            "above": np.round(self.above, 9).tolist(),
            "below": np.round(self.below, 9).tolist(),
            "weights": self.weights,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Measured:
        shape = (len(data["things"]), len(data["names"]))
        above, below = (np.asarray(data[key], np.float64).reshape(shape) for key in ("above", "below"))
        return Measured(
            tuple(data["names"]), tuple(data["things"]), tuple(data["strata"]), above, below, data["weights"]
        )


def _blocks(values: np.ndarray) -> np.ndarray:
    """Sums of neighbours, at most BLOCKS of them. What neighbours have in common (a source, a page) is then drawn
    together, so that an interval is, if anything, wider."""
    if len(values) <= BLOCKS:
        return values
    return np.add.reduceat(values, np.arange(BLOCKS) * len(values) // BLOCKS, axis=0)


@lru_cache(8)
def _how_often(number: int, seed: tuple[int, int]) -> np.ndarray:
    """(DRAWS, number) how often each thing is drawn, in one byte: of more than 255 things none is drawn so often."""
    draw, even = np.random.default_rng(seed), np.full(number, 1 / number)
    return np.concatenate([draw.multinomial(number, even, AT_ONCE).astype(np.uint8) for _ in range(0, DRAWS, AT_ONCE)])


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def interval(value: float, drawn: np.ndarray, number: int) -> Interval:
    """A number with the middle `LEVEL` of its draws; draws without a value are left out."""
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), number)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), number)


def _interval_of(value: float, drawn: np.ndarray, number: int) -> Interval:
    """A share that is 0 in every draw, or 1, is not therefore without doubt."""
    if value in (0.0, 1.0) and (drawn[~np.isnan(drawn)] == value).all():
        return share_interval([value] * number)
    return interval(value, drawn, number)


def difference(ours: Measured, theirs: Measured, name: str, seed: int = 0) -> Interval:
    """How much greater our number is, drawn in pairs: with 0 outside, the difference is beyond the noise.

    Raises `ValueError` where the two were not measured on the same things."""
    ours, theirs = ours.only(name), theirs.only(name)
    if (ours.things, ours.strata) != (theirs.things, theirs.strata):
        raise ValueError(f"{name} was measured on other things: {len(ours.things)} and {len(theirs.things)}")
    drawn = ours.drawn(seed) - theirs.drawn(seed)
    number = int(((ours.below > 0) & (theirs.below > 0)).sum())
    return interval(float(ours.values()[0] - theirs.values()[0]), drawn[:, 0], number)
