"""What a licence of training data asks of who passes a model on: a table, and the most restrictive one of several.

The order is one of caution, not of law: whether weights inherit anything from the text that they were trained on is not
settled, and the card says so. What is not understood counts as the most restrictive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

UNSTATED = "not stated"
CLASSES = ("public", "attribution", "share-alike", "non-commercial", "no-derivatives", "unknown")  # from free to strict
OTHER = "other"


@dataclass(frozen=True)
class Licence:
    """A row of licences.yaml. id: the hub's name of it, where `license` of a model card has one."""

    pattern: str
    kind: str
    id: str
    link: str = ""


@cache
def table() -> tuple[Licence, ...]:
    text = (resources.files("calame.release") / "licences.yaml").read_text(encoding="utf-8")
    return tuple(Licence(**row) for row in yaml.safe_load(text))


def find_licence(text: str) -> Licence:
    """What a licence is, as people write it. Of several in one text the strictest; what no row knows is unknown."""
    parts = [part for part in re.split(r"[;+]|\band\b|\bet\b", text) if part.strip()]
    strange = Licence("", "unknown", "unknown")
    found = [next((row for row in table() if re.search(row.pattern, _plain(part))), strange) for part in parts]
    return max(found, key=lambda row: CLASSES.index(row.kind), default=strange)


def _plain(text: str) -> str:
    """Small letters and digits, with single blanks between: cc-by_sa 4.0 and CC BY-SA 4.0 are the same."""
    return " ".join(re.sub(r"[^a-z0-9.]+", " ", text.lower()).split())


def inherited(documents: Mapping[str, int], chosen: str | None) -> dict[str, Any]:
    """`documents` by licence, as the ledger writes them. chosen: the author's licence of the weights, if any.

    {kind, id, by: [the licences of that kind], documents: by licence with its kind, of: all documents}"""
    rows = {name: find_licence(name) for name in documents}
    strictest = max((row.kind for row in rows.values()), key=CLASSES.index)
    same = {name: row for name, row in rows.items() if row.kind == strictest}
    ids = {row.id for row in same.values()}
    identity = ids.pop() if len(ids) == 1 else OTHER
    found = {
        "kind": strictest,
        "id": identity,
        "by": sorted(same),
        "documents": {name: {"number": documents[name], "kind": row.kind} for name, row in rows.items()},
        "of": sum(documents.values()),
        "share": sum(documents[name] for name in same) / (sum(documents.values()) or 1),
    }
    if chosen:
        own = find_licence(chosen)
        freer = CLASSES.index(own.kind) < CLASSES.index(strictest)
        found |= {"chosen": chosen, "chosen_id": own.id, "freer": freer}
    return found
