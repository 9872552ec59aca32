"""Pairs of the model's own answers: the best mark against the worst, what did not end never chosen, the same for a
seed whatever stands beside it."""

from __future__ import annotations

from dataclasses import replace

from builders import decoder_of, loaded_of
from calame.inference.generate import Sampling
from calame.tuning.openings import Opening
from calame.tuning.own_pairs import ALIKE, NO_MARKS, NONE_WORSE, NOT_ENDED, Drawn, draw, has_room, rank


def opening(text: str) -> Opening:
    return Opening(({"role": "user", "content": text},), "fr")


def ranked(marks: dict[str, float], *unended: str) -> object:
    """Of answers that are called as they are marked, and some without a mark."""
    return rank(Drawn(opening("q"), {text: text not in unended for text in (*marks, *unended)}), marks)


def test_the_best_answer_stands_against_the_worst() -> None:
    row = {"prompt": "q", "chosen": "b", "rejected": "a", "marks": [3.0, 1.0], "language": "fr"}
    assert ranked({"c": 2.0, "a": 1.0, "b": 3.0}) == row
    several = Opening(({"role": "system", "content": "s"}, {"role": "user", "content": "q"}), "fr")
    found = rank(Drawn(several, {"a": True, "b": True}), {"a": 1.0, "b": 3.0})
    assert found == {**row, "prompt": list(several.messages)}, "several messages are a list"


def test_what_did_not_end_is_never_chosen_but_may_be_rejected() -> None:
    found = ranked({"a": 5.0, "b": 1.0, "c": 3.0}, "a")
    assert isinstance(found, dict) and (found["chosen"], found["rejected"]) == ("c", "b")
    found = ranked({"a": 1.0, "b": 3.0}, "a")
    assert isinstance(found, dict) and found["rejected"] == "a"
    assert ranked({"a": 1.0, "b": 3.0}, "a", "b") == NOT_ENDED


def test_prompts_without_a_difference_are_left_out_with_the_reason() -> None:
    assert ranked({"a": 1.0}) == ALIKE
    assert ranked({"a": 1.0}, "b") == NO_MARKS
    assert ranked({"a": 2.0, "b": 2.0}) == NONE_WORSE
    assert ranked({"a": 1.0, "b": 3.0}, "b") == NONE_WORSE


def test_answers_are_the_same_for_a_seed_whatever_stands_beside_their_prompt() -> None:
    loaded = loaded_of(decoder_of(spread=0.5))
    sampling = Sampling(temperature=1.0, limit=12)
    openings = [opening(text) for text in ("la mer", "le roi", "une pomme")]
    drawn = draw(loaded, openings, 4, sampling)
    assert [one.opening for one in drawn] == openings
    assert all(len(one.answers) == 4 for one in drawn), "four different draws of one prompt"
    assert draw(loaded, openings[1:2], 4, sampling) == drawn[1:2]
    assert draw(loaded, openings[1:2], 4, replace(sampling, seed=1)) != drawn[1:2]
    assert has_room(loaded, openings[0]) and not has_room(loaded, opening("la mer " * 40))
