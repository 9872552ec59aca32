"""Repetition: the published definitions, beside what follows from them when every case is tried."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx, mark

from calame.evaluation.behaviour.repetition import (
    distinct_share,
    has_repeat,
    has_same_sentences,
    loop_period,
    ngrams,
    pooled_distinct,
    repeated_share,
)

SEQUENCES = st.lists(st.integers(0, 3), max_size=60)


def ends_in_period(sequence: Sequence[int], period: int) -> bool:
    """Systems of the literature, word for word: k >= 3 copies up to the end, k * p >= min(12, half of it)."""
    for copies in range(3, len(sequence) // period + 1):
        tail = sequence[len(sequence) - copies * period :]
        same = all(tail[place] == tail[place % period] for place in range(len(tail)))
        if same and copies * period >= min(12, len(sequence) / 2):
            return True
    return False


@given(SEQUENCES)
def test_a_loop_is_what_the_definition_says(sequence: list[int]) -> None:
    periods = [period for period in range(1, 17) if ends_in_period(sequence, period)]
    assert loop_period(sequence) == (periods[0] if periods else 0)


@given(
    st.lists(st.integers(10, 99), max_size=40), st.lists(st.integers(0, 9), min_size=1, max_size=16), st.integers(3, 20)
)
def test_a_periodic_tail_is_found_behind_anything(head: list[int], unit: list[int], copies: int) -> None:
    tail = unit * copies
    period = loop_period(head + tail)
    if len(tail) >= min(12, (len(head) + len(tail)) / 2):
        assert 0 < period <= len(unit)
    assert loop_period([*head, *tail, 100]) == 0, "only an end counts"


@mark.parametrize(
    ("text", "period"),
    (
        ("", 0),
        ("a", 0),
        ("a a", 0),
        ("a a a", 1),
        ("x y a a a", 1),  # three of five
        ("x y z t a a a", 0),  # three of seven, and fewer than twelve
        ("le chat dort et le chat dort et le chat dort et", 4),
        ("le chat dort et le chat dort et le chat", 0),  # twice and a half
        ("un deux trois quatre cinq six " + "la mer " * 6, 2),
        ("a b c d e f g h i j k l m n o p q " * 3, 0),  # a period of seventeen
        ("a b c d e f g h i j k l m n o p " * 3, 16),
    ),
)
def test_loops_by_hand(text: str, period: int) -> None:
    assert loop_period(text.split()) == period


@given(SEQUENCES, st.integers(1, 5))
def test_ngrams_repeats_and_shares_agree(sequence: list[int], size: int) -> None:
    found, distinct, repeated = ngrams(sequence, size), distinct_share(sequence, size), repeated_share(sequence, size)
    assert len(found) == max(0, len(sequence) - size + 1)
    if not found:
        assert distinct is None and repeated is None and not has_repeat(sequence, size)
        return
    assert distinct is not None and repeated is not None
    assert 0 < distinct <= 1 and distinct + repeated == approx(1)
    assert has_repeat(sequence, size) == (repeated > 0)


@given(st.lists(SEQUENCES, max_size=8))
def test_pooled_bigrams_are_those_of_all_and_without_each(sequences: list[list[int]]) -> None:
    def plainly(some: Sequence[Sequence[int]]) -> float | None:
        pooled = [gram for sequence in some for gram in ngrams(sequence, 2)]
        return len(set(pooled)) / len(pooled) if pooled else None

    value, without = pooled_distinct(sequences)
    assert value == plainly(sequences)
    rest = [plainly(sequences[:place] + sequences[place + 1 :]) for place in range(len(sequences))]
    assert without == ([share for share in rest if share is not None] if value is not None else [])


def test_pooled_bigrams_fall_where_generations_say_the_same() -> None:
    assert pooled_distinct([["la", "mer", "est"]])[0] == 1.0
    assert pooled_distinct([["la", "mer", "est"]] * 4)[0] == 0.25


@mark.parametrize(
    ("sentences", "same"),
    ((["a", "a", "a"], True), (["a", "a", "b", "a"], False), (["b", "a", "a", "a", "c"], True), ([], False)),
)
def test_the_same_sentence_three_times_in_a_row(sentences: list[str], same: bool) -> None:
    assert has_same_sentences(sentences) is same
