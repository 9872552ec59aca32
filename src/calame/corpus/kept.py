"""The corpus as everything after it reads it: what is kept of each source, and its final text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions, read_edits
from calame.corpus.document import Document
from calame.corpus.gather import read_documents


class Kept(NamedTuple):
    """A document that is kept: its row in its source, where it goes (TRAIN or VALIDATION), and its text as it is to be
    read, edits made."""

    row: int
    split: int
    document: Document


def read_kept(source: Path, joined: Path, name: str) -> Iterator[Kept]:
    """The documents of a source (its folder, the joined corpus' folder, its name) that are kept, in order."""
    edits = read_edits(joined, name)
    edited, text = next(edits, (-1, ""))
    for row, (document, decision) in enumerate(zip(read_documents(source), read_decisions(joined, name), strict=True)):
        if row == edited:
            document = replace(document, text=text)
            edited, text = next(edits, (-1, ""))
        if decision in (TRAIN, VALIDATION):
            yield Kept(row, int(decision), document)
