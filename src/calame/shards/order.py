"""A seeded order of documents that can be asked anywhere: the k-th document of an epoch, without a list of all."""

from __future__ import annotations

import hashlib

import numpy as np

ROUNDS = 6


def seed_of(*parts: object) -> int:
    """A 64-bit seed from any printable parts; the same on every machine and version."""
    return int.from_bytes(hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest(), "little")


def scramble(values: np.ndarray, seed: int) -> np.ndarray:
    """A 64-bit mix of each value with a seed (the finaliser of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = values.astype(np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def permute(places: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Where each place of [0, size) goes under a seeded permutation: a Feistel network on the next power of two,
    walked until it falls inside (Black & Rogaway 2002). places: (n,) integers; returns (n,) int64."""
    bits = max(2, int(size - 1).bit_length())
    out = _feistel(places.astype(np.uint64), bits, seed)
    while (outside := out >= np.uint64(size)).any():
        out[outside] = _feistel(out[outside], bits, seed)
    return out.astype(np.int64)


def _feistel(values: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """A permutation of [0, 2**bits), from ROUNDS (even) alternating halves."""
    low_bits, high_bits = bits // 2, bits - bits // 2
    left, right = values >> np.uint64(low_bits), values & np.uint64((1 << low_bits) - 1)
    for turn in range(ROUNDS):
        left_bits = high_bits if turn % 2 == 0 else low_bits
        mixed = scramble(right, seed + turn) >> np.uint64(64 - left_bits)
        left, right = right, left ^ mixed
    return (left << np.uint64(low_bits)) | right
