"""A text's MinHash signature: a few numbers, which two texts share in proportion to how much they resemble each other.

signatures.u4   beside a source's keys.npy, a row a document: how many shingles it has, then its signature
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from calame.corpus.dedup import rodin
from calame.corpus.dedup.shingles import odd_numbers, shingles
from calame.recipe.dedup import Near

SIGNATURES = "signatures.u4"
AT_ONCE = 2048  # shingles: their permutations stay in a core's cache


def width(near: Near) -> int:
    """Numbers in a row of signatures.u4."""
    return 1 + (rodin.PERMUTATIONS if near.method == "rodin" else near.permutations)


def signature(text: str, near: Near) -> np.ndarray:
    """(width) 32-bit numbers: how many different shingles the text has, and its signature. A function of the text and
    the recipe's keys alone; rows are written one after the other, in the order of the documents."""
    if near.method == "rodin":
        found = rodin.shingles(text)
        values = rodin.minima(found)
    else:
        found = shingles(text, near.ngram)
        values = minima(found.astype(np.uint32), near.permutations)
    return np.concatenate([[np.uint32(len(found))], values])


def minima(numbers: np.ndarray, permutations: int) -> np.ndarray:
    """(permutations) the least of a set of 32-bit numbers under each permutation x -> a x + b modulo 2^32, a odd.

    Broder 1997, "On the resemblance and containment of documents"; what is permuted is a hash already, so that a linear
    permutation is as good as any other.
    """
    a, b = _permutations(permutations)
    least = np.full(permutations, 0xFFFFFFFF, np.uint32)
    for begin in range(0, len(numbers), AT_ONCE):
        images = a * numbers[begin : begin + AT_ONCE]
        images += b
        np.minimum(least, images.min(axis=1), out=least)
    return least


@lru_cache
def _permutations(number: int) -> tuple[np.ndarray, np.ndarray]:
    """(number, 1) each: factors, odd, and summands. The upper half of odd 64-bit numbers serves as any number."""
    a = odd_numbers(number, 2).astype(np.uint32)
    b = (odd_numbers(number, 3) >> np.uint64(32)).astype(np.uint32)
    return a[:, None], b[:, None]


class SignatureFile:
    """The signatures of a gathered source, read in parts."""

    def __init__(self, folder: Path, near: Near):
        self.path, self.width = folder / SIGNATURES, width(near)

    def rows(self, begin: int, number: int) -> np.ndarray:
        """(number or what is left, width) from row `begin` on."""
        size = self.width * 4
        return np.fromfile(self.path, "<u4", number * self.width, offset=begin * size).reshape(-1, self.width)
