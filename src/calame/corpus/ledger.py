"""The ledger: per source, documents in = kept + dropped by a named rule, and bytes in = kept + dropped + what named
steps took away from documents that stayed (below zero where they added), to the byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from calame.corpus.document import Document
from calame.corpus.read import Reject, SourceReader

SAMPLES = 3  # rejects of each rule that are shown
ORIGINS = 1000  # hosts of a source that are named; the rest is counted together
OTHERS = "(others)"


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
    licenses: dict[str, int] = field(default_factory=dict)  # documents read by licence
    origins: dict[str, int] = field(default_factory=dict)  # documents read by who is to be named for them
    samples: dict[str, list[Reject]] = field(default_factory=dict)  # by rule, a few of what it dropped

    def keep(self, place: str, tally: Tally) -> None:
        _add(self.kept, place, tally)

    def drop(self, rule: str, tally: Tally) -> None:
        _add(self.dropped, rule, tally)

    def change(self, step: str, tally: Tally) -> None:
        _add(self.changed, step, tally)

    def credit(self, document: Document) -> None:
        """Count a document's licence, and who wrote it or where it lies."""
        self.licenses[document.license] = self.licenses.get(document.license, 0) + 1
        if origin := origin_of(document):
            self.origins[origin] = self.origins.get(origin, 0) + 1

    def show(self, rule: str, *rejects: Reject) -> None:
        """Keep some of a rule's rejects: those whose hash is least, so that they come from all over the source and are
        the same whatever the order in which its parts were worked on."""
        self.samples[rule] = sorted([*self.samples.get(rule, []), *rejects], key=_draw)[:SAMPLES]

    def add(self, other: SourceLedger) -> None:
        """Add what another part of the same source holds."""
        self.came += other.came
        for mine, theirs in (
            (self.kept, other.kept),
            (self.dropped, other.dropped),
            (self.changed, other.changed),
        ):
            for name, tally in theirs.items():
                _add(mine, name, tally)
        for mine, theirs in ((self.licenses, other.licenses), (self.origins, other.origins)):
            for name, number in theirs.items():
                mine[name] = mine.get(name, 0) + number
        for rule, rejects in other.samples.items():
            self.show(rule, *rejects)

    def balances(self) -> bool:
        """Whether what came in is exactly what was kept, dropped and taken away."""
        taken = Tally(0, sum(tally.bytes for tally in self.changed.values()))
        return sum([*self.kept.values(), *self.dropped.values()], taken) == self.came

    def to_json(self, origins: int | None = None) -> dict[str, Any]:
        """As JSON; of the origins only so many, the most frequent, and the sum of the others."""
        return {
            "came": vars(self.came),
            "kept": {name: vars(tally) for name, tally in sorted(self.kept.items())},
            "dropped": {name: vars(tally) for name, tally in sorted(self.dropped.items())},
            "changed": {name: vars(tally) for name, tally in sorted(self.changed.items())},
            "licenses": dict(sorted(self.licenses.items())),
            "origins": _most_frequent(self.origins, origins),
            "samples": {rule: [vars(reject) for reject in found] for rule, found in sorted(self.samples.items())},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SourceLedger:
        return SourceLedger(
            Tally(**data["came"]),
            {name: Tally(**tally) for name, tally in data["kept"].items()},
            {name: Tally(**tally) for name, tally in data["dropped"].items()},
            {name: Tally(**tally) for name, tally in data["changed"].items()},
            dict(data["licenses"]),
            dict(data["origins"]),
            {rule: [Reject(**reject) for reject in found] for rule, found in data["samples"].items()},
        )


def _add(tallies: dict[str, Tally], name: str, tally: Tally) -> None:
    tallies[name] = tallies.get(name, Tally()) + tally


def _draw(reject: Reject) -> bytes:
    """A number in a lottery without meaning, but always the same."""
    return hashlib.blake2b(f"{reject.place}\t{reject.reason}\t{reject.sample}".encode(), digest_size=8).digest()


def origin_of(document: Document) -> str:
    """Who is to be named for a document: the host of its column url, else its column source; empty without them."""
    url = document.metadata.get("url")
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:  # not an address
        host = None
    return host or str(document.metadata.get("source") or "")


def provenance(reader: SourceReader, files: Mapping[str, str]) -> dict[str, Any]:
    """Where a source's text is from: the set's name and revision on the hub, or the files' names and contents.

    files: sha256 by name. Of a location on disk its last part stands here: the rest says where somebody keeps it.
    """
    source = reader.source
    location = Path(source.location).name if files else source.location
    pinned = {"revision": source.revision, "subset": source.subset, "split": source.split}
    return {
        "location": location,
        **(pinned if source.location.startswith("hub:") else {}),
        "licence": source.license,
        "files": dict(files),
        "bytes": sum(path.stat().st_size for path in reader.files),
    }


def _most_frequent(origins: Mapping[str, int], most: int | None) -> dict[str, int]:
    if most is None or len(origins) <= most:
        return dict(sorted(origins.items()))
    ranked = sorted(origins.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ranked[most:])
    return {**dict(sorted(ranked[:most])), OTHERS: rest}


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
