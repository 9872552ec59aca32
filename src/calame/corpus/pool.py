"""All documents of all sources, numbered through in order of priority: what decisions over the whole corpus work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calame.corpus.decisions import TRAIN
from calame.corpus.document import Document, content_hash
from calame.corpus.gather import read_keys, read_some
from calame.corpus.ledger import Tally
from calame.run.files import read_json


@dataclass
class Pool:
    """Documents are known by their number. Texts are read from disk, never held; of each document there is its key.

    `decisions` says TRAIN until a document is decided about. `keys` follow the edits: hash and bytes are those of the
    text that is left. `ties` are pairs of kept documents that must stand on the same side of validation.
    """

    folders: Mapping[str, Path]
    languages: Mapping[str, list[str]]
    begins: np.ndarray  # (sources + 1): the number of each source's first document, and of all
    keys: np.ndarray  # (documents) of KEY
    decisions: np.ndarray  # (documents) bytes
    ties: list[tuple[int, int]] = field(default_factory=list)
    changes: dict[str, dict[str, Tally]] = field(default_factory=dict)  # source, rule: what was taken away

    @staticmethod
    def open(folders: Mapping[str, Path]) -> Pool:
        """The sources as they were gathered, the first with the highest priority."""
        parts = [read_keys(folder) for folder in folders.values()]
        languages = {name: read_json(folder / "ledger.json")["languages"] for name, folder in folders.items()}
        keys = np.concatenate(parts)
        begins = np.cumsum([0, *(len(part) for part in parts)])
        return Pool(folders, languages, begins, keys, np.full(len(keys), TRAIN, np.uint8))

    def rows(self, name: str) -> slice:
        """The numbers of a source's documents."""
        at = list(self.folders).index(name)
        return slice(int(self.begins[at]), int(self.begins[at + 1]))

    def place(self, number: int) -> tuple[str, int]:
        """The source and the row of a document."""
        at = int(np.searchsorted(self.begins, number, "right")) - 1
        return list(self.folders)[at], number - int(self.begins[at])

    @property
    def kept(self) -> np.ndarray:
        """(documents) whether each is still there."""
        return self.decisions == TRAIN

    def documents(self, wanted: np.ndarray) -> Iterator[tuple[int, Document]]:
        """(number, document as it was gathered) of those that are wanted, in order."""
        for name, folder in self.folders.items():
            rows = self.rows(name)
            for row, document in read_some(folder, wanted[rows]):
                yield rows.start + row, document

    def edit(self, number: int, text: str, rule: str) -> None:
        """Take note that a document is now this text."""
        name, _ = self.place(number)
        size = len(text.encode())
        changes = self.changes.setdefault(name, {})
        changes[rule] = changes.get(rule, Tally()) + Tally(1, int(self.keys["bytes"][number]) - size)
        self.keys["hash"][number], self.keys["bytes"][number] = content_hash(text), size


Decider = Callable[[Pool], None]  # gives documents that are still kept another decision; a pure function of the pool
