"""Which language a generation is in, and whether it changes on the way. The detector is the corpus room's, offline.

Margins (how far the likeliest language's probability is above the next one's) were measured on passages of French,
Italian and English prose, among all languages that the detector knows (docs/evaluation-behaviour.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from calame.corpus.language_id import guess, letters

LEAST_LETTERS = 20  # with fewer nothing is said
CONFIDENT = 0.5  # margin of a label that may count as a switch


def language_of(text: str, margin: float = 0.0) -> str:
    """The likeliest language of a text; empty where it has too few letters, or the margin is not reached."""
    if letters(text) < LEAST_LETTERS:
        return ""
    found = guess(text)
    return found.language if found.margin >= margin else ""


def switch_rate(parts: Sequence[str]) -> float:
    """Pairs of neighbours whose languages are surely different, over all pairs of neighbours; 0 where there is none."""
    labels = [language_of(part, CONFIDENT) for part in parts]
    pairs = list(pairwise(labels))
    return sum(bool(a and b and a != b) for a, b in pairs) / len(pairs) if pairs else 0.0
