"""Intervals of measured numbers, by bootstrap (Efron 1979): what was measured is drawn again, with replacement; or by
jackknife, each thing being left out in turn.

Every draw is seeded, so that a report made again says the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 2000
LEVEL = 0.95
Z = 1.96  # standard errors to both sides that hold LEVEL of a normal distribution
AT_ONCE = 1 << 20  # things that are drawn at once


@dataclass(frozen=True)
class Interval:
    """A number with the range that holds `LEVEL` of its bootstrap draws; `n` things were measured."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def as_json(self) -> dict[str, Any]:
        """Keys value, low, high (6 decimals) and n."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6), "n": self.n}


def mean_interval(values: Sequence[float] | np.ndarray, seed: int = 0) -> Interval:
    """The mean of one number per thing measured. Raises `ValueError` where nothing was measured."""
    measured = np.asarray(values, dtype=np.float64)
    if not len(measured):
        raise ValueError("no values: nothing was measured")
    return interval(float(measured.mean()), drawn_sums(measured, seed) / len(measured), len(measured))


def share_interval(shares: Sequence[float], seed: int = 0) -> Interval:
    """The mean of shares, or of what is true. Where all are 0, or all 1, every draw is too, as if there were no doubt:
    the interval is then Wilson's (1927), by which 0 of 20 is 0 to 0.16. Of a single share nothing is known: 0 to 1."""
    found = set(map(float, shares))
    if found not in ({0.0}, {1.0}):
        if len(shares) == 1:
            return Interval(float(shares[0]), 0.0, 1.0, 1)
        return mean_interval(shares, seed)
    number, least = len(shares), wilson_low(1.0, len(shares))
    return Interval(0.0, 0.0, 1 - least, number) if found == {0.0} else Interval(1.0, least, 1.0, number)


def wilson_low(share: float, number: int) -> float:
    """The lower end of Wilson's interval (1927) of a share of so many: doubt is left also where all are right."""
    doubt = Z * Z / number
    middle = share + doubt / 2
    return (middle - Z * math.sqrt(share * (1 - share) / number + doubt / (4 * number))) / (1 + doubt)


def interval_of(things: Sequence[Any], statistic: Callable[[list[Any]], float], seed: int = 0) -> Interval:
    """A statistic of all things together, as a ratio of two sums. Not for what counts different things, as distinct
    bigrams do: a thing drawn twice is no new one, so that every draw lies below the value (`jackknife_interval`)."""
    if not things:
        raise ValueError("no things: nothing was measured")
    drawn = [statistic([things[place] for place in chosen]) for draws in _draws(len(things), seed) for chosen in draws]
    return interval(statistic(list(things)), drawn, len(things))


def drawn_sums(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Sums over things drawn again, for statistics of sums as a loss is one. values: (things, ...); returns
    (DRAWS, ...)."""
    return np.concatenate([values[draws].sum(1) for draws in _draws(len(values), seed)])


def jackknife_interval(value: float, without: Sequence[float]) -> Interval:
    """A share of all things together, from what it is without each of them in turn: `Z` standard errors of the
    jackknife (Tukey 1958) to both sides, within 0 and 1. Of a single thing nothing is known: 0 to 1. Where all is
    shared, or nothing, whichever is left out, the doubt is that of `share_interval`."""
    number = len(without)
    if number < 2:
        return Interval(value, 0.0, 1.0, number)
    if value in (0.0, 1.0) and set(without) == {value}:
        return share_interval([value] * number)
    error = np.sqrt((number - 1) * np.var(np.asarray(without, dtype=np.float64)))
    return Interval(value, max(0.0, value - Z * error), min(1.0, value + Z * error), number)


def difference_interval(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Interval:
    """The mean difference of two numbers measured on the same things, drawn in pairs: 0 outside of it is a difference
    beyond the noise."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} values against {len(theirs)}: pairs are needed")
    return mean_interval(np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64), seed)


def _draws(number: int, seed: int) -> Iterator[np.ndarray]:
    """(some draws, number) places, DRAWS in all, the same for a seed: two statistics of the same things are drawn
    alike. Some at a time: for a hundred thousand documents all of them would be gigabytes."""
    draw = np.random.default_rng(seed)
    some = max(1, AT_ONCE // number)
    return (draw.integers(number, size=(min(some, DRAWS - done), number)) for done in range(0, DRAWS, some))


def interval(value: float, drawn: Sequence[float] | np.ndarray, number: int) -> Interval:
    """A value measured on so many things, and what came of it when they were drawn again."""
    low, high = np.quantile(np.asarray(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), number)
