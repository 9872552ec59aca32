"""A text cut into words, sentences, and windows of words."""

from __future__ import annotations

from itertools import pairwise

import regex

from calame.corpus.inject.pieces import boundaries

BOUNDARY = regex.compile(r"\b", regex.WORD | regex.V1)  # between words as Unicode defines them (UAX 29)
WINDOW = 20  # words


def words(text: str) -> list[str]:
    """The words by Unicode's default segmentation, as they are written; white space and punctuation are none."""
    return [piece for piece in BOUNDARY.split(text) if any(map(str.isalnum, piece))]


def sentences(text: str) -> list[str]:
    """The sentences of each line, without the white space around them; the last one may be cut off."""
    found = []
    for line in text.splitlines():
        edges = [0, *boundaries(line), len(line)]
        found += [line[begin:end].strip() for begin, end in pairwise(edges)]
    return [sentence for sentence in found if sentence]


def windows(text: str) -> list[str]:
    """Runs of WINDOW words between white space; the last one has what is left."""
    parts = text.split()
    return [" ".join(parts[start : start + WINDOW]) for start in range(0, len(parts), WINDOW)]
