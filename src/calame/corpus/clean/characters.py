"""What each character is, as tables by code point, so that a whole text is classified at once."""

from __future__ import annotations

from functools import cache

import numpy as np
import regex

SPACE, WORD, LETTER, DIGIT, CAPITAL, SMALL, SIGN = (1 << bit for bit in range(7))
CODES = 0x110000
USED = 0x33480  # from here on no letter, digit or blank is assigned (Unicode 16)

# datatrove's PUNCTUATION (datatrove/utils/text.py, Apache-2.0), where its TERMINAL_PUNCTUATION is Unicode's property
# Sentence_Terminal: a word of these alone is no word.
PUNCTUATION = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
CONTROLS = [*range(9), 11, 12, *range(13, 32), *range(127, 160)]


@cache
def classes() -> np.ndarray:
    """By code point, a sum of the constants above: uint8 of shape (CODES,).

    WORD is what `\\w` means in `re`, SPACE what `\\s` does.
    """
    table = np.zeros(CODES, np.uint8)
    for code in range(USED):
        sign = chr(code)
        if sign.isalnum():
            table[code] = WORD | LETTER * sign.isalpha() | DIGIT * sign.isdigit()
            table[code] |= CAPITAL * sign.isupper() | SMALL * sign.islower()
        elif sign.isspace():
            table[code] = SPACE
    table[ord("_")] |= WORD
    ends = regex.compile(r"\p{Sentence_Terminal}").findall("".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)])))
    for code in [*map(ord, PUNCTUATION), *CONTROLS, *map(ord, ends)]:
        table[code] |= SIGN
    return table


@cache
def small_letters() -> np.ndarray:
    """By code point, its small letter where that is one character, else itself: uint32 of shape (CODES,)."""
    table = np.arange(CODES, dtype=np.uint32)
    for code in range(USED):
        small = chr(code).lower()
        if len(small) == 1:
            table[code] = ord(small)
    return table


def code_points(text: str) -> np.ndarray:
    """uint32 of shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def table_of(signs: str) -> np.ndarray:
    """Whether a character is one of `signs`: bool of shape (CODES,)."""
    table = np.zeros(CODES, bool)
    table[[ord(sign) for sign in signs]] = True
    return table
