"""What decontamination found in a source, summed up from its documents and rejects."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from calame.corpus.decontaminate import RULE
from calame.corpus.gather import read_documents
from calame.corpus.readers.kinds import read_rows


def contamination_report(folder: Path) -> dict[str, dict[str, int]]:
    """Of a gathered source, by evaluation file: `items` that were found, `documents` that hold any, how many of those
    hold a text of an item `whole`, and how many were `dropped`."""
    items: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for document in read_documents(folder):
        for file in {hit["file"] for hit in document.metadata.get("contamination", ())}:
            hits = [hit for hit in document.metadata["contamination"] if hit["file"] == file]
            items[file].update(hit["item"] for hit in hits)
            counts[file].update(documents=1, whole=any(hit["share"] == 1 for hit in hits), dropped=0)
    for row in read_rows(folder / "rejects.jsonl.zst"):
        rule, _, detail = (row.values or {}).get("reason", "").partition(": ")
        if rule == RULE:
            file, item, *_, share = detail.split()
            items[file].add(item)
            counts[file].update(documents=1, whole=share == "1.00", dropped=1)
    return {file: {"items": len(items[file]), **counts[file]} for file in sorted(counts)}
