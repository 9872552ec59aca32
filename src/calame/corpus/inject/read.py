"""What the injector made of a source: rows that it changed, and new documents, which follow the source's rows."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from calame.corpus.document import Document


def read_injected_edits(folder: Path, source: str) -> dict[int, str]:
    """By row, the text of documents that were changed."""
    return {line["row"]: line["text"] for line in _lines(folder / f"{source}.edits.jsonl.zst")}


def read_injected(folder: Path, source: str) -> Iterator[Document]:
    """The new documents of a source, in order: the first has the row after the source's last."""
    for values in _lines(folder / f"{source}.documents.jsonl.zst"):
        yield Document(**values)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        with path.open("rb") as raw:
            stream = zstandard.ZstdDecompressor().stream_reader(raw)
            yield from map(json.loads, io.TextIOWrapper(stream, encoding="utf-8", newline="\n"))
