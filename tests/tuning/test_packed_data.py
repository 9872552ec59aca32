"""Conversations in rows: whole, once an epoch, each seeing only itself; and a share of replayed text, exactly."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import mark

from builders import cpu, decoder_of
from calame.shards.rows import IGNORE, Rows
from calame.training.batch import LossFunction
from calame.tuning.data import PackedData
from calame.tuning.encode import Example

CONTEXT = 32


def example(number: int, length: int) -> Example:
    """Tokens that tell which conversation they belong to; the second half is learnt."""
    tokens = (6 + number + np.arange(length) * 0).astype(np.int32)
    tokens[0] = 2
    targets = np.full(length, IGNORE, np.int32)
    targets[length // 2 : -1] = tokens[length // 2 + 1 :]
    return Example(tokens, targets)


def examples(number: int = 40, seed: int = 0) -> list[Example]:
    lengths = np.random.default_rng(seed).integers(3, CONTEXT + 1, number)
    return [example(n, int(length)) for n, length in enumerate(lengths)]


def groups() -> list[list[Example]]:
    return [[one] for one in examples()]


def conversations_of(rows: Rows) -> list[list[int]]:
    """The tokens of each conversation in rows, document 0 being what is left over."""
    found = []
    for row in range(len(rows)):
        for document in range(1, rows.documents[row].max() + 1):
            found.append(rows.tokens[row][rows.documents[row] == document].tolist())
    return found


@given(
    lengths=st.lists(st.integers(2, CONTEXT), min_size=1, max_size=30),
    epochs=st.integers(1, 7),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_conversation_is_read_once_an_epoch_in_whole(lengths: list[int], epochs: int, seed: int) -> None:
    made = [example(number, length) for number, length in enumerate(lengths)]
    data = PackedData([[one] for one in made], CONTEXT, seed)
    wanted, before = Counter(tuple(e.tokens.tolist()) for e in made), 0
    for epoch in range(1, epochs + 1):
        rows = data.tokens(epoch, CONTEXT) // CONTEXT
        part = data.batch(before * CONTEXT, (rows - before) * CONTEXT)
        assert Counter(map(tuple, conversations_of(part))) == wanted
        assert (part.targets != IGNORE).sum() == sum((e.targets != IGNORE).sum() for e in made)
        before = rows


def test_each_epoch_has_an_order_of_its_own() -> None:
    data = PackedData(groups(), CONTEXT, 1)
    rows = data.tokens(1, CONTEXT)
    assert conversations_of(data.batch(0, rows)) != conversations_of(data.batch(rows, data.tokens(2, CONTEXT) - rows))


def test_a_batch_is_the_same_alone_and_in_sequence() -> None:
    data = PackedData(groups(), CONTEXT, 1)
    whole = data.batch(0, 60 * CONTEXT)
    for first in (59, 3, 31):
        alone = PackedData(groups(), CONTEXT, 1).batch(first * CONTEXT, CONTEXT)
        assert np.array_equal(alone.tokens[0], whole.tokens[first])
        assert np.array_equal(alone.targets[0], whole.targets[first])


def test_late_epochs_are_found_as_fast_as_early_ones() -> None:
    """Each epoch is packed once, however many there are."""
    data, packed = PackedData(groups(), CONTEXT, 1), []
    data._packed.cache_clear()
    plain = data._pack
    data._packed = lambda epoch: packed.append(epoch) or plain(epoch)  # type: ignore[assignment]
    rows = data._start_of(12)
    assert packed == list(range(12))
    data._row(rows - 1)
    assert packed == [*range(12), 11]


@torch.no_grad()
def test_a_conversation_sees_only_itself() -> None:
    random = np.random.default_rng(0)
    made = []
    for length in (9, 7, 12, 20):
        tokens = random.integers(6, 330, length).astype(np.int32)
        made.append(Example(tokens, np.append(tokens[1:], IGNORE).astype(np.int32)))
    loss = LossFunction(decoder_of(), cpu(), True, "dense", False)
    data = PackedData([[one] for one in made], CONTEXT, 1)
    rows = data.batch(0, data.tokens(1, CONTEXT))
    together = loss(rows).view(len(rows), CONTEXT)
    for one in made:
        alone = loss(PackedData([[one]], CONTEXT, 1).batch(0, CONTEXT))[: len(one.tokens)]
        places = [
            together[r][rows.documents[r] == d]
            for r in range(len(rows))
            for d in range(1, rows.documents[r].max() + 1)
            if np.array_equal(rows.tokens[r][rows.documents[r] == d], one.tokens)
        ]
        assert len(places) == 1
        assert torch.allclose(places[0], alone, atol=1e-5)


def test_positions_restart_with_each_conversation_and_with_what_is_left_over() -> None:
    data = PackedData(groups(), CONTEXT, 1)
    rows = data.batch(0, data.tokens(1, CONTEXT))
    for row in range(len(rows)):
        edges = np.flatnonzero(np.diff(rows.documents[row], prepend=-1))
        assert np.array_equal(np.flatnonzero(rows.positions[row] == 0), edges)
        left_over = rows.documents[row] == 0
        assert (rows.targets[row][left_over] == IGNORE).all()
        assert (rows.tokens[row][left_over] == 0).all()


def test_an_epoch_may_be_made_up_with_rows_that_ask_nothing() -> None:
    data = PackedData(groups(), CONTEXT, 1, longest=16)
    rows, plain = data.epoch(7), data.batch(0, data.tokens(1, CONTEXT))
    assert len(rows) % 7 == 0 and len(rows) - len(plain) < 7
    assert np.array_equal(rows.tokens[: len(plain)], plain.tokens)
    assert (rows.targets[len(plain) :] == IGNORE).all() and rows.positions[len(plain) :].max(initial=0) < 16


def test_fractions_of_an_epoch() -> None:
    data = PackedData(groups(), CONTEXT, 1)
    first, second = (len(data._packed(epoch)) for epoch in (0, 1))
    assert data.tokens(1, CONTEXT) == first * CONTEXT
    assert data.tokens(2, CONTEXT) == (first + second) * CONTEXT
    assert data.tokens(0.5, CONTEXT) == round(first / 2) * CONTEXT
    assert data.tokens(1.25, CONTEXT) == (first + round(second / 4)) * CONTEXT
    assert data.tokens(1, 8 * CONTEXT) == -(-first // 8) * 8 * CONTEXT, "in whole batches"


@given(
    lengths=st.lists(st.tuples(st.integers(2, 16), st.integers(2, 16)), min_size=1, max_size=30), seed=st.integers(0, 9)
)
def test_a_group_stands_whole_in_one_row_and_no_row_has_too_many(lengths: list[tuple[int, int]], seed: int) -> None:
    """The two answers of a pair are the documents 2k - 1 and 2k of a row."""
    pairs = [[example(2 * n, a), example(2 * n + 1, b)] for n, (a, b) in enumerate(lengths)]
    data = PackedData(pairs, CONTEXT, seed, most=3, longest=16)
    rows = data.batch(0, data.tokens(1, CONTEXT))
    assert rows.documents.max() <= 6 and (rows.documents.max(1) % 2 == 0).all()
    assert rows.positions.max() < 16, "also of what is left over: it must not pass the model's positions"
    found = conversations_of(rows)
    together = Counter((tuple(a), tuple(b)) for a, b in zip(found[::2], found[1::2], strict=True))
    assert together == Counter((tuple(a.tokens.tolist()), tuple(b.tokens.tolist())) for a, b in pairs)


class Numbered:
    """Replayed rows that hold their position."""

    masked, context = True, CONTEXT

    def batch(self, position: int, tokens: int) -> Rows:
        assert tokens == CONTEXT
        filled = np.full((1, CONTEXT), position, np.int32)
        return Rows(filled, filled, filled * 0, np.arange(CONTEXT, dtype=np.int32)[None])


@mark.parametrize("share", (0.01, 0.1, 0.29, 0.3, 1 / 3, 0.5, 0.9))
def test_the_replayed_share_is_exact_over_every_beginning(share: float) -> None:
    data = PackedData(groups(), CONTEXT, 1, None, None, Numbered(), share, 7 * CONTEXT, 10**9)
    rows = data.batch(0, 300 * CONTEXT)
    replayed = rows.tokens[:, 0] != 2
    for number in range(1, 301):
        assert replayed[:number].sum() == int(number * Fraction(str(share)))
    positions = rows.tokens[replayed][:, 0].tolist()
    assert positions == [(7 + k) * CONTEXT for k in range(len(positions))], "it goes on where it was told to"


def test_with_replay_all_conversations_are_read_all_the_same() -> None:
    made = examples()
    for share in (0.1, 0.3, 0.5, 0.77):
        data = PackedData([[one] for one in made], CONTEXT, 1, None, None, Numbered(), share, 0, 10**9)
        rows = data.batch(0, data.tokens(1, CONTEXT))
        names = ("tokens", "targets", "documents", "positions")
        talks = Rows(*(getattr(rows, name)[rows.tokens[:, 0] == 2] for name in names))
        found = Counter(map(tuple, conversations_of(talks)))
        wanted = Counter(tuple(e.tokens.tolist()) for e in made)
        assert not wanted - found
        assert len(talks) - len(data._packed(0)) <= 1


def test_replayed_text_begins_anew_where_it_ends() -> None:
    data = PackedData(groups(), CONTEXT, 1, None, None, Numbered(), 0.5, 3 * CONTEXT, 5 * CONTEXT)
    rows = data.batch(0, 16 * CONTEXT)
    replayed = [int(t[0]) // CONTEXT for t in rows.tokens if t[0] != 2]
    assert replayed == [3, 4, 0, 1, 2, 3, 4, 0]
