"""Sequences laid out as tries: every one is there, shared beginnings once, and each token sees its own past alone."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from calame.evaluation.forest import Planted, plant

sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=7).map(tuple), min_size=1, max_size=12)


@given(sequences, st.integers(7, 20))
def test_each_token_sees_its_own_sequence_up_to_itself(wanted, room):
    rows = list(plant(wanted, room))
    planted = Planted.of(rows, torch.device("cpu"))
    mask = planted.mask()[:, 0]
    found = []
    for number, row in enumerate(rows):
        assert len(row) <= room
        for sequence, path in row.paths.items():
            found.append(sequence)
            assert tuple(planted.tokens[number, path].tolist()) == sequence
            assert planted.positions[number, path].tolist() == list(range(len(sequence)))
            for depth, place in enumerate(path):
                assert mask[number, place].nonzero()[:, 0].tolist() == path[: depth + 1].tolist()
    assert sorted(found) == sorted(set(wanted))


@given(sequences)
def test_in_one_row_every_beginning_lies_once(wanted):
    (row,) = plant(wanted, 1000)
    assert len(row) == len({sequence[: end + 1] for sequence in wanted for end in range(len(sequence))})


def test_padding_sees_itself_alone():
    planted = Planted.of(list(plant([(5, 6, 7)], 8)), torch.device("cpu"), multiple=8)
    assert planted.tokens.shape == (1, 8)
    assert planted.mask()[0, 0, 3:].int().tolist() == torch.eye(8, dtype=torch.int)[3:].tolist()


def test_a_beginning_is_repeated_where_a_row_ends():
    rows = list(plant([(1, 2, 3), (1, 2, 4), (1, 2, 5)], 4))
    assert [row.tokens for row in rows] == [[1, 2, 3, 4], [1, 2, 5]]
