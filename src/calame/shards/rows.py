"""Pieces of documents become rows of tokens, with what may be attended to and what is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IGNORE = -100  # a target that carries no loss


@dataclass(frozen=True)
class Pieces:
    """Parts of documents in the order in which they are laid out. All arrays: (pieces,) int64."""

    source: np.ndarray  # number of the source
    document: np.ndarray  # number of the document in its shard
    begin: np.ndarray  # first token taken, counted from the shard's beginning
    length: np.ndarray  # tokens taken

    def take(self, order: np.ndarray) -> Pieces:
        return Pieces(self.source[order], self.document[order], self.begin[order], self.length[order])

    @staticmethod
    def join(parts: list[Pieces]) -> Pieces:
        return Pieces(*(np.concatenate([getattr(p, name) for p in parts]) for name in Pieces.__dataclass_fields__))


@dataclass(frozen=True)
class Rows:
    """A batch of rows. All arrays: (rows, context) int32.

    tokens      what goes in
    targets     what comes next; IGNORE where nothing is asked
    documents   equal numbers in a row may attend to each other
    positions   tokens since the beginning of the document in this row (or of the row)
    """

    tokens: np.ndarray
    targets: np.ndarray
    documents: np.ndarray
    positions: np.ndarray

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(self.tokens[rows], self.targets[rows], self.documents[rows], self.positions[rows])

    def __len__(self) -> int:
        return len(self.tokens)

    @staticmethod
    def join(parts: list[Rows]) -> Rows:
        return (
            parts[0]
            if len(parts) == 1
            else Rows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__dataclass_fields__))
        )


def lay_out(tokens: np.ndarray, lengths: np.ndarray, context: int, masked: bool) -> Rows:
    """Cut a stream of pieces into rows. tokens: (sum of lengths,), a multiple of context; lengths: (pieces,).

    masked: attention, positions and targets stop at the edge of a piece. Otherwise only rows are edges, and the
    last token of a piece predicts the first of the next (the way of RODIN, Gaperon and most small trainers).
    """
    total = len(tokens)
    starts = np.zeros(total, bool)
    starts[::context] = True
    targets = np.full(total, IGNORE, np.int32)
    targets[:-1] = tokens[1:]
    if masked:
        ends = np.cumsum(lengths)
        starts[ends[:-1]] = True
        targets[ends - 1] = IGNORE
    places = np.flatnonzero(starts)
    spans = np.diff(places, append=total)
    documents = np.repeat(np.arange(len(places), dtype=np.int32), spans)
    positions = np.arange(total, dtype=np.int32) - np.repeat(places.astype(np.int32), spans)
    return Rows(*(array.reshape(-1, context) for array in (tokens.astype(np.int32), targets, documents, positions)))
