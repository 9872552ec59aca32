"""The ledger: per source, documents in = kept + dropped by a named rule, and bytes in = kept + dropped + what named
steps took away from documents that stayed (below zero where they added), to the byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """A number of documents and their bytes of UTF-8 text."""

    documents: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        self.documents += 1
        self.bytes += size

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.documents + other.documents, self.bytes + other.bytes)


@dataclass
class SourceLedger:
    """What came in from one source, and where each document of it went."""

    came: Tally = field(default_factory=Tally)
    kept: dict[str, Tally] = field(default_factory=dict)  # by "train/fr", "validation/it": split and language
    dropped: dict[str, Tally] = field(default_factory=dict)  # by the name of the rule
    changed: dict[str, Tally] = field(default_factory=dict)  # by step: documents touched, bytes taken away
    licenses: dict[str, int] = field(default_factory=dict)  # documents by licence

    def keep(self, place: str, tally: Tally) -> None:
        self.kept[place] = self.kept.get(place, Tally()) + tally

    def drop(self, rule: str, tally: Tally) -> None:
        self.dropped[rule] = self.dropped.get(rule, Tally()) + tally

    def change(self, step: str, tally: Tally) -> None:
        self.changed[step] = self.changed.get(step, Tally()) + tally

    def balances(self) -> bool:
        """Whether what came in is exactly what was kept, dropped and taken away."""
        taken = Tally(0, sum(tally.bytes for tally in self.changed.values()))
        return sum([*self.kept.values(), *self.dropped.values()], taken) == self.came

    def to_json(self) -> dict[str, Any]:
        return {
            "came": vars(self.came),
            "kept": {name: vars(tally) for name, tally in sorted(self.kept.items())},
            "dropped": {name: vars(tally) for name, tally in sorted(self.dropped.items())},
            "changed": {name: vars(tally) for name, tally in sorted(self.changed.items())},
            "licenses": dict(sorted(self.licenses.items())),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SourceLedger:
        return SourceLedger(
            Tally(**data["came"]),
            {name: Tally(**tally) for name, tally in data["kept"].items()},
            {name: Tally(**tally) for name, tally in data["dropped"].items()},
            {name: Tally(**tally) for name, tally in data["changed"].items()},
            dict(data["licenses"]),
        )


def table(ledgers: Mapping[str, SourceLedger]) -> list[dict[str, Any]]:
    """One row a source, for people: documents and bytes in, kept for training and validation, dropped by rule."""
    rows = []
    for name, ledger in ledgers.items():
        train = _sum(t for place, t in ledger.kept.items() if place.startswith("train/"))
        held = _sum(t for place, t in ledger.kept.items() if place.startswith("validation/"))
        rows.append(
            {
                "source": name,
                "came": ledger.came,
                "train": train,
                "validation": held,
                "dropped": {rule: tally.documents for rule, tally in ledger.dropped.items()},
            }
        )
    return rows


def _sum(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, Tally())
