"""Pairs of the model's own answers: the judge's best against its worst, what did not end never chosen, sums exact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pytest import raises

from builders import decoder_of, loaded_of
from calame.inference.generate import Sampling
from calame.recipe.errors import UserError
from calame.recipe.tuning import Pairs
from calame.tuning.own_pairs import draw, rank, write_own_pairs
from calame.tuning.pairs import Pair, read_pairs


def by_length(asked: Sequence[tuple[str, str]]) -> list[float | None]:
    return [None if "?" in answer else float(len(answer)) for _, answer in asked]


def ranked(*answers: tuple[str, bool], gap: float = 0.0) -> object:
    (found,) = rank(iter([("q", list(answers))]), by_length, gap)
    return found


def test_the_best_answer_stands_against_the_worst() -> None:
    found = ranked(("abc", True), ("a", True), ("ab", True))
    assert found == {"prompt": "q", "chosen": "abc", "rejected": "a", "marks": [3.0, 1.0]}


def test_what_did_not_end_is_never_chosen_but_may_be_rejected() -> None:
    found = ranked(("abcdef", False), ("ab", True), ("abc", True))
    assert isinstance(found, dict) and (found["chosen"], found["rejected"]) == ("abc", "ab")
    found = ranked(("a", False), ("ab", True))
    assert isinstance(found, dict) and found["rejected"] == "a"
    assert ranked(("abc", False), ("a", False)) == "no two answers with marks, one of them ended by itself"


def test_prompts_without_a_difference_are_left_out_with_the_reason() -> None:
    assert ranked(("a", True), ("a", True)) == "its answers are all alike"
    assert ranked(("a", True), ("", True)) == "its answers are all alike"
    assert ranked(("a?", True), ("b", True)) == "no two answers with marks, one of them ended by itself"
    assert ranked(("ab", True), ("cd", True)) == "its answers have the same marks"
    assert ranked(("a", True), ("abc", True), gap=2.0) == "its answers have the same marks"


def test_answers_are_drawn_and_the_rows_are_read_as_pairs(tmp_path: Path) -> None:
    loaded = loaded_of(decoder_of(spread=0.5))
    sampling = Sampling(temperature=1.0, limit=12)
    prompts = ["la mer", "le roi", "une pomme"]
    drawn = list(draw(loaded, prompts, 4, sampling))
    assert [prompt for prompt, _ in drawn] == prompts
    assert all(len({text for text, _ in answers}) > 1 for _, answers in drawn), "four different draws of one prompt"
    assert drawn == list(draw(loaded, prompts, 4, sampling)), "the same for a seed"

    def judge(asked: Sequence[tuple[str, str]]) -> list[float]:
        return [float(len(answer)) for _, answer in asked]

    path = tmp_path / "own.jsonl"
    with raises(UserError, match="no pair of 3 prompts"):
        write_own_pairs(loaded, prompts, lambda asked: [None] * len(asked), path, 3, sampling)
    assert not path.exists()
    counted = write_own_pairs(loaded, prompts * 20, judge, path, 4, sampling)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert counted.prompts == 60 == counted.pairs + counted.left_out.total() and counted.pairs == len(rows) > 0
    keys = Pairs.model_validate({"from": str(path)})
    assert all(isinstance(item, Pair) for item in read_pairs("own", keys, ["fr"], 1))
