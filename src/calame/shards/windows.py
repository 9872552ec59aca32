"""Whole documents as rows in which each of their tokens is asked for once: how held-out text is read.

A document that is longer than the context is cut into windows that overlap: one begins every `stride` tokens, and only
the first asks for all of its tokens, the others for their last `stride`. So each token is predicted from at least
`context - stride` tokens before it, or from all there are. Windows are packed whole into rows and see only themselves.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from calame.shards.rows import IGNORE, Rows


class Window(NamedTuple):
    """Inputs [begin, begin + length) of a document; the targets of the first `known` were asked for before."""

    document: int
    begin: int
    length: int
    known: int


@dataclass(frozen=True)
class Windows:
    """Rows, and whose their targets are. owners: (rows, context) int32, the number of the document, -1 where nothing is
    asked."""

    rows: Rows
    owners: np.ndarray

    @property
    def asked(self) -> int:
        """Tokens that are asked for."""
        return int((self.owners >= 0).sum())

    def __len__(self) -> int:
        return len(self.rows)


def lay_out_windows(documents: Sequence[np.ndarray], context: int, stride: int, pad: int) -> Windows:
    """documents: the tokens of each. Every token but a document's first is a target exactly once. stride: 1 to
    context; context means no overlap."""
    windows = [w for number, tokens in enumerate(documents) for w in _windows(number, len(tokens) - 1, context, stride)]
    packed = _packed(windows, context)
    shape = (len(packed), context)
    tokens, targets = np.full(shape, pad, np.int32), np.full(shape, IGNORE, np.int32)
    segments, positions, owners = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.full(shape, -1, np.int32)
    for row, members in enumerate(packed):
        at = 0
        for segment, window in enumerate(members, 1):
            text = documents[window.document][window.begin : window.begin + window.length + 1]
            end, asked = at + window.length, at + window.known
            tokens[row, at:end], targets[row, asked:end] = text[:-1], text[1 + window.known :]
            segments[row, at:end], positions[row, at:end] = segment, np.arange(window.length)
            owners[row, asked:end] = window.document
            at = end
        positions[row, at:] = np.arange(context - at)  # what is left over is a document of nothing
    return Windows(Rows(tokens, targets, segments, positions), owners)


def _windows(document: int, inputs: int, context: int, stride: int) -> Iterator[Window]:
    """The windows of a document of so many tokens to read (the last one is only asked for)."""
    assert 1 <= stride <= context
    begin = reached = 0
    while reached < inputs:
        length = min(context, inputs - begin)
        yield Window(document, begin, length, reached - begin)
        reached, begin = begin + length, begin + stride


def _packed(windows: Sequence[Window], context: int) -> list[list[Window]]:
    """Rows of whole windows: the longest first, each into the fullest row that has room for it (best fit
    decreasing)."""
    rows: list[list[Window]] = []
    rooms: list[tuple[int, int]] = []  # (tokens left, row), the fullest row first
    for window in sorted(windows, key=lambda window: -window.length):
        place = bisect_left(rooms, (window.length, -1))
        room, row = rooms.pop(place) if place < len(rooms) else (context, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(window)
        insort(rooms, (room - window.length, row))
    return rows
