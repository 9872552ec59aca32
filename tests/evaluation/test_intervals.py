"""Bootstrap intervals: they hold what they should, and pairs see what unpaired numbers hide."""

import numpy as np
import pytest

from calame.evaluation.intervals import (
    DRAWS,
    Interval,
    difference_interval,
    drawn_sums,
    interval,
    interval_of,
    jackknife_interval,
    mean_interval,
    share_interval,
)


def test_it_is_about_as_wide_as_the_standard_error_says():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = mean_interval(values)
    assert found.value == pytest.approx(values.mean()) and found.n == 400
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_it_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    held = [(i := mean_interval(random.random(60) < 0.3)).low <= 0.3 <= i.high for _ in range(200)]
    assert 0.88 <= np.mean(held) <= 0.99


def test_the_same_numbers_give_the_same_interval():
    assert mean_interval([1.0, 2.0, 5.0]) == mean_interval([1.0, 2.0, 5.0])


def test_a_statistic_of_all_things_together():
    found = interval_of([["a", "b"], ["a", "c"], ["a", "d"]], lambda lists: len({x for part in lists for x in part}))
    assert found.value == 4 and 2 <= found.low <= found.high <= 4


def test_a_small_difference_in_pairs_is_seen():
    ours = np.random.default_rng(3).normal(0, 10, 100)
    theirs = ours - np.random.default_rng(4).normal(0.5, 0.1, 100)
    assert difference_interval(list(ours), list(theirs)).low > 0.4


def test_what_is_alike_in_every_draw_is_not_without_doubt():
    assert share_interval([0.0] * 20).high == pytest.approx(0.161, abs=0.001)
    assert jackknife_interval(1.0, [1.0] * 20) == share_interval([1.0] * 20)
    assert share_interval([0.3]) == jackknife_interval(0.3, [0.0]) == Interval(0.3, 0.0, 1.0, 1)
    assert jackknife_interval(0.5, [0.45, 0.5, 0.55]).low < 0.5


def test_nothing_measured_is_no_number():
    with pytest.raises(ValueError, match="nothing was measured"):
        mean_interval([])
    with pytest.raises(ValueError, match="pairs"):
        difference_interval([1.0], [1.0, 2.0])


def test_the_interval_of_a_ratio_of_sums_is_that_of_the_documents():
    """Bits a byte of many documents: the ratio of the sums of what was drawn, not the mean of ratios."""
    draw = np.random.default_rng(5)
    sizes = draw.integers(10, 1000, 300).astype(float)
    values = np.stack([sizes * draw.normal(2.0, 0.3, 300), sizes], 1)
    drawn = drawn_sums(values)
    assert drawn.shape == (DRAWS, 2)
    ratios = drawn[:, 0] / drawn[:, 1]
    value = values[:, 0].sum() / values[:, 1].sum()
    found = interval(value, ratios, 300)
    residuals = values[:, 0] - value * values[:, 1]  # the delta method
    spread = 1.96 * residuals.std() * np.sqrt(300) / values[:, 1].sum()
    assert (found.high - found.low) / 2 == pytest.approx(spread, rel=0.1)
    assert (drawn_sums(values) == drawn).all()
