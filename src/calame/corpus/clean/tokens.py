"""The words of a text as numbers: where each begins, how long it is, and a hash that stands for it.

Words are split as `\\w+|[^\\w\\s]` splits them, but never cut out. Equal strings have equal hashes; different ones
differ but for a chance of about one in 2^64.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from calame.corpus.clean.characters import SIGN, WORD, code_points

BASE = 0x9E3779B97F4A7C15  # odd, hence with an inverse modulo 2^64
INVERSE = pow(BASE, -1, 1 << 64)
DIGITS = 0xD6E8FEB86659FD93  # any odd number


class _Powers:
    """BASE**i and its inverse for i below the longest text so far: uint64, modulo 2^64."""

    def __init__(self) -> None:
        self.up = self.down = np.ones(1, np.uint64)

    def reach(self, length: int) -> _Powers:
        if length > len(self.up):
            size = max(length, 1 << 16)
            self.up, self.down = (_geometric(base, size) for base in (BASE, INVERSE))
        return self


def _geometric(base: int, size: int) -> np.ndarray:
    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


POWERS = _Powers()


class Tokens:
    """c: characters that are looked at, w: words (and signs, where those are among the characters)."""

    def __init__(self, codes: np.ndarray, classes: np.ndarray, places: np.ndarray):
        """codes, classes: of the whole text; places: of the characters to look at, none of them blank, (c,)."""
        self.codes = codes[places]  # (c,)
        self.classes = classes[places]  # (c,)
        word = self.classes & WORD != 0
        starts = np.ones(len(word), bool)
        # A letter goes on with the word if a letter stands right before it, without a blank between.
        starts[1:] = ~(word[1:] & word[:-1] & (places[1:] - places[:-1] == 1))
        self.bounds = np.append(np.flatnonzero(starts), len(word))  # where words start, and their end: (w + 1,)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each word: (w,)."""
        return self.bounds[1:] - self.bounds[:-1]

    def holding(self, kind: int) -> np.ndarray:
        """Of each word, how many of its characters are of a class: (w,)."""
        return self.summed(self.classes & kind != 0)

    def summed(self, marks: np.ndarray) -> np.ndarray:
        """Of each word, the sum of a mark of its characters. marks: (c,); (w,)."""
        return np.diff(np.concatenate(([0], np.cumsum(marks)))[self.bounds])

    @cached_property
    def says_something(self) -> np.ndarray:
        """Whether a word is more than signs, as datatrove counts them: (w,)."""
        words = self.classes[self.bounds[:-1]] & SIGN == 0
        if np.count_nonzero(self.classes & (SIGN | WORD) == SIGN | WORD):  # an underscore may stand in a word
            words |= self.holding(SIGN) < self.lengths
        return words

    @cached_property
    def _prefix(self) -> tuple[np.ndarray, np.ndarray]:
        """At each bound, the hash of everything before it, and what takes it back to the beginning: (w + 1,) each."""
        return prefix_hashes(self.codes, self.bounds)

    def joined(self, n: int) -> np.ndarray:
        """Hashes of each n words in a row, joined without a blank: (w - n + 1,)."""
        before, back = self._prefix
        if len(self) < n:
            return before[:0]
        return (before[n:] - before[: len(before) - n]) * back[: len(back) - n]

    @cached_property
    def hashes(self) -> np.ndarray:
        """Of each word: (w,)."""
        return self.joined(1)

    def rows(self, n: int) -> np.ndarray:
        """Hashes of each n words in a row, parted: their own hashes are the digits of a number. (w - n + 1,)"""
        count = len(self) - n + 1
        number = self.hashes[:count].copy()
        for later in range(1, n):
            number = number * np.uint64(DIGITS) + self.hashes[later : count + later]
        return number

    @cached_property
    def commonest_pair(self) -> int:
        """How often the commonest pair of words is there, at most: by half a hash, which sorts faster."""
        return int(np.diff(edges_of(np.sort(halves(self.rows(2))))).max()) if len(self) > 1 else 0


def prefix_hashes(codes: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polynomial hashes modulo 2^64 of codes[:bound] for each bound, and BASE**-bound."""
    powers = POWERS.reach(len(codes) + 1)
    before = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * powers.up[: len(codes)], out=before[1:])
    return before[bounds], powers.down[bounds]


def halves(hashes: np.ndarray) -> np.ndarray:
    """The first half of each hash: what is alike in the whole is alike in it, and it sorts faster."""
    return (hashes >> 32).astype(np.uint32)


def edges_of(ordered: np.ndarray) -> np.ndarray:
    """Where each row of equal values begins, and the end."""
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))


def hash_words(words: list[str]) -> np.ndarray:
    """Hashes of words as `Measured` has them, sorted: (words,)."""
    codes = [code_points(word) for word in words]
    bounds = np.concatenate(([0], np.cumsum([len(code) for code in codes], dtype=np.int64)))
    before, back = prefix_hashes(np.concatenate(codes) if codes else np.zeros(0, np.uint32), bounds)
    return np.sort((before[1:] - before[:-1]) * back[:-1])


def among(hashes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Whether each hash is one of the wanted, which are sorted and not none: bool of hashes' shape."""
    first = 8 * hashes.itemsize - 12
    sieve = np.zeros(1 << 12, bool)  # by the first bits: most hashes are none of the wanted, and end here
    sieve[wanted >> first] = True
    found = sieve[hashes >> first]
    likely = hashes[found]
    at = np.searchsorted(wanted, likely)
    found[found] = wanted[np.minimum(at, len(wanted) - 1)] == likely
    return found
