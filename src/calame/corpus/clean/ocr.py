"""How well a text was read by a machine, without a dictionary and without a tokenizer: words that no one writes,
characters that the language does not use, lines that break off.

The idea is RODIN's (script 19: suspect words and characters foreign to French, in deciles by source); the signs of a
suspect word below are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from calame.corpus.clean.characters import CAPITAL, DIGIT, LETTER, SMALL, SPACE, small_letters, table_of
from calame.corpus.clean.measure import measured
from calame.corpus.clean.tokens import Tokens
from calame.corpus.document import Document
from calame.corpus.step import Drop
from calame.recipe.clean import Ocr
from calame.recipe.language_rules import LanguageRules

ORDINARY = ".,;:!?…'’‘\"«»“”„‹›()[]-‐–—/*&%§°ºª€$£+=†¶·\u00ad"
LIGATURES = "ﬁﬂﬀﬃﬄﬅ"
THRICE = "ixcmw"  # letters that numerals and addresses write three times in a row
NO_VOWEL = 4  # letters from which on a word without a vowel is none
DECILES = (0, 10, 25, 50, 75, 90, 100)


class Reading(NamedTuple):
    """Shares: of words, of characters that are not blank, of lines that are not blank."""

    suspect: float
    foreign: float
    broken: float


@dataclass(frozen=True)
class Alphabet:
    """A language's letters as tables by code point, bool of shape (CODES,)."""

    letters: np.ndarray
    vowels: np.ndarray
    single: np.ndarray
    ordinary: np.ndarray
    thrice: np.ndarray
    consonants: int


@lru_cache(maxsize=16)
def alphabet(letters: str, vowels: str, single: str, consonants: int) -> Alphabet:
    letters += LIGATURES
    return Alphabet(*map(table_of, (letters, vowels, single, ORDINARY, THRICE)), consonants=consonants)


def alphabet_of(rules: LanguageRules) -> Alphabet:
    return alphabet(rules.letters, rules.vowels, rules.single_letters, rules.consonants)


def judge(text: str, rules: Ocr, language: LanguageRules) -> Drop | None:
    reading = read(text, language)
    for rule, share, most in (
        ("ocr: suspect words", reading.suspect, rules.max_suspect_words),
        ("ocr: foreign characters", reading.foreign, rules.max_foreign),
        ("ocr: broken lines", reading.broken, rules.max_broken_lines),
    ):
        if share > most:
            return Drop(rule, f"{share:.3f}, at most {most:g}")
    return None


def read(text: str, language: LanguageRules) -> Reading:
    page, signs = measured(text), alphabet_of(language)
    small = small_letters()[page.tokens.codes]
    return Reading(_suspect(page.tokens, small, signs), _foreign(page.tokens, small, signs), _broken(page.full_lines))


def _suspect(words: Tokens, small: np.ndarray, signs: Alphabet) -> float:
    """small: the characters that are not blank, as small letters: (c,)."""
    kinds, starts = words.classes, words.bounds[:-1]
    inner = np.ones(len(kinds), bool)  # whether the character before belongs to the same word: (c,)
    inner[starts] = False
    before = np.concatenate(([0], kinds[:-1])).astype(np.uint8)
    letter = kinds & LETTER != 0
    consonant = letter & ~signs.vowels[small]
    odd = inner & (kinds & DIGIT != 0) & (before & LETTER != 0)  # a letter, then a digit: l1vre
    odd |= inner & (kinds & CAPITAL != 0) & (before & SMALL != 0)  # a small letter, then a capital: maiSon
    odd[2:] |= inner[2:] & inner[1:-1] & _same(small) & letter[2:] & ~signs.thrice[small[2:]]  # aaa
    odd |= letter & ~signs.letters[small]
    shouted = words.holding(CAPITAL) > 1  # acronyms and numerals
    run = _runs(consonant & inner, consonant) > signs.consonants
    letters = words.holding(LETTER)
    suspect = words.summed(odd) > 0
    suspect |= ~shouted & (words.summed(run) > 0)
    suspect |= ~shouted & (letters >= NO_VOWEL) & (words.summed(consonant) == letters)
    lone = (words.lengths == 1) & (kinds[starts] & SMALL != 0)
    suspect |= lone & ~signs.single[small[starts]]
    counted = letters > 0
    return float(np.count_nonzero(suspect & counted)) / max(1, int(np.count_nonzero(counted)))


def _same(small: np.ndarray) -> np.ndarray:
    """Whether a character and the two before it are the same: (c - 2,)."""
    return (small[2:] == small[1:-1]) & (small[1:-1] == small[:-2])


def _runs(goes_on: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Length of the row of marks that ends at each place, begun anew where it does not go on: (c,)."""
    places = np.arange(1, len(mark) + 1)
    begins = np.where(goes_on, 0, places - mark)
    return places - np.maximum.accumulate(begins)


def _foreign(words: Tokens, small: np.ndarray, signs: Alphabet) -> float:
    digits = words.classes & (DIGIT | SPACE) != 0
    return float(np.count_nonzero(~(digits | signs.letters[small] | signs.ordinary[small]))) / max(1, len(small))


def _broken(lines: list[str]) -> float:
    """Lines that the next one goes on with in a small letter."""
    broken = sum(line.lstrip()[:1].islower() for line in lines[1:])
    return broken / max(1, len(lines) - 1)


def decile_table(documents: Iterable[Document], languages: Mapping[str, LanguageRules]) -> list[dict[str, object]]:
    """How the sources were read: for each one and each measure, the percentiles DECILES over its documents."""
    readings: dict[str, list[Reading]] = {}
    for document in documents:
        if document.language in languages:
            readings.setdefault(document.source, []).append(read(document.text, languages[document.language]))
    return [
        {
            "source": source,
            "measure": measure,
            "documents": len(found),
            **{f"p{at}": float(value) for at, value in zip(DECILES, np.percentile(values, DECILES), strict=True)},
        }
        for source, found in readings.items()
        for measure, values in zip(Reading._fields, zip(*found, strict=True), strict=True)
    ]
