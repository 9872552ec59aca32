"""Criteria: presets, files, names on the command line; what is derived is said, what is wrong is refused."""

from __future__ import annotations

from pathlib import Path

from pytest import mark, raises

from calame.evaluation.compare.criteria import read_criteria
from calame.recipe.criteria import PRESETS
from calame.recipe.errors import UserError


def test_names_on_the_command_line_are_taken_in_their_order() -> None:
    criteria = read_criteria("behaviour/loop_rate, val/fr-wiki/bpb,eval/fr_clams")
    assert [c.name for c in criteria.criteria] == ["behaviour/loop_rate", "val/fr-wiki/bpb", "eval/fr_clams"]
    assert [c.better for c in criteria.criteria] == ["lower", "lower", "higher"]
    assert criteria.order == "lexicographic"


@mark.parametrize("preset", PRESETS)
def test_what_is_derived_is_said(preset: str) -> None:
    head, *lines = read_criteria(preset).in_words()
    assert head == "criteria, in this order:" and len(lines) == len(PRESETS[preset].criteria)
    assert all("is better, a difference of" in line for line in lines)


def test_a_file_says_what_it_wants(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "order: weighted\ncriteria:\n"
        "- {name: val/mixed/loss, weight: 2, matters: 0.1}\n"
        "- {name: behaviour/distinct_2_mean/it, better: lower}\n"
    )
    criteria = read_criteria(str(tmp_path / "c.yaml"))
    assert criteria.in_words()[1:] == [
        "  val/mixed/loss: lower is better, a difference of 0.1 matters, weight 2",
        "  behaviour/distinct_2_mean/it: lower is better, a difference of 0.02 matters, weight 1",
    ]


@mark.parametrize(
    ("given", "words"),
    (
        ("everything", "balanced, loss, behaviour; own: those of evaluation.criteria; names"),
        ("behaviour/loops", "nothing is called 'behaviour/loops'"),
        ("val/mixed/bpb,val/mixed/bpb", "stands there twice"),
        ("behaviour/x,val/mixed/accuracy", "nothing is called 'val/mixed/accuracy'"),
        ("nowhere.yaml", "cannot be read"),
    ),
)
def test_criteria_that_are_none_are_refused(given: str, words: str) -> None:
    with raises(UserError) as error:
        read_criteria(given)
    assert words in str(error.value)


@mark.parametrize(
    ("text", "words"),
    (
        ("criteria: []", "criteria"),
        ("criteria: [{name: val/mixed/bpb, wheight: 1}]", "wheight"),
        ("criteria: [{name: val/mixed/bpb, better: more}]", "better"),
        ("order: weighted\ncriteria: [{name: val/mixed/bpb, matters: 0}]", "matters is 0"),
        ("order: best", "order"),
    ),
)
def test_a_file_with_faults_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with raises(UserError) as error:
        read_criteria(str(tmp_path / "c.yaml"))
    assert words in str(error.value)
