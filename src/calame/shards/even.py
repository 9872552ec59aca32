"""Rows in an order in which each source's share holds all along a window, whatever the length of its documents.

Drawn by lot, a book of 30,000 tokens puts the share of its source off by as many wherever a window is cut. Rows do not
see each other, so that they may be put in any order: those of each source are drawn by lot, and then dealt so that at
any moment each source has had its part of them, to about a row.
"""

from __future__ import annotations

import numpy as np

from calame.shards.rows import Pieces


def deal_rows(stream: np.ndarray, lengths: np.ndarray, context: int, lots: np.ndarray) -> np.ndarray:
    """The order of the rows that pieces fill one after the other. stream, lengths: (pieces,), whose each is, and its
    tokens; lots: (rows,). A row with tokens of several streams is that one's whose token stands in its middle."""
    rows = np.arange(len(lots))
    owner = stream[np.searchsorted(np.cumsum(lengths), rows * context + context // 2, "right")]
    by_stream = np.lexsort((lots, owner))
    counts = np.bincount(owner)
    turn = np.arange(len(rows)) - (np.cumsum(counts) - counts)[owner[by_stream]]
    when = (turn + 0.5) / counts[owner[by_stream]]  # along the window, from 0 to 1
    return by_stream[np.argsort(when, kind="stable")]


def in_rows(pieces: Pieces, context: int, order: np.ndarray) -> Pieces:
    """Pieces cut where rows begin, in the order of the rows."""
    starts = np.cumsum(pieces.length) - pieces.length
    total = len(order) * context
    cuts = np.union1d(starts, np.arange(0, total, context))
    whose = np.searchsorted(starts, cuts, "right") - 1
    cut = pieces.take(whose)
    parts = Pieces(cut.source, cut.document, cut.begin + cuts - starts[whose], np.diff(cuts, append=total))
    return parts.take(np.argsort(np.argsort(order)[cuts // context], kind="stable"))
