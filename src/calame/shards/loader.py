"""The loader: which rows stand at a token position. Nothing is remembered but what is cheap to compute again.

Each source has an endless stream of tokens: its documents in a seeded order, another one for each epoch. A window takes
its quota from each stream, cuts documents at its edges, shuffles the pieces and lays them out in rows. So any
position can be asked at once, whatever came before, on any number of processes.

Where the mixture asks for languages, a source of several has a stream for each: the documents of that language, in the
order in which they stand in the source's own stream (`shards/streams.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from calame.recipe.timeline import Timeline
from calame.shards.even import deal_rows, in_rows
from calame.shards.mixture import Mixture
from calame.shards.order import scramble, seed_of
from calame.shards.read import Shard
from calame.shards.rows import Pieces, Rows, lay_out
from calame.shards.streams import Stream
from calame.tokenizer.tokenizer import Tokenizer


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
    context, so that steps of the context change neither the text nor its order, only where rows are cut. Its names are
    those of the shards in their order, or SOURCE/LANGUAGE for each language of one.
    even: the rows of a window, each of one source, stand so that the shares hold all along it (`shards/even.py`).
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        mixture: Mixture,
        context: int | Timeline,
        masked: bool,
        seed: int,
        even: bool = False,
    ):
        self.timeline = Timeline(context, context) if isinstance(context, int) else context
        self.context = self.timeline.segments[-1].context
        self.shards, self.mixture, self.masked = list(shards), mixture, masked
        self.seed, self.even = seed, even
        numbers = {shard.name: number for number, shard in enumerate(self.shards)}
        self.streams = []
        for name in mixture.names:
            source, _, language = name.partition("/")
            number = numbers[source]
            self.streams.append(Stream(self.shards[number], number, seed, mixture.grain, language))
        self._window = lru_cache(maxsize=2)(self._rows_of_window)

    def batch(self, position: int, tokens: int) -> Rows:
        """The rows at [position, position + tokens) of the stream; both multiples of the context, which is one."""
        context, parts = self.timeline.at(position).context, []
        assert context == self.timeline.at(position + tokens - 1).context, "no batch has rows of two lengths"
        while tokens:
            window = self.mixture.window_at(position)
            start, stop = self.mixture.span(window)
            begin, taken = position - start, min(tokens, stop - position)
            rows = self._window(window, context)
            parts.append(rows[begin // context : (begin + taken) // context])
            position, tokens = position + taken, tokens - taken
        return Rows.join(parts)

    def trace(self, position: int, tokens: int, tokenizer: Tokenizer) -> list[Trace]:
        """Which documents stand at [position, position + tokens), decoded, in order."""
        found = []
        mixture = self.mixture
        for window in range(mixture.window_at(position), mixture.window_at(position + tokens - 1) + 1):
            pieces = self.pieces(window)
            ends = np.cumsum(pieces.length) + mixture.span(window)[0]
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

    def pieces(self, window: int) -> Pieces:
        """The pieces of a window in the order in which they stand in it."""
        laid, order = self._laid(window)
        return laid if order is None else in_rows(laid, self.context, order)

    def _laid(self, window: int) -> tuple[Pieces, np.ndarray | None]:
        """The pieces of a window in the order in which they are laid out in rows; and the order of the rows, where it
        is another: (rows,) of the largest context."""
        quotas = self.mixture.quotas(window)
        parts = [stream.pieces(*quota) for stream, quota in zip(self.streams, quotas, strict=True)]
        pieces, stream = Pieces.join(parts), np.repeat(np.arange(len(parts)), [len(part.length) for part in parts])
        lots = scramble(np.arange(len(stream)), seed_of(self.seed, "window", window))
        if not self.even:
            return pieces.take(np.argsort(lots, kind="stable")), None
        by_stream = np.lexsort((lots, stream))
        pieces, stream = pieces.take(by_stream), stream[by_stream]
        rows = np.arange(int(pieces.length.sum()) // self.context)
        lots = scramble(rows, seed_of(self.seed, "rows", window))
        return pieces, deal_rows(stream, pieces.length, self.context, lots)

    def _rows_of_window(self, window: int, context: int) -> Rows:
        pieces, order = self._laid(window)
        rows = self._lay_out(pieces, context)
        if order is None:
            return rows
        parts = self.context // context
        return rows[(order[:, None] * parts + np.arange(parts)).reshape(-1)]

    def _lay_out(self, pieces: Pieces, context: int) -> Rows:
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
