"""What of a text is compared: the set of its word shingles, as numbers."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from xxhash import xxh3_64_intdigest

WORDS = re.compile(r"\w+").findall  # spaces, punctuation and quotation marks do not count


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    return WORDS(text.lower())


def shingles(text: str, ngram: int) -> np.ndarray:
    """The set of a text's shingles (`ngram` words that follow each other), each as 64 bits, in ascending order.

    A text of fewer words is one shingle; one without any word has none. Different shingles have different numbers but
    for a chance of 2^-64 a pair, so that the Jaccard index of two such sets is that of the texts' shingles.
    """
    hashes = np.array([xxh3_64_intdigest(word) for word in words(text)], np.uint64)
    if not len(hashes):
        return hashes
    number = max(len(hashes) - ngram + 1, 1)
    found = np.zeros(number, np.uint64)
    for factor, at in zip(odd_numbers(ngram, 1), range(min(ngram, len(hashes))), strict=False):
        found += factor * hashes[at : at + number]
    return distinct(mix(found))


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """The Jaccard index of two sets (ascending numbers): their intersection over their union, 0 for two empty ones."""
    if len(one) > len(other):
        one, other = other, one
    if not len(one):
        return 0.0
    places = np.searchsorted(other, one)
    places[places == len(other)] = 0
    both = int(np.count_nonzero(other[places] == one))
    return both / (len(one) + len(other) - both)


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The numbers in ascending order, each once (`np.unique` at a third of its time)."""
    numbers.sort()
    new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return numbers[new]


def mix(numbers: np.ndarray) -> np.ndarray:
    """The 64-bit numbers, each replaced by another so that all bits of the result depend on all of it: a multiplication
    between two folds of the upper half into the lower, which loses nothing (a bijection)."""
    half, factor = np.uint64(32), np.uint64(0xD6E8FEB86659FD93)
    numbers ^= numbers >> half
    numbers *= factor
    numbers ^= numbers >> half
    return numbers


@lru_cache
def odd_numbers(number: int, seed: int) -> np.ndarray:
    """Fixed odd 64-bit numbers, the same on every machine and for ever: the factors of a hash function."""
    return np.array([xxh3_64_intdigest(at.to_bytes(4, "little"), seed) | 1 for at in range(number)], np.uint64)
