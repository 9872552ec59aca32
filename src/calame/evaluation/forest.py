"""Sequences that begin alike, laid out so that what they share is computed once.

A row holds a forest: the tokens of its sequences as tries, in the order in which a walk down the branches meets them.
A token's ancestors are the tokens that it continues; it attends to these and to itself, whatever else is in the row.
Since the walk finishes a branch before it begins the next, ancestry is an interval: j is an ancestor of i, or i itself,
where `j <= i < end[j]`, `end[j]` being the place after the last token that continues j.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

Ids = tuple[int, ...]


@dataclass
class Row:
    """tokens, positions (within their sequences) and ends, place by place; `paths`: for each sequence that lies in
    the row the places of its tokens, in their order."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    paths: dict[Ids, np.ndarray] = field(default_factory=dict)
    _last: Ids = ()
    _path: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    def shared(self, sequence: Ids) -> int:
        """How many tokens the sequence has in common with the one before it."""
        most = min(len(sequence), len(self._last))
        if sequence[:most] == self._last[:most]:
            return most
        return next(place for place in range(most) if sequence[place] != self._last[place])

    def add(self, sequence: Ids) -> None:
        """A further sequence; sequences come in lexicographic order, so that like ones are neighbours."""
        known = self.shared(sequence)
        self._close(known)
        self._path += range(len(self), len(self) + len(sequence) - known)
        self.tokens += sequence[known:]
        self.positions += range(known, len(sequence))
        self.ends += [0] * (len(sequence) - known)
        self.paths[sequence] = np.array(self._path)
        self._last = sequence

    def finish(self) -> Row:
        self._close(0)
        return self

    def _close(self, known: int) -> None:
        """Nothing more will continue the tokens of the path from its place `known` on."""
        for place in self._path[known:]:
            self.ends[place] = len(self)
        del self._path[known:]


def plant(sequences: Sequence[Ids], room: int) -> Iterator[Row]:
    """Rows of at most `room` tokens that hold every sequence once; `room` is at least the longest one."""
    row = Row()
    for sequence in sorted(set(sequences)):
        if len(row) and len(row) + len(sequence) - row.shared(sequence) > room:
            yield row.finish()
            row = Row()
        row.add(sequence)
    if len(row):
        yield row.finish()


@dataclass(frozen=True)
class Planted:
    """Rows as tensors, each (batch, time), filled up with tokens that nobody attends to but themselves."""

    tokens: Tensor
    positions: Tensor
    ends: Tensor

    @staticmethod
    def of(rows: Sequence[Row], device: torch.device, multiple: int = 8) -> Planted:
        """`multiple`: of the time, as the kernels that take a mask like it."""
        time = max(map(len, rows))
        time += -time % multiple
        tokens, positions, ends = (np.zeros((len(rows), time), np.int64) for _ in range(3))
        ends += np.arange(1, time + 1)
        for number, row in enumerate(rows):
            tokens[number, : len(row)], positions[number, : len(row)] = row.tokens, row.positions
            ends[number, : len(row)] = row.ends
        return Planted(*(torch.from_numpy(array).to(device) for array in (tokens, positions, ends)))

    def mask(self) -> Tensor:
        """(batch, 1, time, time) bool: whom each token (the second last dimension) attends to."""
        places = torch.arange(self.ends.shape[1], device=self.ends.device)
        return ((places[None, :] <= places[:, None]) & (places[None, :, None] < self.ends[:, None, :]))[:, None]
