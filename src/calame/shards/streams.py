"""A source's endless stream of tokens: its documents in a seeded order, epoch after epoch, addressed by token."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from calame.shards.order import permute, seed_of
from calame.shards.read import Shard
from calame.shards.rows import Pieces

CHUNK = 1 << 16  # documents whose order is worked out at once


class Stream:
    """One source's documents in seeded order; of one `language` only, where one is given: then the others are left out
    of that order. grain: each document's length counts as the next multiple of it, and positions asked for are
    multiples too. number: what the source is called in the pieces."""

    def __init__(self, shard: Shard, number: int, seed: int, grain: int = 1, language: str = ""):
        self.shard, self.number, self.seed = shard, number, seed
        self.lengths = shard.lengths(grain)
        self.language = shard.languages.index(language) if language else None
        self.sizes = {name: n for name, n in shard.tokens_by_language(grain).items() if language in ("", name)}
        self.size = sum(self.sizes.values())
        self._table = lru_cache(maxsize=2)(self._table_of_epoch)
        self._chunk = lru_cache(maxsize=4)(self._chunk_of_epoch)

    def pieces(self, start: int, stop: int) -> Pieces:
        """The documents of tokens [start, stop) of the stream; the first and last may be parts."""
        parts = []
        while start < stop:
            epoch, begin = divmod(start, self.size)
            order, ends = self._chunk(epoch, self._chunk_at(epoch, begin))
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

    def by_language(self, position: int) -> dict[str, int]:
        """Tokens of each language in the first `position` tokens of the stream."""
        if len(self.sizes) < 2 or not position:  # no need to look
            return dict.fromkeys(self.sizes, position)
        epoch, begin = divmod(position, self.size)
        found = epoch * self._table(epoch)[-1]
        if begin:
            chunk = self._chunk_at(epoch, begin)
            order, ends = self._chunk(epoch, chunk)
            read = np.clip(self.lengths[order] - (ends - begin), 0, self.lengths[order])
            found = found + self._table(epoch)[chunk] + self._sums(order, read)
        return {language: int(n) for language, n in zip(self.shard.languages, found, strict=True) if n}

    def _chunk_at(self, epoch: int, begin: int) -> int:
        return int(np.searchsorted(self._table(epoch).sum(1), begin, "right")) - 1

    def _table_of_epoch(self, epoch: int) -> np.ndarray:
        """(chunks + 1, languages) tokens before each chunk of an epoch, and the total."""
        chunks = range(-(-self.shard.documents // CHUNK))
        orders = (self._order(epoch, chunk) for chunk in chunks)
        sums = [self._sums(order, self.lengths[order]) for order in orders]
        return np.cumsum([np.zeros(len(self.shard.languages), np.int64), *sums], axis=0)

    def _sums(self, documents: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """(languages,) so many tokens of documents, by their language."""
        languages = self.shard.index["language"][documents]
        return np.bincount(languages, tokens, len(self.shard.languages)).astype(np.int64)

    def _chunk_of_epoch(self, epoch: int, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """The documents of a chunk in their order, and where each ends, in tokens since the epoch's beginning."""
        order = self._order(epoch, chunk)
        return order, self._table(epoch)[chunk].sum() + np.cumsum(self.lengths[order])

    def _order(self, epoch: int, chunk: int) -> np.ndarray:
        places = np.arange(chunk * CHUNK, min((chunk + 1) * CHUNK, self.shard.documents))
        order = permute(places, self.shard.documents, seed_of(self.seed, self.shard.name, epoch))
        return order if self.language is None else order[self.shard.index["language"][order] == self.language]
