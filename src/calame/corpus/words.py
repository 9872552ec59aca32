"""Words as overlap counts them, and hashes of runs of them."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import xxhash

WORD = re.compile(r"\w+")
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no power of it loses bits


def words(text: str) -> list[str]:
    """Letters and digits in a row, in small letters and compatible forms: what remains when white space, case,
    quotation marks, apostrophes and other punctuation are left out of account."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def word_hashes(found: list[str]) -> np.ndarray:
    """(words,) uint64, the same in every process."""
    digest = xxhash.xxh3_64_intdigest
    return np.fromiter((digest(word) for word in found), np.uint64, len(found))


def extended(runs: np.ndarray, hashes: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all runs of `length` words from those of `length - 1`: a polynomial in BASE modulo 2^64.

    runs: (words - length + 2,); hashes: (words,); returns (words - length + 1,)
    """
    return runs[: len(hashes) - length + 1] * BASE + hashes[length - 1 :]


def run_hashes(hashes: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all runs of `length` words: (words - length + 1,), empty where there are fewer words."""
    runs = hashes
    for reached in range(2, length + 1):
        if len(hashes) < reached:
            return hashes[:0]
        runs = extended(runs, hashes, reached)
    return runs
