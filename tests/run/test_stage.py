"""Fingerprints: every ingredient counts and nothing else does; differences are said in words."""

from dataclasses import replace

import pytest

from calame.run.stage import Stage, difference

before = Stage("corpus", 1, {"a": 1}, lambda work: None)
stage = Stage("pretrain", 1, {"model": {"hidden_size": 64}}, lambda work: None, {"x.txt": "aa"}, (before,), True, 100)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "sft"},
        {"version": 2},
        {"keys": {"model": {"hidden_size": 128}}},
        {"keys": {"model": {"hidden_size": 64}, "seed": 1}},
        {"files": {"x.txt": "bb"}},
        {"files": {"y.txt": "aa"}},
        {"before": ()},
        {"before": (replace(before, version=2),)},
        {"before": (replace(before, goal=5),)},
        {"goal": 200},
        {"goal": 100, "history": (50,)},
    ],
)
def test_each_ingredient_changes_the_fingerprint(change):
    assert replace(stage, **change).fingerprint != stage.fingerprint


@pytest.mark.parametrize(
    "change", [{"make": print}, {"trained": False}, {"link": "elsewhere"}, {"linked_file": "file.json"}]
)
def test_handling_does_not(change):
    assert replace(stage, **change).fingerprint == stage.fingerprint


def test_what_follows_depends_on_how_far_a_trained_stage_went():
    def after(goal):
        return Stage("select", 1, {}, lambda work: None, before=(replace(stage, goal=goal),))

    assert after(100).fingerprint != after(200).fingerprint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "its behaviour changed (version 1 -> 2)"),
        ({"keys": {"model": {"hidden_size": 128}}}, "model.hidden_size: 64 -> 128"),
        ({"keys": {"model": {"hidden_size": 64, "init": "x"}}}, "model.init: none -> x"),
        ({"keys": {}}, "model.hidden_size: 64 -> none"),
        ({"files": {"x.txt": "bb"}}, "x.txt changed"),
        ({"files": {"x.txt": "aa", "y.txt": "aa"}}, "y.txt is new"),
        ({"files": {}}, "x.txt is gone"),
        ({"before": (replace(before, version=2),)}, "corpus before it changed"),
    ],
)
def test_differences_in_words(change, words):
    assert difference(stage.ingredients, replace(stage, **change).ingredients) == [words]


def test_many_differences_are_counted():
    many = {f"{number:02d}.txt": "aa" for number in range(20)}
    words = difference(stage.ingredients, replace(stage, files={**many, "x.txt": "aa"}).ingredients)
    assert len(words) == 7 and words[-1] == "and 14 more changes"


def test_no_difference():
    assert difference(stage.ingredients, stage.ingredients) == []
