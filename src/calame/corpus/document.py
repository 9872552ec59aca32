"""A document: the unit that is read, kept or dropped, and traced back to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Document:
    """A text with its origin.

    `source` is the recipe's name of the source. `group` (work, page, conversation) is what must not be split between
    training and validation. `id` is source + content hash, hence stable and, once duplicates are gone, unique.
    """

    text: str
    source: str
    group: str
    language: str
    license: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> bytes:
        """16 bytes that stand for the text itself."""
        return content_hash(self.text)

    @property
    def id(self) -> str:
        return f"{self.source}/{self.hash.hex()}"


def content_hash(text: str) -> bytes:
    """blake2b of the UTF-8 text, 16 bytes: equal texts, and in practice only they, have equal hashes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
