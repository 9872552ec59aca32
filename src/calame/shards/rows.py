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

    def __getitem__(self, rows: slice | np.ndarray) -> Rows:
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


def lay_out_chunks(tokens: np.ndarray, lengths: np.ndarray, context: int, pad: int) -> Rows:
    """Cut each piece into rows of its own, the last one filled up with `pad` (the way of Klovis). tokens: (sum of
    lengths,); lengths: (pieces,).

    Padding stands behind the text, where causal attention does not see it, and carries no loss; nor does the last
    token of a row, whose successor begins the next one.
    """
    slots = -(-lengths // context) * context
    shifts = np.cumsum(slots) - slots - (np.cumsum(lengths) - lengths)
    places = np.repeat(shifts, lengths) + np.arange(len(tokens))
    total = int(slots.sum())
    filled, targets = np.full(total, pad, np.int32), np.full(total, IGNORE, np.int32)
    filled[places] = tokens
    follows = (np.diff(places) == 1) & (places[1:] % context != 0)
    targets[places[:-1][follows]] = tokens[1:][follows]
    rows = np.arange(total // context, dtype=np.int32)
    documents = np.repeat(rows[:, None], context, 1)
    positions = np.repeat(np.arange(context, dtype=np.int32)[None], len(rows), 0)
    return Rows(filled.reshape(-1, context), targets.reshape(-1, context), documents, positions)


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
