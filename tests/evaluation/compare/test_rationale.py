"""The rationale says what the ranking did, and nothing that it did not."""

from __future__ import annotations

from calame.evaluation.compare.criteria import read_criteria
from calame.evaluation.compare.rank import rank
from calame.evaluation.compare.rationale import best_by_kind, rationale, scalar_best
from evaluation.compare.test_rank import LOOPS, LOSS, WEIGHTED, scores_of

CRITERIA = read_criteria(f"{LOSS},{LOOPS}")


def words_of(*args, criteria=CRITERIA, **means):
    scores = scores_of(*args, **means)
    return rationale(scores, criteria, rank(scores, criteria))


def test_a_practical_checkpoint_is_taken_over_the_best_by_loss_and_the_best_by_behaviour() -> None:
    """As 1gpu-llm's medium card tells of its own choice."""
    words = words_of(loss=(1.200, 0.6), practical=(1.206, 0.2), behaved=(1.4, 0.0))
    assert words[0].startswith("practical is chosen out of 3 checkpoints, one criterion after the other: val/mixed/bpb")
    assert "best is loss with 1.2 [" in words[1]
    assert "behaved by 0.2 [0.2, 0.2]: behind beyond the noise, and out." in words[1]
    assert "practical by 0.006 [0.006, 0.006]: behind by less than the 0.01 that matters." in words[1]
    assert words[3] == "behaviour/loop_rate decided."
    assert words[4] == (
        "By the losses alone loss would be chosen. It is better by 0.006 [0.006, 0.006] in val/mixed/bpb, less than "
        "what matters. It is worse by 0.4 [0.4, 0.4] in behaviour/loop_rate."
    )
    assert words[5] == (
        "By behaviour alone behaved would be chosen. It is worse by 0.194 [0.194, 0.194] in val/mixed/bpb. "
        "It is better by 0.2 [0.2, 0.2] in behaviour/loop_rate."
    )


def test_what_is_noise_is_called_noise() -> None:
    words = words_of(0.5, a=(1.20, 0.3), b=(1.21, 0.31))
    assert "b by 0.01 [" in words[1] and "not told apart from it" in words[1]
    assert words[3].startswith(
        "No criterion tells a, b apart: a has the better number of val/mixed/bpb, which is no proof"
    )


def test_the_best_by_all_kinds_is_said_to_be() -> None:
    words = words_of(a=(1.2, 0.1), b=(1.3, 0.2))
    assert words[-2:] == ["By the losses alone, too, it is the one.", "By behaviour alone, too, it is the one."]


def test_a_weighted_choice_says_what_sets_the_first_two_apart() -> None:
    words = words_of(a=(1.20, 0.5), b=(1.25, 0.2), criteria=WEIGHTED)
    assert words[0].startswith("b is chosen out of 2 checkpoints, by a weighted sum")
    assert "The weighted sum of a, the next one, is 1 [1, 1] worse" in words[1] and "beyond the noise" in words[1]
    assert words[1].endswith("What sets them apart most is behaviour/loop_rate.")
    noisy = words_of(0.5, a=(1.20, 0.5), b=(1.21, 0.5), criteria=WEIGHTED)
    assert "inside the noise: the choice is one of several as good" in noisy[1]


def test_many_candidates_are_counted_and_not_listed() -> None:
    words = words_of(**{f"c{n}": (1.2 + n / 10, 0.1) for n in range(9)})
    assert "; and 4 more: behind beyond the noise" in words[1]


def test_a_single_checkpoint_needs_no_reason() -> None:
    assert words_of(a=(1.2, 0.1)) == ["a is the only checkpoint there was to choose."]


def test_the_best_of_a_kind_and_of_the_first_loss() -> None:
    scores = scores_of(a=(1.2, 0.9), b=(1.3, 0.2))
    assert best_by_kind(scores, CRITERIA, "a") == {"val": ("a", True), "behaviour": ("b", True)}
    alike = scores_of(a=(1.2, 0.3), b=(1.3, 0.3))
    assert best_by_kind(alike, CRITERIA, "b")["behaviour"] == ("b", False), "none is better, and it is one of them"
    assert scalar_best(scores, CRITERIA) == ("a", LOSS)
    assert scalar_best(scores, read_criteria(LOOPS)) is None
