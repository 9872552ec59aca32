"""The loader: which rows stand at a token position. Nothing is remembered but what is cheap to compute again.

Each source has an endless stream of tokens: its documents in a seeded order, another one for each epoch. A window takes
its quota from each stream, cuts documents at its edges, shuffles the pieces and lays them out in rows. So any
position can be asked at once, whatever came before, on any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from calame.recipe.timeline import Timeline
from calame.shards.mixture import Mixture
from calame.shards.order import permute, scramble, seed_of
from calame.shards.read import Shard
from calame.shards.rows import Pieces, Rows, lay_out
from calame.tokenizer.tokenizer import Tokenizer

CHUNK = 1 << 16  # documents whose order is worked out at once


class Stream:
    """One source's documents in seeded order, epoch after epoch, addressed by token. `grain`: each document's length
    counts as the next multiple of it, and positions asked for are multiples too."""

    def __init__(self, shard: Shard, number: int, seed: int, grain: int = 1):
        self.shard, self.number = shard, number
        self.seed = seed
        self.lengths = -(-np.diff(shard.starts) // grain) * grain
        self.size = int(self.lengths.sum())
        self._edges = lru_cache(maxsize=2)(self._edges_of_epoch)
        self._chunk = lru_cache(maxsize=4)(self._chunk_of_epoch)

    def pieces(self, start: int, stop: int) -> Pieces:
        """The documents of tokens [start, stop) of the stream; the first and last may be parts."""
        parts = []
        while start < stop:
            epoch, begin = divmod(start, self.size)
            chunk = int(np.searchsorted(self._edges(epoch), begin, "right")) - 1
            order, ends = self._chunk(epoch, chunk)
            end = min(stop - epoch * self.size, int(ends[-1]))
            first = int(np.searchsorted(ends, begin, "right"))
            last = int(np.searchsorted(ends, end, "left"))
            parts.append(self._cut(order[first : last + 1], ends[first : last + 1], begin, end))
            start += end - begin
        return Pieces.join(parts) if parts else self._cut(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0)

    def _cut(self, documents: np.ndarray, ends: np.ndarray, begin: int, end: int) -> Pieces:
        lengths = self.lengths[documents]
        skip = np.maximum(begin - (ends - lengths), 0)
        return Pieces(
            np.full(len(documents), self.number),
            documents,
            self.shard.starts[documents] + skip,
            np.minimum(ends, end) - (ends - lengths) - skip,
        )

    def _edges_of_epoch(self, epoch: int) -> np.ndarray:
        """Tokens before each chunk of an epoch, and the total."""
        chunks = range(-(-self.shard.documents // CHUNK))
        return np.cumsum([0] + [int(self.lengths[self._order(epoch, chunk)].sum()) for chunk in chunks])

    def _chunk_of_epoch(self, epoch: int, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """The documents of a chunk in their order, and where each ends, in tokens since the epoch's beginning."""
        order = self._order(epoch, chunk)
        return order, self._edges(epoch)[chunk] + np.cumsum(self.lengths[order])

    def _order(self, epoch: int, chunk: int) -> np.ndarray:
        places = np.arange(chunk * CHUNK, min((chunk + 1) * CHUNK, self.shard.documents))
        return permute(places, self.shard.documents, seed_of(self.seed, self.shard.name, epoch))


@dataclass(frozen=True)
class Trace:
    """A stretch of one document inside the stream."""

    source: str
    document: str
    position: int  # first token in the stream
    tokens: int
    text: str
    number: int  # of the document in its shard
    begin: int  # tokens of the document before this stretch


class Loader:
    """Batches of the training stream of several sources.

    `context`: tokens of a row, or the timeline that says so by position. The mixture's window is a multiple of every
    context, so that steps of the context change neither the text nor its order, only where rows are cut.
    """

    def __init__(self, shards: Sequence[Shard], mixture: Mixture, context: int | Timeline, masked: bool, seed: int):
        self.timeline = Timeline(context, context) if isinstance(context, int) else context
        self.context = self.timeline.segments[-1].context
        self.shards, self.mixture, self.masked = list(shards), mixture, masked
        self.seed = seed
        self.streams = [Stream(shard, number, seed, mixture.grain) for number, shard in enumerate(self.shards)]
        self._window = lru_cache(maxsize=2)(self._rows_of_window)

    def batch(self, position: int, tokens: int) -> Rows:
        """The rows at [position, position + tokens) of the stream; both multiples of the context, which is one."""
        context, parts = self.timeline.at(position).context, []
        assert context == self.timeline.at(position + tokens - 1).context, "no batch has rows of two lengths"
        while tokens:
            window, begin = divmod(position, self.mixture.window)
            taken = min(tokens, self.mixture.window - begin)
            rows = self._window(window, context)
            parts.append(rows[begin // context : (begin + taken) // context])
            position, tokens = position + taken, tokens - taken
        return Rows.join(parts)

    def trace(self, position: int, tokens: int, tokenizer: Tokenizer) -> list[Trace]:
        """Which documents stand at [position, position + tokens), decoded, in order."""
        found = []
        for window in range(position // self.mixture.window, (position + tokens - 1) // self.mixture.window + 1):
            pieces = self._pieces(window)
            ends = np.cumsum(pieces.length) + window * self.mixture.window
            for k in np.flatnonzero((ends > position) & (ends - pieces.length < position + tokens)):
                shard, begin = self.shards[pieces.source[k]], int(ends[k] - pieces.length[k])
                skip = max(0, position - begin)
                first = int(pieces.begin[k]) + skip
                count = int(min(ends[k], position + tokens)) - begin - skip
                last = min(first + count, int(shard.starts[pieces.document[k] + 1]))  # without padding
                text = tokenizer.decode(shard.tokens[first:last].tolist())
                number = int(pieces.document[k])
                offset = first - int(shard.starts[number])
                found.append(Trace(shard.name, shard.document_id(number), begin + skip, count, text, number, offset))
        return found

    def _pieces(self, window: int) -> Pieces:
        """The pieces of a window in their shuffled order."""
        quotas = self.mixture.quotas(window)
        pieces = Pieces.join([s.pieces(*quota) for s, quota in zip(self.streams, quotas, strict=True)])
        return pieces.take(self._shuffle(window, len(pieces.length)))

    def _shuffle(self, window: int, number: int) -> np.ndarray:
        return np.argsort(scramble(np.arange(number), seed_of(self.seed, "window", window)), kind="stable")

    def _rows_of_window(self, window: int, context: int) -> Rows:
        pieces = self._pieces(window)
        return lay_out(self._gather(pieces), pieces.length, context, self.masked)

    def _gather(self, pieces: Pieces) -> np.ndarray:
        """The tokens of pieces, one after the other: read source by source, then put in order."""
        by_source = np.argsort(pieces.source, kind="stable")
        grouped = pieces.take(by_source)
        edges = np.searchsorted(grouped.source, np.arange(len(self.shards) + 1))
        read = np.concatenate(
            [
                _ranges(shard.tokens, grouped.begin[a:b], grouped.length[a:b])
                for shard, a, b in zip(self.shards, edges[:-1], edges[1:], strict=True)
            ]
        )
        starts = np.empty(len(by_source), np.int64)
        starts[by_source] = np.cumsum(grouped.length) - grouped.length
        return _ranges(read, starts, pieces.length)


def _ranges(tokens: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """tokens[begin : begin + length] for each pair, joined."""
    offsets = begins - (np.cumsum(lengths) - lengths)
    return tokens[np.repeat(offsets, lengths) + np.arange(int(lengths.sum()))]
