"""Answers in one form, so that they can be held against each other: words without punctuation and articles, numbers."""

from __future__ import annotations

import re
import string
import unicodedata
from decimal import Decimal

# What stands before a noun without changing the answer. English as in SQuAD's own script (Rajpurkar et al. 2016), whose
# place French and Italian articles take; elided ones (l'ami, un'amica) stand apart once the apostrophe is a space.
ARTICLES = {
    "en": {"a", "an", "the"},
    "fr": {"le", "la", "les", "l", "un", "une", "des"},
    "it": {"il", "lo", "la", "i", "gli", "le", "l", "un", "uno", "una"},
}
ELIDING = ("fr", "it")
APOSTROPHES = str.maketrans({"'": " ", "’": " "})
SPACES = " \u00a0\u202f"
THOUSANDS = {"fr": SPACES + ".", "it": SPACES + ".’'", "en": ","}  # what may stand between them


def normal_words(text: str, language: str) -> list[str]:
    """Words in small letters, without punctuation and articles."""
    text = unicodedata.normalize("NFC", text).lower()
    if language in ELIDING:
        text = text.translate(APOSTROPHES)
    kept = "".join(sign for sign in text if sign not in string.punctuation and unicodedata.category(sign)[0] != "P")
    return [word for word in kept.split() if word not in ARTICLES.get(language, ())]


def last_number(text: str, language: str) -> Decimal | None:
    """The last number of a text, by the language's marks: 1.234,5 in French and Italian, 1,234.5 in English. What
    cannot part thousands is before tenths: 12.5 in French too."""
    whole = rf"\d{{1,3}}(?:[{re.escape(THOUSANDS.get(language, ','))}]\d{{3}}(?!\d))+|\d+"
    found = re.findall(rf"((?<!\d)[-−])?({whole})(?:[.,](\d+))?", text)
    if not found:
        return None
    sign, units, tenths = found[-1]
    return Decimal(f"{'-' if sign else ''}{re.sub(r'[^0-9]', '', units)}.{tenths or 0}")
