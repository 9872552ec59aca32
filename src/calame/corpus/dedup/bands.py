"""Which documents are candidates for near duplicates: those whose signatures agree in a whole band.

A signature is cut into bands of rows; two documents of Jaccard index J agree in a row with probability J, hence in at
least one of b bands of r rows with 1 - (1 - J^r)^b, the S-curve (Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", 3.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calame.corpus.dedup import rodin
from calame.corpus.dedup.shingles import odd_numbers
from calame.corpus.dedup.signature import SignatureFile
from calame.corpus.pool import Pool
from calame.corpus.words import mix
from calame.recipe.dedup import Near

AT_ONCE = 1 << 16  # documents
BANDS_AT_ONCE = 4  # whose keys are held: 8 bytes a document each
NONE = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Bands:
    number: int
    rows: int

    def acceptance(self, jaccard: float) -> float:
        """The probability that two documents of this Jaccard index are candidates."""
        return 1 - (1 - jaccard**self.rows) ** self.number


def choose_bands(near: Near) -> Bands:
    """As many rows as still find the share `recall` of the pairs at `jaccard`: the fewest candidates in vain."""
    if near.method == "rodin":
        return Bands(rodin.BANDS, rodin.ROWS)
    choices = (Bands(near.permutations // rows, rows) for rows in range(near.permutations, 0, -1))
    return next(bands for bands in choices if bands.acceptance(near.jaccard) >= near.recall)


class Buckets:
    """The documents that agree with another one in a band, bucket by bucket, and those of them that were kept so far.

    Documents are taken in ascending order: `earlier(document)` and then, perhaps, `keep(document)`.
    """

    def __init__(self, pool: Pool, near: Near, bands: Bands):
        parts = list(_shared(pool, near, bands))
        there = np.zeros(len(pool.keys), bool)
        for documents, _ in parts:
            there[documents] = True
        self.members = np.flatnonzero(there).astype(np.uint32)
        # Entries: the documents of a bucket in ascending order, bucket by bucket.
        self.documents = np.zeros(sum(len(documents) for documents, _ in parts), np.uint32)
        self.filled = np.zeros(len(self.documents), np.uint32)  # by a bucket's beginning: how many of it were kept
        self.begins = np.full((len(self.members), bands.number), NONE)  # where a member's bucket of each band begins
        end = 0
        for band, (documents, sizes) in enumerate(parts):
            self.documents[end : end + len(documents)] = documents
            begins = (end + np.cumsum(sizes) - sizes).astype(np.uint32)
            self.begins[np.searchsorted(self.members, documents), band] = np.repeat(begins, sizes)
            end += len(documents)

    def _of(self, document: int) -> np.ndarray:
        """Where the buckets of a document begin."""
        begins = self.begins[np.searchsorted(self.members, document)]
        return begins[begins != NONE]

    def earlier(self, document: int) -> tuple[np.ndarray, np.ndarray]:
        """The documents kept so far that share a bucket with this one, and how many they share."""
        begins = self._of(document)
        ends = begins + self.filled[begins]
        found = [self.documents[begin:end] for begin, end in zip(begins, ends, strict=True) if end > begin]
        if not found:
            return np.zeros(0, np.uint32), np.zeros(0, np.int64)
        return np.unique(np.concatenate(found), return_counts=True)

    def keep(self, document: int) -> None:
        """The kept ones of a bucket are written over its beginning, where entries are no longer needed."""
        begins = self._of(document)
        self.documents[begins + self.filled[begins]] = document
        self.filled[begins] += 1


def _shared(pool: Pool, near: Near, bands: Bands) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each band the documents of all buckets with several, one bucket after the other, and the buckets' sizes."""
    for first in range(0, bands.number, BANDS_AT_ONCE):
        group = range(first, min(first + BANDS_AT_ONCE, bands.number))
        numbers, keys = _band_keys(pool, near, bands, group)
        for column in keys:
            order = np.argsort(column, kind="stable")
            ordered = column[order]
            edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
            sizes = np.diff(edges)
            yield numbers[order[np.repeat(sizes > 1, sizes)]], sizes[sizes > 1]


def _band_keys(pool: Pool, near: Near, bands: Bands, group: range) -> tuple[np.ndarray, np.ndarray]:
    """(n) the numbers of the kept documents that have any shingle, and (bands of the group, n) a hash of each band."""
    factors = odd_numbers(bands.rows, 6)
    numbers, keys = [np.zeros(0, np.uint32)], [np.zeros((len(group), 0), np.uint64)]
    for begin, rows in read_signatures(pool, near):
        there = pool.kept[begin : begin + len(rows)] & (rows[:, 0] > 0)
        values = rows[there, 1 + group.start * bands.rows : 1 + group.stop * bands.rows].astype(np.uint64)
        values = values.reshape(len(values), len(group), bands.rows)
        keys.append(mix((values * factors).sum(axis=2, dtype=np.uint64)).T)
        numbers.append((begin + np.flatnonzero(there)).astype(np.uint32))
    return np.concatenate(numbers), np.concatenate(keys, axis=1)


def read_signatures(pool: Pool, near: Near) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first, rows of signatures.u4) of all documents, a part at a time."""
    for name, folder in pool.folders.items():
        rows, file = pool.rows(name), SignatureFile(folder, near)
        assert file.path.stat().st_size == (rows.stop - rows.start) * file.width * 4
        for begin in range(rows.start, rows.stop, AT_ONCE):
            yield begin, file.rows(begin - rows.start, min(AT_ONCE, rows.stop - begin))
