"""Rankings on made-up measurements: what decides, what is noise, what does not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from calame.evaluation.compare.criteria import read_criteria
from calame.evaluation.compare.rank import Scores, rank
from calame.evaluation.measured import Measured
from calame.recipe.criteria import Criteria, Criterion

LOSS, LOOPS, TASK = "val/mixed/bpb", "behaviour/loop_rate", "eval/fr_clams"


def numbers(name: str, mean: float, noise: float = 0.0, number: int = 200, seed: int = 0) -> Measured:
    """Things that differ much among each other, alike for all candidates; and noise of each candidate's own."""
    hard = np.random.default_rng(7).normal(0, 0.3, number)
    own = np.random.default_rng(seed).normal(0, 1, number)
    values = mean + (hard - hard.mean()) + noise * (own - own.mean())
    return Measured.of_values(name, values, list(map(str, range(number))), ["x"] * number)


def scores_of(noise: float = 0.0, **means: tuple[float, ...]) -> Scores:
    """Means of LOSS, LOOPS and TASK by candidate, as many as are given."""
    return {
        candidate: {
            name: numbers(name, mean, noise, seed=seed)
            for name, mean in zip((LOSS, LOOPS, TASK), given_means, strict=False)
        }
        for seed, (candidate, given_means) in enumerate(means.items(), 1)
    }


def test_the_first_criterion_that_tells_decides() -> None:
    ranking = rank(scores_of(a=(1.30, 0.5), b=(1.20, 0.9), c=(1.25, 0.1)), read_criteria(f"{LOSS},{LOOPS}"))
    assert ranking.order == ("b", "c", "a") and ranking.decided_by == LOSS
    (step,) = ranking.steps
    assert [(gap.candidate, gap.told) for gap in step.gaps] == [("a", True), ("c", True)]
    assert step.gaps[0].behind.value == approx(0.1)


def test_what_does_not_matter_is_left_to_the_next_criterion() -> None:
    """0.005 bits a byte are sure, and less than what is declared to matter."""
    ranking = rank(scores_of(a=(1.200, 0.5), b=(1.205, 0.1), c=(1.4, 0.0)), read_criteria(f"{LOSS},{LOOPS}"))
    assert ranking.order == ("b", "a", "c") and ranking.decided_by == LOOPS
    first, second = ranking.steps
    assert first.best == "a" and first.left == ("a", "b")
    (gap,) = [gap for gap in first.gaps if gap.candidate == "b"]
    assert gap.beyond_noise and not gap.told
    assert second.left == ("b",)


def test_what_is_noise_is_left_to_the_next_criterion() -> None:
    ranking = rank(scores_of(0.5, a=(1.20, 0.9), b=(1.23, 0.1)), read_criteria(f"{LOSS},{LOOPS}"))
    (gap,) = ranking.steps[0].gaps
    assert gap.behind.value == approx(0.03) and not gap.beyond_noise
    assert ranking.order == ("b", "a") and ranking.decided_by == LOOPS


def test_where_nothing_tells_the_first_criterions_number_is_followed_and_nothing_decided() -> None:
    ranking = rank(scores_of(a=(1.201, 0.101), b=(1.200, 0.102)), read_criteria(f"{LOSS},{LOOPS}"))
    assert ranking.order == ("b", "a") and ranking.decided_by == ""


def test_higher_is_better_where_it_is() -> None:
    ranking = rank(scores_of(a=(1, 1, 0.5), b=(1, 1, 0.7)), read_criteria(TASK))
    assert ranking.order == ("b", "a") and ranking.steps[0].gaps[0].behind.value == approx(0.2)


WEIGHTED = Criteria(
    order="weighted", criteria=[Criterion(name=LOSS, matters=0.01), Criterion(name=LOOPS, matters=0.1, weight=2)]
).complete("")


def test_a_weighted_sum_is_of_differences_that_matter() -> None:
    ranking = rank(scores_of(a=(1.20, 0.5), b=(1.25, 0.2), c=(1.21, 0.9)), WEIGHTED)
    assert ranking.totals and ranking.behind
    assert {name: total.value for name, total in ranking.totals.items()} == {
        "a": approx(2 * 3),
        "b": approx(5),
        "c": approx(1 + 2 * 7),
    }
    assert ranking.order == ("b", "a", "c") and ranking.decided_by == LOOPS
    assert ranking.behind["a"].value == approx(1) and ranking.behind["a"].low > 0
    assert ranking.totals["a"].low <= 6 <= ranking.totals["a"].high


def test_the_sums_noise_is_that_of_its_parts() -> None:
    ranking = rank(scores_of(0.5, a=(1.20, 0.5), b=(1.21, 0.5)), WEIGHTED)
    assert ranking.behind and ranking.behind["b"].low < 0 < ranking.behind["b"].high


def test_one_candidate_is_chosen_without_a_criterion() -> None:
    for criteria in (read_criteria(LOSS), WEIGHTED):
        assert rank(scores_of(a=(1.0, 0.1)), criteria).order == ("a",)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0.5, 2), st.floats(0, 1)), min_size=1, max_size=5), st.booleans())
def test_a_ranking_holds_everyone_once_whatever_their_order(means: list[tuple[float, float]], weighted: bool) -> None:
    names = [f"c{n}" for n in range(len(means))]
    criteria = WEIGHTED if weighted else read_criteria(f"{LOSS},{LOOPS}")
    scores = scores_of(**dict(zip(names, means, strict=True)))
    ranking = rank(scores, criteria)
    assert sorted(ranking.order) == names
    turned = rank(dict(reversed(scores.items())), criteria)
    if len(set(means)) == len(means):
        assert turned.order[0] == ranking.order[0]
