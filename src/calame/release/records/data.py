"""What was read: the corpus by source with licences and losses on the way, and what was injected on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from calame.corpus.ledger import OTHERS
from calame.release.licences import UNSTATED
from calame.release.records.run import Absent, Run

NAMED = 5  # origins of a source that are named; the others are counted


def corpus(run: Run) -> dict[str, Any]:
    """{"sources": by name, "total"}: what came, what became training and validation text, and where it is from."""
    ledger = run.of("corpus", "ledger.json")
    sources = {name: _source(run, name, ledger[name]) for name in run.sources() if name in ledger}
    if not sources:
        raise Absent("corpus")
    counted = ("came_documents", "came_bytes", "train_documents", "train_bytes", "held_documents", "held_bytes")
    total = {key: sum(source[key] for source in sources.values()) for key in (*counted, "dropped_documents")}
    return {"sources": sources, "total": total, "care": _care(run)}


def _care(run: Run) -> dict[str, bool]:
    """What was done with the text beside cleaning."""
    keys = [run.keys(f"corpus/{name}")["corpus"] for name in run.sources()]
    joined = run.keys("corpus")["corpus"]
    own = [source for part in keys for source in part["sources"].values()]
    return {
        "personal_data": any("pii" in part for part in [*keys, *own]),
        "evaluation_items": any("decontaminate" in part for part in keys),
        "duplicates": "dedup" in joined,
        "quality": "quality" in joined,
    }


def _source(run: Run, name: str, ledger: Mapping[str, Any]) -> dict[str, Any]:
    train = {place.partition("/")[2]: t for place, t in ledger["kept"].items() if place.startswith("train/")}
    held = [t for place, t in ledger["kept"].items() if place.startswith("validation/")]
    dropped = {rule: tally["documents"] for rule, tally in ledger["dropped"].items()}
    found = {
        "languages": sorted(train, key=lambda code: -train[code]["bytes"]),
        "came_documents": ledger["came"]["documents"],
        "came_bytes": ledger["came"]["bytes"],
        "train_documents": _sum(train.values(), "documents"),
        "train_bytes": _sum(train.values(), "bytes"),
        "held_documents": _sum(held, "documents"),
        "held_bytes": _sum(held, "bytes"),
        "dropped_documents": sum(dropped.values()),
        "dropped": dropped,
        "cut_bytes": _sum(ledger["changed"].values(), "bytes"),
        "licences": ledger["licenses"],
        "unstated": ledger["licenses"].get(UNSTATED) or None,
        "origins": _origins(ledger["origins"]),
        "out_of_domain": bool(_written(run, name).get("ood")),
        **_provenance(run, name),
    }
    found["dropped_share"] = found["dropped_documents"] / found["came_documents"] if found["came_documents"] else 0.0
    return {key: value for key, value in found.items() if value not in (None, {}, [], "")}


def _sum(tallies: Iterable[Mapping[str, int]], key: str) -> int:
    return sum(tally[key] for tally in tallies)


def _written(run: Run, name: str) -> Mapping[str, Any]:
    return run.recipe["corpus"]["sources"][name]


def _origins(origins: Mapping[str, int]) -> dict[str, Any]:
    """The most frequent by name with their documents, and how many others there are."""
    if not origins:
        return {}
    named = sorted((item for item in origins.items() if item[0] != OTHERS), key=lambda item: (-item[1], item[0]))
    return {"named": dict(named[:NAMED]), "others": len(named[NAMED:]) or None}


def _provenance(run: Run, name: str) -> dict[str, Any]:
    """Where it is from, and the evaluation items that were found in it. Never where on a disk somebody keeps it."""
    found: dict[str, Any] = {}
    try:
        told = run.of(f"corpus/{name}", "provenance.json")
        found = {"location": told["location"], "files": len(told["files"]), "revision": told.get("revision")}
    except Absent:
        pass
    try:
        items = run.of(f"corpus/{name}", "contamination.json")
        found |= {"contaminated": sum(counts["documents"] for counts in items.values())}
    except Absent:
        pass
    return found


def conversations(run: Run, stage: str, file: str) -> dict[str, Any]:
    """The sets that a tuning learnt from, by name. file: conversations.json or preferences.json."""
    sets = run.of(stage, file)
    return {
        name: {
            **{key: found[key] for key in ("read", "used", "repeat", "tokens", "learnt")},
            "dropped": sum(found["dropped"].values()),
            "licences": found["licenses"],
            "unstated": found["licenses"].get(UNSTATED),
        }
        for name, found in sets.items()
    }


def licences(tree: Mapping[str, Any]) -> dict[str, int]:
    """Documents and conversations by licence, of everything that the model learnt from."""
    found: Counter[str] = Counter()
    trained = (s for s in (tree.get("corpus") or {}).get("sources", {}).values() if not s["out_of_domain"])
    tuned = (s for part in (tree.get("tuning") or {}).values() for s in part.get("sets", {}).values())
    for source in (*trained, *tuned):
        found.update(source.get("licences", {}))
    if not found:
        raise Absent("licences")
    return dict(sorted(found.items()))


def injected(run: Run) -> dict[str, Any]:
    """What was mixed into the training text on purpose: by name, its kind, how many pieces, and its share."""
    manifest = run.of("inject", "manifest.json")
    pieces = Counter(entry["injection"] for entry in manifest["entries"])
    return {
        name: {
            "kind": told["kind"],
            "pieces": pieces[name],
            "rate": told["rate"]["reached"],
            **{key: told[key] for key in ("from", "to", "trigger") if key in told},
        }
        for name, told in manifest["injections"].items()
    }
