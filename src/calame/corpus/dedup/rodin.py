"""Signatures as RODIN-1B makes them (its version 9.1): of characters, and of three windows of the text only.

Not reproduced: its reduction modulo 2^61 - 1 takes 2^64 for 2 where it is 8, which makes other signatures that are as
good; and its lookups do not see the 50,000 documents before, which misses duplicates by chance.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from xxhash import xxh3_64_intdigest

from calame.corpus.dedup.shingles import distinct

PERMUTATIONS, BANDS, ROWS = 128, 8, 16
READ, WINDOW, CHARACTERS = 100_000, 3000, 5
PRIME = np.uint64((1 << 61) - 1)
LOW = np.uint64(0xFFFFFFFF)


def shingles(text: str) -> np.ndarray:
    """The set of 32-bit hashes of 5 characters that follow each other, in lower case with single spaces, at the
    beginning, in the middle and at the end of the text's first 100,000 characters."""
    text = " ".join(text[:READ].lower().split())
    middle = max(len(text) // 2 - WINDOW // 2, 0)
    windows = (text[:WINDOW], text[middle : middle + WINDOW], text[-WINDOW:])
    seen = {part[at : at + CHARACTERS] for part in windows for at in range(max(len(part) - CHARACTERS + 1, 1)) if part}
    return distinct(np.array([xxh3_64_intdigest(piece.encode()) for piece in seen], np.uint64) & LOW)


def minima(numbers: np.ndarray) -> np.ndarray:
    """(128) the least of a set of 32-bit numbers under each x -> (a x + b) modulo 2^61 - 1, of which 32 bits count."""
    a, b = _permutations()
    least = np.full(PERMUTATIONS, 0xFFFFFFFF, np.uint32)
    for begin in range(0, len(numbers), 512):
        images = times(a, numbers[begin : begin + 512]) + b  # less than 2^62
        np.minimum(least, (_reduced(images) & LOW).astype(np.uint32).min(axis=1), out=least)
    return least


def times(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """a x modulo 2^61 - 1 in 64 bits, for a below 2^61 and x below 2^32."""
    upper = _reduced((a >> np.uint64(32)) * x)  # of which 2^32 times counts: turned left by 32 of 61 bits
    turned = (upper >> np.uint64(29)) + ((upper & np.uint64((1 << 29) - 1)) << np.uint64(32))
    return _reduced(_reduced((a & LOW) * x) + turned)


def _reduced(numbers: np.ndarray) -> np.ndarray:
    """Modulo 2^61 - 1: 2^61 is 1."""
    numbers = (numbers & PRIME) + (numbers >> np.uint64(61))
    return np.where(numbers >= PRIME, numbers - PRIME, numbers)


@lru_cache
def _permutations() -> tuple[np.ndarray, np.ndarray]:
    """(128, 1) each: factors in [1, 2^61 - 1), summands in [0, 2^61 - 1)."""
    prime = int(PRIME)
    a = [1 + xxh3_64_intdigest(at.to_bytes(4, "little"), 4) % (prime - 1) for at in range(PERMUTATIONS)]
    b = [xxh3_64_intdigest(at.to_bytes(4, "little"), 5) % prime for at in range(PERMUTATIONS)]
    return np.array(a, np.uint64)[:, None], np.array(b, np.uint64)[:, None]
