"""RODIN's rules (scripts of its cleaning; thresholds by source in recipe/clean_kinds.py).

RODIN publishes thresholds, not all of its formulas. Here a share is of all characters or of all lines that are not
blank; a word is what blanks part; an item of a list begins with a bullet, a hyphen or a number and ends without a sign.
So neither speech (- Sì, rispose.) nor articles of a law (a) le bien ;) nor the steps of a manual are lists.
"""

from __future__ import annotations

import re

import numpy as np

from calame.corpus.clean.characters import CAPITAL, DIGIT, LETTER, SPACE
from calame.corpus.clean.gopher import repeated
from calame.corpus.clean.measure import Measured, measured
from calame.corpus.clean.tokens import among, hash_words
from calame.corpus.language_id import likeliest
from calame.corpus.step import Drop
from calame.recipe.clean import Heuristics

CLOSED = tuple('.!?…»”"’;,:)')  # signs in which no item of a list ends
ITEM = re.compile(r"\s*(?:[-*•·▪◦‣●○]\s|\(?\d{1,3}[.)°]\s|\(?[a-z]\)\s)\s*\S")
ENOUGH_LINES = 10  # fewer lines are never "repeated"
HEAD = 1000  # characters by which another language is told


def judge(text: str, rules: Heuristics, common: np.ndarray, language: str) -> Drop | None:
    """common: of the language's common words, as `hash_common` gives them."""
    page = measured(text)
    lines = page.full_lines
    words = page.runs
    for rule, found, least in (
        ("too few characters", len(text), rules.min_characters),
        ("too few words", words, rules.min_words),
        ("too few lines", len(lines), rules.min_lines),
    ):
        if found < least:
            return Drop(rule, f"{found}, {least} asked")
    length = len(page.tokens.codes) / max(1, words)
    if not rules.min_word_length <= length <= rules.max_word_length:
        allowed = f"{rules.min_word_length:g} to {rules.max_word_length:g}"
        return Drop("word length", f"{length:.2f} characters a word, {allowed} allowed")
    long_lines = [line for line in lines if not 3 < len(line) <= rules.short_line]
    again = repeated(long_lines)[0] / len(lines) if len(lines) >= ENOUGH_LINES else 0.0
    for rule, share, most in (
        ("special characters", 1 - page.share(LETTER | DIGIT | SPACE), rules.max_special),
        ("digits", page.share(DIGIT), rules.max_digits),
        ("capitals", page.share(CAPITAL), rules.max_capitals),
        ("repeated lines", again, rules.max_repeated_lines),
        ("list", _items(lines) if rules.max_list_lines < 1 else 0.0, rules.max_list_lines),
    ):
        if share > most:
            return Drop(rule, f"{share:.3f}, at most {most:g}")
    return _other_language(page, rules, common, language)


def hash_common(words: list[str]) -> np.ndarray:
    """Hashes of words in small letters, with a capital, and in capitals."""
    return hash_words(sorted({form for word in words for form in (word, word.capitalize(), word.upper())}))


def _items(lines: list[str]) -> float:
    items = sum(not line.rstrip().endswith(CLOSED) and ITEM.match(line) is not None for line in lines)
    return items / max(1, len(lines))


def common_share(page: Measured, common: np.ndarray) -> float:
    """Common words of a language in all words, signs not counted."""
    return float(np.count_nonzero(among(page.plain.hashes, common))) / max(1, len(page.plain))


def _other_language(page: Measured, rules: Heuristics, common: np.ndarray, language: str) -> Drop | None:
    """By common words; where they do not settle it, by a model that is sure of another language."""
    share = common_share(page, common) if rules.min_common_words else 1.0
    if share >= rules.min_common_words:
        return None
    if share < rules.no_common_words:
        return Drop("another language", f"{share:.3f} common words of {language}")
    found, certain = likeliest(page.text[:HEAD])
    if found != language and certain >= rules.other_language:
        return Drop("another language", f"{share:.3f} common words of {language}; {found} by {certain:.2f}")
    return None
