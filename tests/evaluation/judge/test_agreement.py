"""Cohen's kappa against its definition and scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx, mark
from sklearn.metrics import cohen_kappa_score

from calame.evaluation.judge.agreement import Agreement, agreement, in_words, kappa

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30)


@given(pairs, st.booleans())
def test_kappa_is_the_known_one(labelled: list[tuple[int, int]], ordered: bool) -> None:
    ours, theirs = (np.array(column) for column in zip(*labelled, strict=True))
    found = kappa(ours, theirs, 4, ordered)
    if len(set(ours.tolist()) | set(theirs.tolist())) < 2:
        assert math.isnan(found)
        return
    wanted = cohen_kappa_score(ours, theirs, weights="quadratic" if ordered else None, labels=[0, 1, 2, 3])
    assert found == approx(wanted, abs=1e-9)


def test_chance_is_taken_off() -> None:
    """Two who agree in 0.8 and say yes to 0.6 and to 0.5: by chance they would agree in 0.5."""
    ours = np.array([1] * 45 + [1] * 15 + [0] * 5 + [0] * 35)
    theirs = np.array([1] * 45 + [0] * 15 + [1] * 5 + [0] * 35)
    assert kappa(ours, theirs, 2) == approx((0.8 - 0.5) / 0.5)


def test_a_judge_who_says_one_thing_only_has_no_kappa() -> None:
    found = agreement(["a"] * 9, ["a"] * 9, ("a", "b"))
    assert found.raw and found.raw.value == 1 and found.kappa is None
    assert "kappa says nothing" in in_words("orders", found)


def test_nothing_in_common_is_no_number() -> None:
    assert agreement([], [], ("a", "b")) == Agreement(n=0, raw=None, kappa=None)
    assert "nothing in common" in in_words("orders", agreement([], [], ("a",)))


@mark.parametrize(("by_lot", "word"), ((0.1, "almost perfect"), (0.5, "moderate"), (1.0, "slight")))
def test_the_interval_holds_the_truth_and_has_a_name(by_lot: float, word: str) -> None:
    """A share of the labels is drawn by lot: kappa is the rest."""
    draw = np.random.default_rng(0)
    ours = draw.integers(2, size=800)
    theirs = np.where(draw.random(800) < by_lot, draw.integers(2, size=800), ours)
    found = agreement(ours.tolist(), theirs.tolist(), (0, 1))
    assert found.kappa and found.kappa.low <= 1 - by_lot <= found.kappa.high
    assert word in in_words("judges", found)
