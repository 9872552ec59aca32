"""Near duplicates: candidates by their signatures, each compared exactly, and the later one of a pair goes.

Documents are taken in order of priority. One goes if its shingles resemble those of a document that was kept before it,
so every one that goes has a kept one that stands for it, however long a chain of resemblances is. Documents that stay
but resemble each other somewhat are tied: validation never parts them.

near.json       the bands and their S-curve, what was compared and what came of it; near.svg: the curve
near.jsonl.zst  a document that went a line: {"source", "row", "of": [source, row], "jaccard"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from calame.corpus.decisions import NEAR
from calame.corpus.dedup.bands import Bands, Buckets, choose_bands
from calame.corpus.dedup.shingles import jaccard, shingles
from calame.corpus.forest import Forest
from calame.corpus.pool import Pool
from calame.recipe.dedup import Near
from calame.run.charts import line_chart
from calame.run.files import atomic, write_json, zstd_writer
from calame.run.progress import Bar, say

MOST_COMPARED = 500  # candidates of one document: where more are, those that share most bands; counted in near.json
BINS = 20  # of the Jaccard index, in near.json


def drop_near(pool: Pool, near: Near, folder: Path) -> None:
    """Near duplicates among the kept documents become NEAR, and what resembles without going is tied."""
    bands = choose_bands(near)
    say(
        f"  near duplicates: {bands.number} bands of {bands.rows} rows: "
        + ", ".join(f"{bands.acceptance(at):.1%} of the pairs at {at:g}" for at in _marks(near))
        + " are compared"
    )
    buckets, found = Buckets(pool, near, bands), Found(Forest(len(pool.keys)))
    if near.method == "rodin":
        _unverified(buckets, found)
    else:
        with _stored_shingles(pool, buckets.members, near.ngram, folder) as stored:
            _verified(buckets, stored, near, found)
    pool.decisions[[went.document for went in found.went]] = NEAR
    pool.ties += found.ties
    _report(pool, bands, found, folder)


@dataclass(frozen=True)
class Went:
    """A document that goes, the kept one that stands for it, and their Jaccard index where it was computed."""

    document: int
    by: int
    jaccard: float | None


@dataclass
class Found:
    """What came of the comparisons. `ties` join what belongs together and no more, so that they are fewer than the
    documents, however many pairs resemble each other (`tied`)."""

    forest: Forest
    went: list[Went] = field(default_factory=list)
    ties: list[tuple[int, int]] = field(default_factory=list)
    tied: int = 0
    compared: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))  # pairs by their Jaccard index
    too_many: int = 0  # documents with more than MOST_COMPARED candidates

    def tie(self, one: int, other: int) -> None:
        self.tied += 1
        if self.forest.join(one, other):
            self.ties.append((one, other))


def _verified(buckets: Buckets, stored: Shingles, near: Near, found: Found) -> None:
    floor = min(near.jaccard, near.same_side)
    with Bar("corpus near duplicates", len(buckets.members), "candidates") as bar:
        for document in map(int, buckets.members):
            bar.advance(1)
            candidates, shared = buckets.earlier(document)
            # The Jaccard index of two sets is at most the lesser size over the greater.
            own, sizes = stored.size(document), stored.size(candidates)
            close = np.minimum(own, sizes) >= floor * np.maximum(own, sizes)
            candidates, shared = candidates[close], shared[close]
            if len(candidates) > MOST_COMPARED:
                found.too_many += 1
                candidates = np.sort(candidates[np.argsort(-shared, kind="stable")[:MOST_COMPARED]])
            mine = stored[document] if len(candidates) else np.zeros(0, np.uint64)
            index = np.array([jaccard(mine, stored[int(other)]) for other in candidates])
            np.add.at(found.compared, np.minimum((index * BINS).astype(int), BINS - 1), 1)
            alike = candidates[index >= near.jaccard].tolist()
            if alike:
                best = int(np.argmax(index))
                found.went.append(Went(document, int(candidates[best]), float(index[best])))
                for one, other in pairwise(alike):  # they resemble one another through this one
                    found.tie(one, other)
            else:
                buckets.keep(document)
                for other in candidates[index >= near.same_side]:
                    found.tie(int(other), document)


def _unverified(buckets: Buckets, found: Found) -> None:
    """RODIN-1B: whatever shares a band with a kept document goes."""
    for document in map(int, buckets.members):
        candidates, _ = buckets.earlier(document)
        if len(candidates):
            found.went.append(Went(document, int(candidates[0]), None))
        else:
            buckets.keep(document)


class Shingles:
    """The shingle sets of some documents, in a file: 8 bytes a shingle, of which memory holds those just read."""

    def __init__(self, members: np.ndarray, bounds: np.ndarray, file: int):
        self.members, self.bounds, self.file = members, bounds, file

    def size(self, documents: int | np.ndarray) -> np.ndarray:
        """How many shingles each of the documents has."""
        at = np.searchsorted(self.members, documents)
        return self.bounds[at + 1] - self.bounds[at]

    def __getitem__(self, document: int) -> np.ndarray:
        at = int(np.searchsorted(self.members, document))
        begin, end = (int(bound) * 8 for bound in self.bounds[at : at + 2])
        return np.frombuffer(os.pread(self.file, end - begin, begin), np.uint64)


@contextmanager
def _stored_shingles(pool: Pool, members: np.ndarray, ngram: int, folder: Path) -> Iterator[Shingles]:
    """The members' shingles, in a file that is gone afterwards."""
    wanted = np.zeros(len(pool.keys), bool)
    wanted[members] = True
    sizes = np.zeros(len(members) + 1, np.int64)
    path = folder / ".shingles.tmp"
    total = int(pool.keys["bytes"][members].sum(dtype=np.uint64))
    try:
        with path.open("wb") as file, Bar("corpus near duplicates: shingles", total, "bytes") as bar:
            for at, (number, document) in enumerate(pool.documents(wanted), 1):
                found = shingles(document.text, ngram)
                file.write(found.tobytes())
                sizes[at] = len(found)
                bar.advance(int(pool.keys["bytes"][number]))
        with path.open("rb") as file:
            yield Shingles(members, np.cumsum(sizes), file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _marks(near: Near) -> list[float]:
    """Jaccard indices at which the user is told how many pairs are found."""
    return [0.7, 0.8, 0.9] if near.method == "rodin" else sorted({near.same_side, near.jaccard})


def _report(pool: Pool, bands: Bands, found: Found, folder: Path) -> None:
    curve = [(at / 100, bands.acceptance(at / 100)) for at in range(101)]
    with zstd_writer(folder / "near.jsonl.zst") as file:
        for went in found.went:
            name, row = pool.place(went.document)
            line = {"source": name, "row": row, "of": pool.place(went.by), "jaccard": went.jaccard}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    write_json(
        folder / "near.json",
        {
            "bands": bands.number,
            "rows": bands.rows,
            "acceptance": curve,
            "compared": {f"{at / BINS:.2f}": int(number) for at, number in enumerate(found.compared)},
            "went": len(found.went),
            "tied": found.tied,
            "more candidates than compared": found.too_many,
        },
    )
    chart = line_chart({f"{bands.number} bands of {bands.rows} rows": curve}, "pairs compared", "Jaccard index")
    alone = '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" '
    with atomic(folder / "near.svg", "w") as file:
        file.write(chart.replace("<svg ", alone, 1).replace('class="grid"', 'stroke="#ccc"'))
    say(f"  near duplicates: {len(found.went):,} documents go, {found.tied:,} pairs keep to one side of validation")
    if found.too_many:
        say(
            f"  near duplicates: {found.too_many:,} documents had more than {MOST_COMPARED} candidates, of which those "
            "that share most bands were compared"
        )
