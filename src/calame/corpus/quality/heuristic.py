"""RODIN-1B's quality score, a formula that needs no training (RODIN kept the top 85 % of its web sources).

    0.5 clip((H - 2.5) / 2.5, 0, 1) + 0.3 distinct + 0.2 stop

H: entropy of the characters among the first 2,000, bits. distinct: different words over words, among the first 500
words. stop: share of stop words among the words of the first 3,000 characters. A word is a run of letters, in small
letters; elided ones stand alone ("l", "qu"), and so they do in the lists.

RODIN estimated its threshold with another list of stop words than the one it then applied. Here there is one list a
language, and thresholds are chosen from the very scores that they are applied to (`decide.py`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from calame.corpus.quality.stop_words import STOP_WORDS
from calame.recipe.errors import refuse

WORD = re.compile(r"[^\W\d_]+")
ENTROPY_CHARACTERS, DISTINCT_WORDS, STOP_CHARACTERS = 2000, 500, 3000
WORDS_WITHIN = 8000  # characters that are searched for the first 500 words: 16 a word, so that no book is read whole


class HeuristicScorer:
    """`stop_words`: of each language; those of the languages that come with Calame where it is left out."""

    name = "heuristic"

    def __init__(self, stop_words: Mapping[str, frozenset[str]] = STOP_WORDS):
        self.stop_words = stop_words

    def score_many(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        if unknown := sorted(set(languages) - set(self.stop_words)):
            raise refuse(
                "corpus.quality.scorer",
                f"heuristic, but there are no stop words for {', '.join(unknown)}",
                ", ".join(self.stop_words),
                "name the sources to be scored in corpus.quality.sources, or train a classifier",
            )
        scores = (score(text, self.stop_words[language]) for text, language in zip(texts, languages, strict=True))
        return np.fromiter(scores, np.float32, len(texts))


def score(text: str, stop_words: frozenset[str]) -> float:
    """The formula above; 0 for a text without characters, and no word counts as none distinct and none stopped."""
    rich = min(max((entropy(text[:ENTROPY_CHARACTERS]) - 2.5) / 2.5, 0.0), 1.0)
    opening = WORD.findall(text[:STOP_CHARACTERS].lower())
    enough = len(text) <= STOP_CHARACTERS or len(opening) > DISTINCT_WORDS  # more: its last word may be cut
    words = (opening if enough else WORD.findall(text[:WORDS_WITHIN].lower()))[:DISTINCT_WORDS]
    distinct = len(set(words)) / len(words) if words else 0.0
    stop = sum(map(stop_words.__contains__, opening)) / len(opening) if opening else 0.0
    return 0.5 * rich + 0.3 * distinct + 0.2 * stop


def entropy(text: str) -> float:
    """Shannon entropy of a text's characters, bits a character; 0 for an empty one."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
