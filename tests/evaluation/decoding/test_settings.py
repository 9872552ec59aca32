"""Settings: each sampler once, names that say what is at work, and what `transformers` makes of them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pytest import mark, raises
from transformers import GenerationConfig

from calame.evaluation.decoding.settings import PRESETS, SPACE, Setting, draw, grid, parse_space, with_presets
from calame.recipe.errors import UserError

settings = st.builds(
    lambda knobs: Setting(**knobs).plain(),
    st.fixed_dictionaries(
        {knob: st.sampled_from([*values, *((0,) if knob == "temperature" else ())]) for knob, values in SPACE.items()}
    ),
)


def test_the_grid_has_every_sampler_once() -> None:
    space = {"temperature": (0.0, 1.0), "top_k": (0, 50), "repetition_penalty": (1.0, 1.1)}
    assert [setting.name for setting in grid(space)] == [
        "greedy",
        "greedy r1.1",
        "t1",
        "t1 r1.1",
        "t1 k50",
        "t1 k50 r1.1",
    ]
    assert len(grid(SPACE)) == 5 * 2 * 3 * 2 * 3 * 3


def test_a_lot_is_of_the_grid_seeded_and_never_twice() -> None:
    found = draw(SPACE, 24, 7)
    assert found == draw(SPACE, 24, 7) != draw(SPACE, 24, 8)
    assert len(set(found)) == 24 and set(found) <= set(grid(SPACE))
    assert draw({"temperature": (0.5, 1.0)}, 9, 1) == grid({"temperature": (0.5, 1.0)})


def test_the_presets_are_always_tried() -> None:
    assert with_presets(grid({"top_k": (0, 50)}))[: len(PRESETS)] == list(PRESETS.values())
    assert len(with_presets([Setting(), Setting(0.8, 50, 0.95)])) == len(PRESETS)


@given(settings, settings)
def test_a_name_is_one_sampler(one: Setting, other: Setting) -> None:
    assert (one.name == other.name) == (one == other)


@given(settings)
def test_transformers_reads_the_same_sampler(setting: Setting) -> None:
    read = GenerationConfig(**json.loads(json.dumps(setting.for_transformers())))
    assert read.do_sample is (setting.temperature > 0)
    if setting.temperature > 0:
        assert (read.temperature, read.top_k) == (setting.temperature, setting.top_k)
        assert (read.top_p or 1.0, read.min_p or 0.0) == (setting.top_p, setting.min_p)
    assert (read.repetition_penalty or 1.0) == setting.repetition_penalty
    assert (read.no_repeat_ngram_size or 0) == setting.no_repeat_ngram
    read.validate(strict=True)


def test_the_raw_twin_keeps_the_sampler_and_loses_the_penalties() -> None:
    assert Setting(0.8, 50, 0.95, 0.0, 1.1, 3).raw == PRESETS["default"]
    assert Setting(0.8, 50, 0.95, 0.0, 1.1, 3).rules == 4 and PRESETS["plain"].rules == PRESETS["greedy"].rules == 0


def test_values_are_read_as_they_are_written() -> None:
    space = parse_space({"temperature": "0,0.7", "top_k": None})
    assert space["temperature"] == (0.0, 0.7) and space["top_k"] == SPACE["top_k"]


@mark.parametrize(
    ("given", "words"),
    (
        ({"temperature": "hot"}, "--temperature: 'hot' are no numbers"),
        ({"temperature": "-1"}, "--temperature: -1"),
        ({"top_p": "0.9,1.5"}, "--top-p: 1.5"),
        ({"top_k": "2.5"}, "--top-k: 2.5"),
        ({"top_k": "nan"}, "--top-k: nan"),
        ({"no_repeat_ngram": "inf"}, "--no-repeat-ngram: inf"),
        ({"min_p": "2"}, "--min-p: 2"),
        ({"repetition_penalty": "0"}, "--repetition-penalty: 0"),
        ({"temperature": "x", "top_k": "y"}, "--top-k: 'y' are no numbers"),
    ),
)
def test_values_without_meaning_are_all_named(given: dict[str, Any], words: str) -> None:
    with raises(UserError) as error:
        parse_space(given)
    assert words in str(error.value) and len(error.value.problems) == len(given)
