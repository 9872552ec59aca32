"""The corpus as everything after it reads it: what is kept of each source, and its final text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from calame.corpus.document import Document
from calame.corpus.gather import read_documents
from calame.corpus.join import TRAIN, VALIDATION, read_decisions, read_edits, read_scores


class Kept(NamedTuple):
    """A document that is kept: its row in its source, where it goes (TRAIN or VALIDATION), and its text as it is to be
    read, edits made."""

    row: int
    split: int
    document: Document


def read_kept(source: Path, joined: Path, name: str) -> Iterator[Kept]:
    """The documents of a source (its folder, the joined corpus' folder, its name) that are kept, in order, each with
    its score in its metadata where one was given."""
    decisions, edits, scores = read_decisions(joined, name), read_edits(joined, name), read_scores(joined, name)
    for row, (document, decision) in enumerate(zip(read_documents(source), decisions, strict=True)):
        if decision in (TRAIN, VALIDATION):
            text = edits.get(row)
            if scores is not None:
                document = replace(document, metadata={**document.metadata, "score": float(scores[row])})
            yield Kept(row, int(decision), document if text is None else replace(document, text=text))
