"""How many tokens of each source every window holds, in closed form, with a cap on epochs.

A *window* is about a million tokens. Within it each source has a quota, so that the mixture holds in every window and
not only on average. When a source has been read as often as it may, the others take its place; between two such moments
(a *stretch*) everything follows from the window's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from calame.recipe.errors import refuse
from calame.recipe.units import say_count

WINDOW = 1 << 20
LEAST_WINDOWS = 16  # of an epoch: a small corpus has smaller windows, so that caps and shares still mean something


@dataclass(frozen=True)
class Stretch:
    """Windows [start, stop) share the bounds of their sources: source k has the tokens between the scaled bounds."""

    start: int
    stop: int
    bounds: tuple[Fraction, ...]  # cumulative shares, sources + 1 of them, from 0 to 1
    read: tuple[int, ...]  # tokens of each source read before `start`


class Mixture:
    """Quotas by window. `sizes`: training tokens by source; `weights`: wanted shares; `epochs`: cap on each source.

    `grain`: what is never divided, in tokens; all sizes and the context are multiples of it, and so is every quota."""

    def __init__(
        self,
        sizes: Mapping[str, int],
        weights: Mapping[str, float] | None,
        epochs: float,
        context: int,
        grain: int = 1,
    ):
        self.grain = grain
        self.names = list(sizes)
        self.sizes = [sizes[name] for name in self.names]
        whole = sum(self.sizes)
        self.window = context * max(1, min(round(WINDOW / context), whole // (context * LEAST_WINDOWS)))
        wanted = weights if weights is not None else {name: size / whole for name, size in sizes.items()}
        self.weights = {name: float(wanted[name]) for name in self.names}
        self.stretches = self._plan([Fraction(self.weights[name]) for name in self.names], Fraction(epochs))

    def _plan(self, weights: list[Fraction], epochs: Fraction) -> list[Stretch]:
        """Stretches until no window can be filled any more: as many windows as every source has tokens for, then one in
        which those that run out give what they have left, then the same without them."""
        room, read = [self._whole(size * epochs) for size in self.sizes], [0] * len(self.sizes)
        stretches, start = [], 0
        while True:
            left = [space - taken if weight else 0 for space, taken, weight in zip(room, read, weights, strict=True)]
            total = sum(weight for weight, tokens in zip(weights, left, strict=True) if tokens)
            shares = [weight / total if tokens else Fraction(0) for weight, tokens in zip(weights, left, strict=True)]
            # No source is a whole grain ahead of its share: one grain of room is left for that.
            windows = min(
                (int((n - self.grain) // (s * self.window)) for n, s in zip(left, shares, strict=True) if s), default=0
            )
            if not windows:
                given = self._deal(left, shares)
                if sum(given) < self.window:
                    return stretches
                shares, windows = [Fraction(tokens, self.window) for tokens in given], 1
            stretch = Stretch(start, start + windows, tuple(accumulate(shares, initial=Fraction(0))), tuple(read))
            stretches.append(stretch)
            start = stretch.stop
            read = self._read_before(stretch, start)

    def _deal(self, left: list[int], shares: list[Fraction]) -> list[int]:
        """Tokens of one window by source: those that have less left than their share give it all, and the others share
        the rest. Less than a window in all where even together they have too little."""
        given, rest, total = [0] * len(left), self.window, Fraction(1)
        active = [k for k, share in enumerate(shares) if share]
        for k in sorted(active, key=lambda k: left[k] / shares[k]):
            given[k] = min(left[k], self._whole(rest * shares[k] / total))
            rest, total = rest - given[k], total - shares[k]
        return given

    def _whole(self, tokens: Fraction) -> int:
        """The whole grains within so many tokens."""
        return int(tokens // self.grain) * self.grain

    @property
    def capacity(self) -> int:
        """Tokens until every source has been read as often as it may."""
        return self.stretches[-1].stop * self.window if self.stretches else 0

    def check(self, tokens: int, epochs: float) -> None:
        """Raises `UserError` if the text cannot give so many tokens."""
        if tokens > self.capacity:
            raise refuse(
                "pretrain.tokens",
                f"{say_count(tokens)} tokens, but the text gives {say_count(self.capacity)} "
                f"({say_count(sum(self.sizes))} tokens, each source at most {epochs:g} times)",
                f"at most {self.capacity}",
                "more text, fewer tokens, or a higher pretrain.mixture.epochs",
            )

    def quotas(self, window: int) -> list[tuple[int, int]]:
        """For each source the part [from, to) of its own endless token stream that a window holds."""
        stretch = next((s for s in self.stretches if window < s.stop), None)
        assert stretch is not None, f"window {window} is beyond the mixture's capacity"
        return list(zip(self._read_before(stretch, window), self._read_before(stretch, window + 1), strict=True))

    def read_before(self, position: int) -> dict[str, float]:
        """Tokens of each source in the first `position` tokens of the stream, evenly divided within the last window."""
        window, rest = divmod(position, self.window)
        if window * self.window >= self.capacity:
            return dict(zip(self.names, self._read_before(self.stretches[-1], window), strict=True))
        part = rest / self.window
        return {
            name: begin + (end - begin) * part
            for name, (begin, end) in zip(self.names, self.quotas(window), strict=True)
        }

    def _read_before(self, stretch: Stretch, window: int) -> list[int]:
        """Cumulative tokens by source before a window. The last source is cut off the whole, the one before it off what
        remains, and so on: of n grains, floor(n x ratio) remain. Both sides of such a cut only grow with n, so that
        quotas add up exactly and none is negative. No source is a whole grain ahead of its share."""
        rest, read = (window - stretch.start) * self.window, list(stretch.read)
        for k in range(len(read) - 1, -1, -1):
            remains = self._whole(rest * stretch.bounds[k] / stretch.bounds[k + 1]) if rest else 0
            read[k] += rest - remains
            rest = remains
        return read

    def tenths(self, tokens: int, first: int = 0) -> list[dict[str, float]]:
        """Achieved share by source in each tenth of the `tokens` tokens that begin at `first`."""
        edges = [self.read_before(first + tokens * i // 10) for i in range(11)]
        return [
            {
                name: (after[name] - before[name]) / max(sum(after.values()) - sum(before.values()), 1)
                for name in self.names
            }
            for before, after in pairwise(edges)
        ]
