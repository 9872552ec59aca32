"""The objective's score, the leaderboard, and the recommendation: beyond the noise, inside it, and turned round."""

from __future__ import annotations

import numpy as np
from pytest import approx, mark, raises

from calame.evaluation.decoding.decide import Trials, decide, finalists, ranked
from calame.evaluation.decoding.objective import WEIGHTS, Objective, difference_of_scores, parse_weights
from calame.evaluation.decoding.settings import PRESETS, Setting
from calame.evaluation.measured import Measured
from calame.recipe.errors import UserError

WINNER, RUNNER = Setting(0.7, 50, 0.9, 0.0, 1.2), Setting(0.9, 0, 0.9)
DEFAULT = PRESETS["default"]
LOOPS = Objective({"loop_rate": -1.0})


def generations(loop_rate: float, number: int = 200, seed: int = 0, noise: float = 0.0) -> Measured:
    """So many prompts, half of them French, of which a share loops; the same ones unless there is noise."""
    draw = np.random.default_rng([seed, int(1000 * loop_rate)])
    looping = np.arange(number) % 100 < 100 * loop_rate
    flipped = draw.random(number) < noise
    languages = ["fr" if n < number // 2 else "it" for n in range(number)]
    return Measured.of_values("loop_rate", looping ^ flipped, list(map(str, range(number))), languages)


def test_the_score_is_the_declared_sum() -> None:
    names = tuple(WEIGHTS)
    values = np.linspace(0.1, 0.7, len(names))[None]
    measured = Measured(names, ("a",), ("fr",), values, np.ones_like(values))
    wanted = sum(weight * value for weight, value in zip(WEIGHTS.values(), values[0], strict=True))
    assert Objective(WEIGHTS).of(measured).value == approx(wanted)


def test_a_setting_does_not_win_by_saying_nothing() -> None:
    silent = Measured(("loop_rate", "distinct_2_mean"), ("a",), ("fr",), np.zeros((1, 2)), np.zeros((1, 2)))
    assert Objective({"loop_rate": -1.0, "distinct_2_mean": 1.0}).of(silent).value == approx(-1.0)


def test_the_leaderboard_has_the_best_first_and_says_who_is_inside_the_noise() -> None:
    trials = {Setting(1.0): generations(0.5), WINNER: generations(0.1), RUNNER: generations(0.11)}
    board = ranked(trials, LOOPS)
    assert [place.setting for place in board] == [WINNER, RUNNER, Setting(1.0)]
    assert [place.within_noise for place in board] == [True, True, False], "two prompts of 200 are noise"
    assert board[2].score.low < -0.5 < board[2].score.high and board[2].behind.value == approx(0.4)


def test_of_equal_scores_the_simpler_setting_is_first() -> None:
    same = generations(0.2)
    assert ranked({WINNER: same, RUNNER: same, Setting(0.9): same}, LOOPS)[0].setting == Setting(0.9)


def test_the_raw_twin_of_a_winner_with_penalties_goes_to_the_holdout_too() -> None:
    board = ranked({WINNER: generations(0.1), RUNNER: generations(0.2), DEFAULT: generations(0.3)}, LOOPS)
    roles = finalists(board)
    assert roles == {
        "winner": WINNER,
        "runner-up": RUNNER,
        "default": DEFAULT,
        "winner without penalties": Setting(0.7, 50, 0.9),
    }
    plain = ranked({DEFAULT: generations(0.1), RUNNER: generations(0.2)}, LOOPS)
    assert finalists(plain) == {"winner": DEFAULT, "runner-up": RUNNER}, "nobody twice"


def holdout(winner: float, runner: float, default: float, noise: float = 0.02) -> tuple[dict[str, Setting], Trials]:
    roles = {"winner": WINNER, "runner-up": RUNNER, "default": DEFAULT}
    rates = {WINNER: winner, RUNNER: runner, DEFAULT: default}
    return roles, {s: generations(rate, seed=n, noise=noise) for n, (s, rate) in enumerate(rates.items())}


def test_a_winner_that_is_better_on_the_holdout_too_is_recommended() -> None:
    decision = decide(*holdout(0.1, 0.4, 0.5), LOOPS)
    assert (decision.recommended, decision.confirmed) == (WINNER, True)
    assert [("beyond the noise." in word) for word in decision.words] == [True, True, False]


def test_inside_the_noise_the_simpler_setting_is_recommended_and_it_is_said() -> None:
    decision = decide(*holdout(0.1, 0.11, 0.5), LOOPS)
    assert (decision.recommended, decision.confirmed) == (RUNNER, False)
    assert "inside the noise" in decision.words[0] and "simplicity" in decision.words[-1]
    assert decide(*holdout(0.1, 0.11, 0.1), LOOPS).recommended == RUNNER, "one rule against the default's two"


def test_a_winner_that_loses_on_the_holdout_is_not_recommended() -> None:
    decision = decide(*holdout(0.5, 0.4, 0.1), LOOPS)
    assert (decision.recommended, decision.confirmed) == (DEFAULT, False)
    assert "Not confirmed" in decision.words[-1] and "for the rival" in decision.words[1]


def test_a_simpler_winner_needs_no_proof() -> None:
    roles = {"winner": Setting(0.9), "runner-up": WINNER}
    trials = {Setting(0.9): generations(0.1), WINNER: generations(0.11)}
    decision = decide(roles, trials, LOOPS)
    assert decision.confirmed and "the simplest of these" in decision.words[-1]


def test_other_prompts_are_not_compared() -> None:
    with raises(ValueError, match="other prompts"):
        difference_of_scores(LOOPS, generations(0.1), generations(0.1, number=100))


def test_weights_are_declared_and_changed_by_name() -> None:
    objective = parse_weights(["loop_rate=-3", "surprise=0"])
    assert objective.weights["loop_rate"] == -3 and "surprise" not in objective.weights
    assert "-3 x loop_rate" in objective.in_words()


@mark.parametrize(
    ("given", "words"),
    (
        (["loops=-1"], "nothing is called 'loops'"),
        (["loop_rate"], "NAME=NUMBER"),
        (["loop_rate=inf"], "is no number"),
        ([f"{name}=0" for name in WEIGHTS], "nothing to choose by"),
    ),
)
def test_weights_that_mean_nothing_are_refused(given: list[str], words: str) -> None:
    with raises(UserError, match=words):
        parse_weights(given)
