"""Decontamination: documents that hold items of named evaluation files are reported, or dropped.

A text of an item (a question, a context, a choice) is found by its runs of 13 words (Brown et al. 2020, "Language
Models are Few-Shot Learners", appendix C); a shorter one as a whole, down to 6 words (they: 8; docs/corpus-privacy.md
has the measurement). What is shorter still is looked for together with its item's other texts, in their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from calame.corpus.document import Document
from calame.corpus.evaluation_items import Item, read_items, texts
from calame.corpus.step import Drop, Step
from calame.corpus.words import compatible_hashes, extended, run_hashes
from calame.recipe.errors import refuse
from calame.recipe.texts import Decontamination
from calame.run.progress import say

RULE = "contaminated"
TITLE = "title"  # of the article that an item's context is from
TABLE_BITS = 22  # of a first look, so that few runs are searched for


class Part(NamedTuple):
    """A text of an item: where it is from, and its number of different runs."""

    file: str
    item: str
    field: str
    runs: int


@dataclass
class Index:
    """All runs of words of the evaluation items.

    lengths: words of the runs that there are, ascending
    hashes, owners: by length, (runs,) uint64 sorted, and the part that each belongs to
    table: (2^TABLE_BITS,) whether any run has these low bits
    short: items by file that are too short to be looked for; items: all, by file
    """

    parts: list[Part] = field(default_factory=list)
    hashes: dict[int, np.ndarray] = field(default_factory=dict)
    owners: dict[int, np.ndarray] = field(default_factory=dict)
    table: np.ndarray = field(default_factory=lambda: np.zeros(1 << TABLE_BITS, bool))
    items: dict[str, int] = field(default_factory=dict)
    short: dict[str, int] = field(default_factory=dict)

    @property
    def lengths(self) -> list[int]:
        return sorted(self.hashes)

    def find(self, text: str) -> dict[int, int]:
        """By part that shares a run with the text: how many of its runs do."""
        if not self.hashes:
            return {}
        hashes = compatible_hashes(text)
        runs, found = hashes, defaultdict(int)
        for length in range(1, min(self.lengths[-1], len(hashes)) + 1):
            runs = hashes if length == 1 else extended(runs, hashes, length)
            if length in self.hashes:
                for part in self._owners(runs, length):
                    found[part] += 1
        return found

    def _owners(self, runs: np.ndarray, length: int) -> Iterator[int]:
        """The parts that the runs belong to, each as often as different runs of it are there."""
        likely = np.unique(runs[self.table[runs & np.uint64(len(self.table) - 1)]])
        known = self.hashes[length]
        first, last = np.searchsorted(known, likely), np.searchsorted(known, likely, "right")
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            yield from self.owners[length][begin:end].tolist()


def build_index(keys: Decontamination) -> Index:
    """Read the evaluation files. Raises `UserError` for one that cannot be read, or has none of the columns."""
    builder = _Builder(keys)
    for name, location in keys.files.items():
        seen = [builder.add(item) for item in read_items(name, location, f"corpus.decontaminate.files.{name}")]
        if not any(seen):
            raise refuse(
                "corpus.decontaminate.fields",
                f"{location}: no item has text in {', '.join(keys.fields) or 'any column'}",
                remedy="name the columns that hold it",
            )
    return builder.finish()


class _Builder:
    """Collects the runs of items."""

    def __init__(self, keys: Decontamination):
        self.keys = keys
        self.index = Index(items=dict.fromkeys(keys.files, 0), short=dict.fromkeys(keys.files, 0))
        self.runs: dict[int, list[tuple[np.ndarray, int]]] = defaultdict(list)

    def add(self, item: Item) -> bool:
        """Add the texts of an item, or, if none is long enough, all of them together; False where it has none."""
        held = [(column, compatible_hashes(text)) for column, text in texts(item.values, self.keys.fields)]
        long = [(column, hashes) for column, hashes in held if len(hashes) >= self._least(column, item.values[column])]
        if not long:
            together = np.concatenate([hashes for _, hashes in held]) if held else np.zeros(0, np.uint64)
            if len(together) >= self.keys.shortest:
                long = [("+".join(dict(held)), together)]
        for column, hashes in long:
            length = min(self.keys.ngram, len(hashes))
            different = np.unique(run_hashes(hashes, length))
            self.runs[length].append((different, len(self.index.parts)))
            self.index.parts.append(Part(item.file, item.name, column, len(different)))
        self.index.items[item.file] += 1
        self.index.short[item.file] += not long
        return bool(held)

    def _least(self, column: str, value: Any) -> int:
        """Words that a text needs to be looked for by itself: short choices and answers (of a list) are said of many
        things, and a title is the name of one; they are no item."""
        alone = isinstance(value, str) and (column != TITLE or TITLE in self.keys.fields)
        return self.keys.shortest if alone else self.keys.ngram

    def finish(self) -> Index:
        index = self.index
        for length, owned in self.runs.items():
            hashes = np.concatenate([part for part, _ in owned])
            owners = np.concatenate([np.full(len(part), number, np.int64) for part, number in owned])
            order = np.argsort(hashes, kind="stable")
            index.hashes[length], index.owners[length] = hashes[order], owners[order]
            index.table[hashes & np.uint64(len(index.table) - 1)] = True
        return index


@dataclass
class Decontaminate:
    """Reports the items that a document holds, or drops it.

    metadata["contamination"]: [{"file", "item", "field", "share"}], the share of the text's runs that are there.
    """

    index: Index
    drop: bool
    least_share: float
    name: str = "decontamination"

    def __call__(self, document: Document) -> Document | Drop:
        found = self.index.find(document.text)
        if not found:
            return document
        hits = [(self.index.parts[number], count) for number, count in sorted(found.items())]
        report = [
            {"file": part.file, "item": part.item, "field": part.field, "share": round(count / part.runs, 3)}
            for part, count in hits
        ]
        held = max(report, key=lambda hit: hit["share"])
        if self.drop and held["share"] >= self.least_share:
            return Drop(RULE, f"{held['file']} {held['item']} {held['field']} {held['share']:.2f}")
        return replace(document, metadata={**document.metadata, "contamination": report})


def decontamination_steps(keys: Decontamination | None) -> list[Step]:
    """The step that a recipe asks for; none without evaluation files."""
    if keys is None:
        return []
    index = build_index(keys)
    for file, short in index.short.items():
        if short:
            say(f"  decontaminate {file}: {short:,} of {index.items[file]:,} items are too short to be looked for")
    return [Decontaminate(index, keys.action == "drop", keys.least_share)]
