"""Batch and context as functions of the token position: plain numbers, or steps such as {0: 256, 1B: 512}.

A step of the recipe holds from the first optimizer step at or after its position. So positions, steps and rows follow
from the recipe alone, and a run that is resumed has nothing to remember of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

Timed = int | Mapping[int, int]  # a value, or values by the token from which each holds


@dataclass(frozen=True)
class Segment:
    """Optimizer steps that are alike: from token `start` on, after `steps` others; batch and context in tokens."""

    start: int
    steps: int
    batch: int
    context: int


def values_of(timed: Timed) -> list[int]:
    """The values in the order of their positions."""
    return [timed] if isinstance(timed, int) else [timed[position] for position in sorted(timed)]


def last_of(timed: Timed) -> int:
    """The value that holds at the end: of a context the largest, since contexts only grow (recipe/check.py)."""
    return values_of(timed)[-1]


class Timeline:
    """Every optimizer step of a run, in closed form. Batches are multiples of every context (recipe/check.py)."""

    def __init__(self, batch: Timed, context: Timed = 1):
        batches, contexts = _by_position(batch), _by_position(context)
        self.segments: list[Segment] = []
        for wanted in sorted(batches.keys() | contexts.keys()):
            start, steps = self._first_step_at(wanted)
            if self.segments and start == self.segments[-1].start:
                self.segments.pop()  # a step of the recipe that no optimizer step falls into
            self.segments.append(Segment(start, steps, _at(batches, wanted), _at(contexts, wanted)))

    def _first_step_at(self, position: int) -> tuple[int, int]:
        """Where the first optimizer step at or after a position begins, by what is laid out so far, and its number."""
        if not self.segments:
            return 0, 0
        last = self.segments[-1]
        more = max(0, -(-(position - last.start) // last.batch))
        return last.start + more * last.batch, last.steps + more

    def at(self, position: int) -> Segment:
        """The segment that a token position lies in."""
        return next(segment for segment in reversed(self.segments) if segment.start <= position)

    def steps(self, tokens: int) -> int:
        """Whole optimizer steps within the first `tokens` tokens."""
        segment = self.at(tokens)
        return segment.steps + (tokens - segment.start) // segment.batch

    def position(self, step: int) -> int:
        """The token that optimizer step `step` (the first is 0) begins at."""
        segment = next(segment for segment in reversed(self.segments) if segment.steps <= step)
        return segment.start + (step - segment.steps) * segment.batch

    def cuts(self, start: int, stop: int) -> list[tuple[int, int]]:
        """[start, stop) in parts of one segment each."""
        edges = [start, *(s.start for s in self.segments if start < s.start < stop), stop]
        return list(pairwise(edges))


def _by_position(timed: Timed) -> dict[int, int]:
    return {0: timed} if isinstance(timed, int) else dict(timed)


def _at(values: Mapping[int, int], position: int) -> int:
    return values[max(start for start in values if start <= position)]
