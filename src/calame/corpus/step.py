"""A step: what is done to one document, in the order that the recipe gives.

A step is a function of the document alone: it never remembers another one, so that a corpus may be cut anywhere and
worked on by any number of processes with the same result. What needs to see several documents belongs to `join.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from calame.corpus.document import Document


@dataclass(frozen=True)
class Drop:
    """A step's verdict that a document goes. `rule` names it in the ledger (few, fixed names: "too short"); `detail`
    says what was measured ("41 words, 50 asked")."""

    rule: str
    detail: str = ""


class Step(Protocol):
    """`name` stands in the ledger for the bytes that the step takes away from documents that it keeps."""

    name: str

    def __call__(self, document: Document) -> Document | Drop: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one document that came with `size` bytes: the steps that changed it, with the bytes that each took
    away (below zero where it added), and the document as it is kept, or the verdict and the text it was made on."""

    size: int
    changes: tuple[tuple[str, int], ...]
    result: Document | Drop
    last: str = ""  # the text that was dropped, after the changes before

    @property
    def left(self) -> int:
        """Bytes that are left after all changes: of what is kept, or of what is dropped."""
        return self.size - sum(taken for _, taken in self.changes)


def walk(document: Document, steps: Sequence[Step]) -> Outcome:
    """Take a document through the steps, up to the first that drops it."""
    size = before = len(document.text.encode())
    changes: list[tuple[str, int]] = []
    for step in steps:
        result = step(document)
        if isinstance(result, Drop):
            return Outcome(size, tuple(changes), result, document.text)
        if result.text is not document.text and result.text != document.text:
            after = len(result.text.encode())
            changes.append((step.name, before - after))
            before = after
        document = result
    return Outcome(size, tuple(changes), document)
