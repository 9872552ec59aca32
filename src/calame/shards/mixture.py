"""How many tokens of each source every window holds, in closed form, with a cap on epochs, phase by phase.

A *window* is about a million tokens. Within it each source has a quota, so that the mixture holds in every window and
not only on average. When a source has been read as often as it may, the others take its place; between two such moments
(a *stretch*) everything follows from where the window ends.

What is called a source here is whatever has a stream of its own: a source, or the part of one that is in one language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from calame.recipe.errors import Problem, UserError
from calame.recipe.units import say_count

WINDOW = 1 << 20
LEAST_WINDOWS = 16  # of an epoch: a small corpus has smaller windows, so that caps and shares still mean something


@dataclass(frozen=True)
class Phase:
    """What holds until token `stop` of the stream, or to its end.

    weights: wanted shares by source, of any sum; None: by size.
    epochs: how often each source may have been read by the end of the phase, counted from the beginning of the stream.
    cells: sources of one cell share one weight, the sum of theirs: of those that run out the others of the cell take
    the place, as long as there are any. A source without a cell is one of its own.
    """

    weights: Mapping[str, float | Fraction] | None
    epochs: float | Mapping[str, float]
    stop: int | None = None
    name: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stretch:
    """The windows of tokens [start, stop) share the bounds of their sources: source k has what is between the scaled
    bounds k and k + 1."""

    start: int
    stop: int
    bounds: tuple[Fraction, ...]  # cumulative shares, sources + 1 of them, from 0 to 1
    read: tuple[int, ...]  # tokens of each source read before `start`


@dataclass(frozen=True)
class Reach:
    """The part [start, stop) of the stream that a phase has; `wanted` is where it should end, if anywhere, and
    `windows` how many there are before it. `shares`: of each source, as asked for."""

    name: str
    start: int
    stop: int
    wanted: int | None
    windows: int
    shares: tuple[float, ...]

    @property
    def short(self) -> bool:
        """Whether the text runs out before the phase ends."""
        return self.wanted is not None and self.stop < self.wanted


class Mixture:
    """Quotas by window. `sizes`: training tokens by source.

    context: of a row, the largest where it steps: windows are made of whole rows, and a phase ends at the first row at
    or after its `stop`. grain: what is never divided, in tokens; all sizes and the context are multiples of it, and so
    is every quota.
    """

    def __init__(self, sizes: Mapping[str, int], phases: Sequence[Phase], context: int, grain: int = 1):
        self.grain = grain
        self.names = list(sizes)
        self.sizes = [sizes[name] for name in self.names]
        whole = sum(self.sizes)
        self.window = context * max(1, min(round(WINDOW / context), whole // (context * LEAST_WINDOWS)))
        self.stretches: list[Stretch] = []
        self.reaches: list[Reach] = []
        position, read, windows = 0, [0] * len(sizes), 0
        for phase in phases:
            wanted = None if phase.stop is None else -(-phase.stop // context) * context
            weights = [
                Fraction(size / whole if phase.weights is None else phase.weights[name]) for name, size in sizes.items()
            ]
            stop, read = self._plan(phase, weights, position, wanted, read)
            shares = tuple(float(weight / (sum(weights) or 1)) for weight in weights)
            self.reaches.append(Reach(phase.name, position, stop, wanted, windows, shares))
            windows += -(-(stop - position) // self.window)
            position = stop if wanted is None else wanted  # what lacks is refused by `check`, for all phases at once

    def _plan(
        self, phase: Phase, weights: list[Fraction], position: int, wanted: int | None, read: list[int]
    ) -> tuple[int, list[int]]:
        """Adds the stretches of a phase that begins at `position`, where so much of each source was read; returns where
        it ends, and what was read by then.

        A stretch has as many windows as every source has tokens for; then comes one in which those that run out give
        what they have left; then the same without them, until no window can be filled any more."""
        room = [self._whole(size * cap) for size, cap in zip(self.sizes, self._caps(phase), strict=True)]
        while wanted is None or position < wanted:
            left = [
                max(space - taken, 0) if weight else 0 for space, taken, weight in zip(room, read, weights, strict=True)
            ]
            shares = self._shares(phase, weights, left)
            # No source is a whole grain ahead of its share: one grain of room is left for that.
            last = min(((n - self.grain) / s for n, s in zip(left, shares, strict=True) if s), default=Fraction(0))
            tokens = int(last // self.window) * self.window
            rest = None if wanted is None else wanted - position
            if rest is not None and last >= rest:
                tokens = rest
            if not tokens:
                tokens = self.window if rest is None else min(self.window, rest)
                given = self._deal(phase, left, shares, tokens)
                if sum(given) < tokens:
                    break
                shares = [Fraction(n, tokens) for n in given]
            bounds = tuple(accumulate(shares, initial=Fraction(0)))
            self.stretches.append(Stretch(position, position + tokens, bounds, tuple(read)))
            position += tokens
            read = self._read_in(self.stretches[-1], position)
        return position, read

    def _caps(self, phase: Phase) -> list[Fraction]:
        epochs = phase.epochs
        return [Fraction(epochs[name] if isinstance(epochs, Mapping) else epochs) for name in self.names]

    def _shares(self, phase: Phase, weights: list[Fraction], left: list[int]) -> list[Fraction]:
        """Shares of the sources that have tokens left, 0 for the others: of the cells that have any, then of the
        sources within each."""
        cells = [phase.cells.get(name, name) for name in self.names]
        wanted, able = dict.fromkeys(cells, Fraction(0)), dict.fromkeys(cells, Fraction(0))
        for cell, weight, tokens in zip(cells, weights, left, strict=True):
            wanted[cell] += weight
            able[cell] += weight if tokens else 0
        total = sum(weight for cell, weight in wanted.items() if able[cell])
        return [
            wanted[cell] / total * weight / able[cell] if weight and tokens else Fraction(0)
            for cell, weight, tokens in zip(cells, weights, left, strict=True)
        ]

    def _deal(self, phase: Phase, left: list[int], shares: list[Fraction], tokens: int) -> list[int]:
        """The tokens of one window by source, dealt to the cells and by them to their sources. Less than asked for in
        all where even together they have too little."""
        cells: dict[str, list[int]] = {}
        for k, name in enumerate(self.names):
            cells.setdefault(phase.cells.get(name, name), []).append(k)
        groups = list(cells.values())
        sums = [(sum(left[k] for k in group), sum((shares[k] for k in group), Fraction(0))) for group in groups]
        given = [0] * len(left)
        for group, whole in zip(groups, self._share_out(sums, tokens), strict=True):
            own = self._share_out([(left[k], shares[k]) for k in group], whole)
            for k, n in zip(group, own, strict=True):
                given[k] = n
        return given

    def _share_out(self, each: list[tuple[int, Fraction]], tokens: int) -> list[int]:
        """Tokens for each (left, share): those that have less left than their share give it all, and the others share
        the rest."""
        given, rest, total = [0] * len(each), tokens, sum((share for _, share in each), Fraction(0))
        active = [k for k, (_, share) in enumerate(each) if share]
        for k in sorted(active, key=lambda k: each[k][0] / each[k][1]):
            left, share = each[k]
            given[k] = min(left, self._whole(rest * share / total))
            rest, total = rest - given[k], total - share
        return given

    def _whole(self, tokens: Fraction) -> int:
        """The whole grains within so many tokens."""
        return int(tokens // self.grain) * self.grain

    @property
    def capacity(self) -> int:
        """Tokens until every source has been read as often as it may, or a phase runs out of text."""
        return next((reach.stop for reach in self.reaches if reach.short), self.reaches[-1].stop)

    def check(self, tokens: int) -> None:
        """Raises `UserError`, naming every phase that runs out of text, if the text cannot give so many tokens."""
        if tokens <= self.capacity:
            return
        problems, have = [], f"{say_count(sum(self.sizes))} tokens, each source as often as its epochs allow"
        for reach in (reach for reach in self.reaches if reach.short and reach.stop < tokens):
            found = f"its sources have no more text after {say_count(reach.stop)} tokens of the stream ({have})"
            remedy = "another mixture, more text, or more epochs"
            problems.append(Problem(f"pretrain.phases.{reach.name}.until", found, f"at most {reach.stop}", remedy))
        if not problems:
            found = f"{say_count(tokens)} tokens, but the text gives {say_count(self.capacity)} ({have})"
            remedy = "more text, fewer tokens, or a higher pretrain.mixture.epochs"
            problems = [Problem("pretrain.tokens", found, f"at most {self.capacity}", remedy)]
        raise UserError(problems)

    def window_at(self, position: int) -> int:
        """The number of the window that holds a position."""
        reach = next(reach for reach in reversed(self.reaches) if reach.start <= position)
        return reach.windows + (position - reach.start) // self.window

    def span(self, window: int) -> tuple[int, int]:
        """The tokens [from, to) of a window; the last one of a phase may be shorter than the others."""
        reach = next(reach for reach in reversed(self.reaches) if reach.windows <= window)
        start = reach.start + (window - reach.windows) * self.window
        stop = min(start + self.window, reach.stop)
        assert start < stop, f"window {window} is beyond the mixture's capacity"
        return start, stop

    def quotas(self, window: int) -> list[tuple[int, int]]:
        """For each source the part [from, to) of its own endless token stream that a window holds."""
        start, stop = self.span(window)
        stretch = next(s for s in self.stretches if stop <= s.stop)
        return list(zip(self._read_in(stretch, start), self._read_in(stretch, stop), strict=True))

    def read_before(self, edge: int) -> list[int]:
        """Tokens of each source in the stream before the edge of a window."""
        assert edge <= self.capacity
        return self._read_in(next(s for s in self.stretches if edge <= s.stop), edge) if edge else [0] * len(self.names)

    def _read_in(self, stretch: Stretch, edge: int) -> list[int]:
        """Cumulative tokens by source before a window's edge. The last source is cut off the whole, the one before it
        off what remains, and so on: of n grains, floor(n x ratio) remain. Both sides of such a cut only grow with n, so
        that quotas add up exactly and none is negative. No source is a whole grain ahead of its share."""
        rest, read = edge - stretch.start, list(stretch.read)
        for k in range(len(read) - 1, -1, -1):
            remains = self._whole(rest * stretch.bounds[k] / stretch.bounds[k + 1]) if rest else 0
            read[k] += rest - remains
            rest = remains
        return read
