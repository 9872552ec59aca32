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


class Loader:
    """Batches of the training stream of several sources.

    `context`: tokens of a row, or the timeline that says so by position. The mixture's window is a multiple of every
    context, so that steps of the context change neither the text nor its order, only where rows are cut. Its names are
    those of the shards in their order, or SOURCE/LANGUAGE for each language of one.
    even: the pieces of a window stand so that each source's share holds all along it, to half a piece.
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
                found.append(Trace(shard.name, shard.document_id(pieces.document[k]), begin + skip, count, text))
        return found

    def pieces(self, window: int) -> Pieces:
        """The pieces of a window in the order in which they stand in it."""
        quotas = self.mixture.quotas(window)
        parts = [stream.pieces(*quota) for stream, quota in zip(self.streams, quotas, strict=True)]
        number = sum(len(part.length) for part in parts)
        lots = scramble(np.arange(number), seed_of(self.seed, "window", window))
        if self.even:
            ends = np.cumsum([len(part.length) for part in parts])[:-1]
            own = [np.argsort(part, kind="stable") for part in np.split(lots, ends)]
            parts = [part.take(order) for part, order in zip(parts, own, strict=True)]
            lots = np.concatenate([_middles(part.length) for part in parts])
        return Pieces.join(parts).take(np.argsort(lots, kind="stable"))

    def _rows_of_window(self, window: int, context: int) -> Rows:
        pieces = self.pieces(window)
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


def _middles(lengths: np.ndarray) -> np.ndarray:
    """Where the middle of each piece lies along all of them, from 0 to 1."""
    ends = np.cumsum(lengths)
    return (ends - lengths / 2) / max(ends[-1], 1) if len(lengths) else np.zeros(0)


def _ranges(tokens: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """tokens[begin : begin + length] for each pair, joined."""
    offsets = begins - (np.cumsum(lengths) - lengths)
    return tokens[np.repeat(offsets, lengths) + np.arange(int(lengths.sum()))]
