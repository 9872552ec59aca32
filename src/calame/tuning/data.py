"""Examples as training data: whole groups of them packed into rows, epoch after epoch, each example seeing only itself.

A group is what must stand in one row: a conversation, or the two answers of a preference.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from calame.shards.order import permute, seed_of
from calame.shards.rows import IGNORE, Rows
from calame.training.batch import Data
from calame.tuning.encode import Example

Group = Sequence[Example]


class PackedData:
    """Rows as a pure function of the position. A share of the rows is read from other data (`replay`): its first
    `replay_tokens` tokens, from `replay_from` on and round in a circle.

    The documents of a row are its examples, numbered from 1 in their order; 0 is what is left over. most: groups in a
    row at most. longest: of one example, where rows are longer than the model's positions."""

    masked = True

    def __init__(
        self,
        groups: Sequence[Group],
        context: int,
        seed: int,
        most: int | None = None,
        longest: int | None = None,
        replay: Data | None = None,
        share: float = 0.0,
        replay_from: int = 0,
        replay_tokens: int = 0,
    ):
        self.groups, self.context, self.seed, self.most = groups, context, seed, most
        self.longest = longest or context
        self.lengths = np.array([sum(len(example.tokens) for example in group) for group in groups])
        self.replay, self.replay_from, self.replay_tokens = replay, replay_from, replay_tokens
        self.share = Fraction(str(share)) if replay else Fraction(0)  # as it is written: 0.29 of 100 rows are 29
        self._packed = lru_cache(maxsize=4)(self._pack)
        self._starts = [0]  # rows of groups before each epoch, as far as was asked

    def tokens(self, epochs: float, batch: int) -> int:
        """Length of the tuning in tokens, in whole batches: all groups `epochs` times, and the replayed rows."""
        whole = int(epochs)
        rows = self._start_of(whole)
        if epochs % 1:
            rows += round((self._start_of(whole + 1) - rows) * (epochs % 1))
        return -(-round(rows / (1 - self.share)) * self.context // batch) * batch

    def batch(self, position: int, tokens: int) -> Rows:
        first = position // self.context
        return Rows.join([self._row(row) for row in range(first, first + tokens // self.context)])

    def epoch(self, multiple: int = 1) -> Rows:
        """Every group once, made up to a multiple of so many rows with rows that ask nothing."""
        rows = self._packed(0)
        return Rows.join([self._lay_out(row) for row in [*rows, *[[]] * (-len(rows) % multiple)]])

    def _row(self, row: int) -> Rows:
        replayed = int(row * self.share)
        if self.replay is not None and int((row + 1) * self.share) > replayed:
            position = (self.replay_from + replayed * self.context) % self.replay_tokens
            return self.replay.batch(position, self.context)
        epoch, row = 0, row - replayed
        while row >= self._start_of(epoch + 1):
            epoch += 1
        return self._lay_out(self._packed(epoch)[row - self._start_of(epoch)])

    def _start_of(self, epoch: int) -> int:
        """Rows of groups before an epoch."""
        while len(self._starts) <= epoch:
            self._starts.append(self._starts[-1] + len(self._packed(len(self._starts) - 1)))
        return self._starts[epoch]

    def _pack(self, epoch: int) -> list[list[int]]:
        """Which groups stand in each row of an epoch: in seeded order, a row filled while the next one fits."""
        order = permute(np.arange(len(self.groups)), len(self.groups), seed_of(self.seed, "conversations", epoch))
        rows: list[list[int]] = []
        left = 0
        for number, length in zip(order.tolist(), self.lengths[order].tolist(), strict=True):
            if length > left or len(rows[-1]) == self.most:
                rows.append([])
                left = self.context
            rows[-1].append(number)
            left -= length
        return rows

    def _lay_out(self, numbers: list[int]) -> Rows:
        tokens, targets = np.zeros(self.context, np.int32), np.full(self.context, IGNORE, np.int32)
        documents, positions = np.zeros(self.context, np.int32), np.zeros(self.context, np.int32)
        at = 0
        for document, example in enumerate((e for number in numbers for e in self.groups[number]), 1):
            part = slice(at, at + len(example.tokens))
            tokens[part], targets[part], documents[part] = example.tokens, example.targets, document
            positions[part] = np.arange(len(example.tokens))
            at = part.stop
        positions[at:] = np.arange(self.context - at) % self.longest  # what is left over is documents of nothing
        return Rows(tokens[None], targets[None], documents[None], positions[None])
