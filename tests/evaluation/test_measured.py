"""Ratios of sums, their bootstrap intervals, and differences of two models on the same things."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, approx, raises

import calame.evaluation.measured
from calame.evaluation.intervals import mean_interval
from calame.evaluation.measured import Measured, difference


def measured(above: Any, below: Any = None, strata: str = "", **more: Any) -> Measured:
    """One number (or more, in columns) of things 0, 1, 2...; a letter of `strata` for each."""
    above = np.asarray(above, float).reshape(len(above), -1)
    below = np.ones_like(above) if below is None else np.asarray(below, float).reshape(above.shape)
    names = tuple("abc"[: above.shape[1]])
    return Measured(names, tuple(map(str, range(len(above)))), tuple(strata or "x" * len(above)), above, below, **more)


def test_a_number_is_a_ratio_of_sums_and_not_a_mean_of_ratios() -> None:
    bits = measured([8.0, 1.0], [2.0, 1.0])
    assert bits.values() == approx([3.0])


def test_strata_count_alike_whatever_their_size_or_as_declared() -> None:
    few_and_many = measured([1.0, 0, 0, 0], strata="fiii")
    assert few_and_many.values() == approx([0.5])
    weighted = measured([1.0, 0, 0, 0], strata="fiii", weights={"f": 3.0, "i": 1.0})
    assert weighted.values() == approx([0.75])


def test_an_abstention_is_left_out_and_counted() -> None:
    said = measured([1.0, 0, 0], [1.0, 1, 0])
    assert said.values() == approx([0.5])
    assert said.intervals()["a"].n == 2


def test_a_stratum_without_an_answer_makes_no_number() -> None:
    silent = measured([1.0, 0], [1.0, 0], strata="fi")
    assert np.isnan(silent.values()).all()
    assert np.isnan(silent.intervals()["a"].low)


def test_nothing_measured_is_refused() -> None:
    with raises(ValueError, match="nothing was measured"):
        Measured.of_values("a", [], [], []).intervals()


def test_the_interval_of_a_mean_is_the_plain_bootstraps() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    ours, plain = measured(values).intervals()["a"], mean_interval(values)
    assert ours.value == approx(plain.value)
    assert (ours.low, ours.high) == approx((plain.low, plain.high), abs=0.03)
    assert ours.high - ours.low == approx(2 * 1.96 * 2 / 20, rel=0.15)  # of the normal distribution


def test_a_share_of_nothing_is_not_without_doubt() -> None:
    """No loop in twenty generations: up to one in six may loop (Wilson 1927)."""
    never = measured(np.zeros(20), strata="fi" * 10).intervals()["a"]
    assert (never.value, never.low, never.n) == (0, 0, 20) and never.high == approx(0.161, abs=1e-3)
    seldom = measured(np.zeros(20), [1.0] + [0] * 19).intervals()["a"]
    assert (seldom.value, seldom.n) == (0, 1) and seldom.high > 0.7, "one of twenty said something"
    always = measured(np.ones(20)).intervals()["a"]
    assert (always.value, always.high) == (1, 1) and always.low == approx(0.839, abs=1e-3)


def test_many_things_are_drawn_in_blocks_with_the_same_interval(monkeypatch: MonkeyPatch) -> None:
    values = np.random.default_rng(5).normal(1, 1, 5000)
    alone = measured(values).intervals()["a"]
    monkeypatch.setattr(calame.evaluation.measured, "BLOCKS", 500)
    blocks = measured(values).intervals()["a"]
    assert blocks.value == alone.value and blocks.n == 5000
    assert blocks.high - blocks.low == approx(alone.high - alone.low, rel=0.15)


def test_pairs_are_surer_than_numbers_alone() -> None:
    """Two models that differ by a little on every thing, among things that differ much."""
    hard = np.random.default_rng(2).normal(0, 5, 200)
    ours, theirs = measured(hard + 0.1), measured(hard)
    assert ours.intervals()["a"].low < theirs.intervals()["a"].high, "their intervals overlap"
    found = difference(ours, theirs, "a")
    assert found.value == approx(0.1)
    assert found.low > 0.09


def test_models_alike_do_not_differ() -> None:
    draw = np.random.default_rng(3)
    found = difference(measured(draw.normal(size=300)), measured(draw.normal(size=300)), "a")
    assert found.low < 0 < found.high


def test_models_measured_on_other_things_are_not_compared() -> None:
    with raises(ValueError, match="other things"):
        difference(measured([1.0, 2]), measured([1.0, 2, 3]), "a")
    with raises(ValueError, match="other things"):
        difference(measured([1.0, 2], strata="fi"), measured([1.0, 2], strata="ff"), "a")


def test_the_same_seed_draws_the_same() -> None:
    one = measured(np.arange(50.0))
    assert one.intervals(4) == one.intervals(4)
    assert one.intervals(4) != one.intervals(5)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 9), st.integers(0, 3), st.sampled_from("fie")), min_size=1, max_size=12))
def test_what_is_written_down_comes_back(rows: list[tuple[float, int, str]]) -> None:
    above, below, strata = zip(*rows, strict=True)
    one = measured(above, below, "".join(strata))
    again = Measured.from_json(json.loads(json.dumps(one.as_json())))
    assert (again.names, again.things, again.strata) == (one.names, one.things, one.strata)
    assert np.allclose(again.values(), one.values(), atol=1e-6, equal_nan=True)
    if not np.isnan(one.values()).any():
        found = one.intervals()["a"]
        assert found.low <= found.high
