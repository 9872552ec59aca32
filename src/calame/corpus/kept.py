"""The corpus as everything after it reads it: what is kept of each source, and its final text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions, read_edits, read_scores
from calame.corpus.document import Document
from calame.corpus.gather import read_documents
from calame.corpus.inject.read import read_injected, read_injected_edits


class Kept(NamedTuple):
    """A document that is kept: its row in its source, where it goes (TRAIN or VALIDATION), and its text as it is to be
    read, edits made."""

    row: int
    split: int
    document: Document


def read_kept(source: Path, joined: Path, name: str, injected: Path | None = None) -> Iterator[Kept]:
    """The documents of a source (its folder, the joined corpus' folder, its name) that are kept, in order,
    each with its score in its metadata where its quality was judged.

    `injected`: the injector's folder, where there is one: training documents as it changed them, and after the
    source's own the new ones.
    """
    decisions, edits, scores = read_decisions(joined, name), read_edits(joined, name), read_scores(joined, name)
    changed = read_injected_edits(injected, name) if injected else {}
    assert all(decisions[row] == TRAIN for row in changed), "validation is never touched"
    edited, left = next(edits, (-1, ""))
    for row, (document, decision) in enumerate(zip(read_documents(source), decisions, strict=True)):
        if row == edited:
            document = replace(document, text=left)
            edited, left = next(edits, (-1, ""))
        if row in changed:
            document = replace(document, text=changed[row])
        if scores is not None:
            document = replace(document, metadata={**document.metadata, "score": float(scores[row])})
        if decision in (TRAIN, VALIDATION):
            yield Kept(row, int(decision), document)
    for row, document in enumerate(read_injected(injected, name) if injected else (), len(decisions)):
        yield Kept(row, TRAIN, document)
