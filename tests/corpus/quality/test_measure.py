"""The area under the curve against its definition and against scikit-learn; its interval; calibration."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from calame.corpus.quality.measure import area, calibration_error, measure

graded = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=2, max_size=30).filter(
    lambda pairs: len({grade for _, grade in pairs}) > 1
)


@given(graded)
def test_the_area_is_the_share_of_pairs_in_the_right_order(pairs):
    right = asked = 0.0
    for (s, g), (t, h) in combinations(pairs, 2):
        if g != h:
            asked += 1
            right += 0.5 if s == t else (s > t) == (g > h)
    scores, grades = np.array(pairs).T
    assert area(scores, grades) == pytest.approx(right / asked)


def test_for_two_grades_it_is_what_scikit_learn_says():
    draw = np.random.default_rng(1)
    grades, weights = draw.integers(0, 2, 500), draw.integers(0, 3, 500)
    scores = np.round(draw.normal(size=500) + grades, 1)
    assert area(scores, grades) == pytest.approx(roc_auc_score(grades, scores))
    assert area(scores, grades, weights.astype(float)) == pytest.approx(
        roc_auc_score(grades, scores, sample_weight=weights)
    )


def test_the_interval_holds_the_value_and_is_wider_for_fewer_groups():
    draw = np.random.default_rng(2)
    grades = np.arange(600) % 2
    scores = draw.normal(size=600) + grades
    alone = measure(scores, grades, [str(n) for n in range(600)])
    assert alone.low < alone.auc < alone.high
    assert alone == measure(scores, grades, [str(n) for n in range(600)])
    apart = draw.normal(size=20).repeat(30)  # what is common to a group's documents
    together = measure(scores + apart, grades, [str(n // 30) for n in range(600)])
    wrongly = measure(scores + apart, grades, [str(n) for n in range(600)])
    assert together.groups == 20 and together.documents == 600
    assert together.high - together.low != wrongly.high - wrongly.low


def test_calibration_error_is_the_distance_between_score_and_grade():
    grades = np.tile([0, 1, 1, 1], 100)
    assert calibration_error(np.full(400, 0.75), grades, 1) == pytest.approx(0, abs=0.02)
    assert calibration_error(np.full(400, 0.25), grades, 1) == pytest.approx(0.5, abs=0.02)
