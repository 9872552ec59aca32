"""What of a text is compared: the set of its word shingles, as numbers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from xxhash import xxh3_64_intdigest

from calame.corpus.words import mix, word_hashes


def shingles(text: str, ngram: int) -> np.ndarray:
    """The set of a text's shingles (`ngram` words that follow each other), each as 64 bits, in ascending order.

    A text of fewer words is one shingle; one without any word has none. Different shingles have different numbers but
    for a chance of 2^-64 a pair, so that the Jaccard index of two such sets is that of the texts' shingles.
    """
    words = word_hashes(text)
    if not len(words):
        return words
    number = max(len(words) - ngram + 1, 1)
    found = np.zeros(number, np.uint64)
    for at, factor in enumerate(odd_numbers(ngram, 1)[: len(words)]):
        found += factor * words[at : at + number]
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
    """The numbers in ascending order, each once (`np.unique` at a third of its time); sorts them in place."""
    numbers.sort()
    new = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return numbers[new]


@lru_cache
def odd_numbers(number: int, seed: int) -> np.ndarray:
    """Fixed odd 64-bit numbers, the same on every machine and for ever: the factors of a hash function."""
    return np.array([xxh3_64_intdigest(at.to_bytes(4, "little"), seed) | 1 for at in range(number)], np.uint64)
