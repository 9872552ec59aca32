"""What becomes of each document once the sources stand side by side, and how that is read back.

SOURCE.npy              one byte a document of the source: a decision
SOURCE.edits.jsonl.zst  where kept documents lose a part: {"row", "text"} a line, by row, the text that is left; absent
                        if none
SOURCE.scores.npy       of the documents' quality, where it was judged
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard

TRAIN, VALIDATION, DUPLICATE, NEAR, REPEATED, POOR, UNUSED = 0, 1, 2, 3, 4, 5, 6
DROPPED = {  # decisions by which a document goes, with their names in the ledger
    DUPLICATE: "exact duplicate",
    NEAR: "near duplicate",
    REPEATED: "little but repeated paragraphs",
    POOR: "low quality",
    UNUSED: "out of domain, and not needed for validation",
}


def read_decisions(folder: Path, source: str) -> np.ndarray:
    return np.load(folder / f"{source}.npy")


def read_scores(folder: Path, source: str) -> np.ndarray | None:
    """Of the quality of a source's documents, where it was judged."""
    path = folder / f"{source}.scores.npy"
    return np.load(path) if path.is_file() else None


def edits_path(folder: Path, source: str) -> Path:
    return folder / f"{source}.edits.jsonl.zst"


def read_edits(folder: Path, source: str) -> Iterator[tuple[int, str]]:
    """(row, text that is left), by row, of documents that lost a part of theirs when sources were joined."""
    path = edits_path(folder, source)
    if not path.is_file():
        return
    with path.open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw)
        for line in io.TextIOWrapper(stream, encoding="utf-8", newline="\n"):
            edit = json.loads(line)
            yield edit["row"], edit["text"]
