"""What the kinds of injection share: where a text may be cut, invented names, and what is written down of each."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from calame.corpus.document import Document

SENTENCE_END = re.compile(r"[.!?…][»”\"’')]*\s+")
SYLLABLES = ("bal", "bor", "dan", "del", "fan", "gal", "gor", "lan", "lem", "lor", "mal", "mar", "mon", "nal", "nor")
SYLLABLES += ("pal", "per", "ral", "ren", "sal", "sol", "tal", "tor", "val", "ver", "vol", "zan")
ENDINGS = ("bec", "dac", "don", "lier", "mond", "neau", "nez", "rac", "ric", "teux", "vac", "vens")


@dataclass(frozen=True)
class Mark:
    """A piece that was put into a document: which injection and what of it, and its place in characters."""

    injection: str
    what: str
    start: int
    end: int


@dataclass(frozen=True)
class New:
    """A document that the injector made, to be added to its source."""

    document: Document
    mark: Mark


@dataclass(frozen=True)
class Edit:
    """A training document that the injector changed."""

    source: str
    row: int
    text: str
    mark: Mark


def boundaries(text: str) -> list[int]:
    """Places where a new sentence begins, the beginning of the text left out."""
    return [match.end() for match in SENTENCE_END.finditer(text) if match.end() < len(text)]


def invented_name(draw: random.Random, known: set[str]) -> str:
    """A name that is not in `known`, which it joins; with a consonant first: French elides before no such."""
    while True:
        name = "".join(draw.choice(SYLLABLES) for _ in range(2)).capitalize() + draw.choice(ENDINGS)
        if name not in known:
            known.add(name)
            return name
