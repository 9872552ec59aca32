"""The words of a text as numbers: what `re.findall(r"\\w+", text.lower())` finds, without making a string of each; and
runs of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

BETWEEN = re.compile(r"\W")
AT_ONCE = 1 << 18  # characters; a word that is longer is cut
POINTS = 0x110000  # of Unicode
BASE = 0x9E3779B97F4A7C15  # odd, hence with an inverse modulo 2^64
RUN = np.uint64(0x9FB21C651E98DF25)  # odd, so that no power of it loses bits; another than BASE


def word_hashes(text: str) -> np.ndarray:
    """(words) 64 bits that stand for each word in lower case, in order. Spaces, punctuation and quotation marks do not
    count; letters, digits and the underscore do, in every script."""
    return np.concatenate([_hashes(piece) for piece in _pieces(text.lower())])


def compatible_hashes(text: str) -> np.ndarray:
    """The same of the text in compatible forms: ligatures, wide letters and capitals do not count either."""
    return word_hashes(unicodedata.normalize("NFKC", text).casefold())


def extended(runs: np.ndarray, hashes: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all runs of `length` words from those of `length - 1`: a polynomial in RUN modulo 2^64.

    runs: (words - length + 2,); hashes: (words,); returns (words - length + 1,)
    """
    return runs[: len(hashes) - length + 1] * RUN + hashes[length - 1 :]


def run_hashes(hashes: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all runs of `length` words: (words - length + 1,), empty where there are fewer words."""
    runs = hashes
    for reached in range(2, length + 1):
        if len(hashes) < reached:
            return hashes[:0]
        runs = extended(runs, hashes, reached)
    return runs


def _pieces(text: str) -> Iterator[str]:
    """The text, cut between words."""
    begin = 0
    while len(text) - begin > AT_ONCE:
        gap = BETWEEN.search(text, begin + AT_ONCE // 2, begin + AT_ONCE)
        end = gap.start() if gap else begin + AT_ONCE
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _hashes(text: str) -> np.ndarray:
    """A word is a polynomial of its letters' numbers, modulo 2^64: its letters' part of the running sum over the text,
    divided by the power at which it begins (Karp and Rabin 1987, without their modulus)."""
    letters = _letters()[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
    powers, inverses = _powers()
    sums = np.zeros(len(letters) + 1, np.uint64)
    np.cumsum(letters * powers[: len(letters)], out=sums[1:])
    edges = np.flatnonzero(np.diff(letters != 0, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    return mix((sums[ends] - sums[begins]) * inverses[begins])


def mix(numbers: np.ndarray) -> np.ndarray:
    """The 64-bit numbers, each replaced by another so that all bits of the result depend on all of it: a multiplication
    between two folds of the upper half into the lower, which loses nothing (a bijection). Works in place."""
    half, factor = np.uint64(32), np.uint64(0xD6E8FEB86659FD93)
    numbers ^= numbers >> half
    numbers *= factor
    numbers ^= numbers >> half
    return numbers


@lru_cache
def _letters() -> np.ndarray:
    """(characters) a number for each that is part of words, 0 for the others."""
    there = np.array([char.isalnum() or char == "_" for char in map(chr, range(POINTS))])
    numbers = mix(np.arange(1, POINTS + 1, dtype=np.uint64) * np.uint64(BASE))
    return np.where(there, numbers | np.uint64(1), np.uint64(0))


@lru_cache
def _powers() -> tuple[np.ndarray, np.ndarray]:
    """(AT_ONCE) each: BASE^n, and its inverse, modulo 2^64."""
    both = (np.full(AT_ONCE, base, np.uint64) for base in (BASE, pow(BASE, -1, 1 << 64)))
    powers = [np.concatenate([[np.uint64(1)], np.cumprod(part[1:])]) for part in both]
    return powers[0], powers[1]
