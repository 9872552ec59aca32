"""The seeded order: a permutation of any size, another one for another seed, the same wherever it is asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.shards.order import permute, scramble, seed_of


@given(size=st.integers(1, 5000), seed=st.integers(0, 2**64 - 8))
@settings(max_examples=150, deadline=None)
def test_permute_is_a_permutation(size: int, seed: int) -> None:
    out = permute(np.arange(size), size, seed)
    assert np.array_equal(np.sort(out), np.arange(size))


def test_permute_is_a_permutation_of_every_small_size() -> None:
    for size in range(1, 70):
        for seed in range(5):
            assert sorted(permute(np.arange(size), size, seed).tolist()) == list(range(size))


@given(size=st.integers(20, 3000), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_another_seed_is_another_order(size: int, seed: int) -> None:
    places = np.arange(size)
    first, other = permute(places, size, seed), permute(places, size, seed_of(seed, "other"))
    assert (first == other).mean() < 0.5
    assert (first == places).mean() < 0.5


def test_a_place_has_the_same_answer_alone_and_among_others() -> None:
    all_at_once = permute(np.arange(1000), 1000, 5)
    assert [int(permute(np.array([place]), 1000, 5)[0]) for place in range(0, 1000, 83)] == all_at_once[::83].tolist()


def test_places_are_spread_evenly() -> None:
    """Mean place of each quarter of the input, over seeds: a quarter that stays near its place would show."""
    size = 1001
    out = np.stack([permute(np.arange(size), size, seed_of(seed)) for seed in range(200)])
    for quarter in np.array_split(out, 4, axis=1):
        assert abs(quarter.mean() - (size - 1) / 2) < 5  # its standard error is 1.3


def test_the_order_never_changes() -> None:
    """Runs are continued years later: these values are part of the format."""
    assert seed_of(1, "a", 0) == 405471001341492236
    assert permute(np.arange(12), 12, 7).tolist() == [3, 2, 5, 10, 7, 9, 0, 4, 8, 6, 1, 11]
    assert scramble(np.arange(2), 7).tolist() == [3207296026000306913, 16184226688143867045]
