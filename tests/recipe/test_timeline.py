"""Batch and context by token position: against a walk from step to step, and as keys of a recipe."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import fixture, mark, raises

from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml
from calame.recipe.timeline import Timeline, last_of, values_of

SMALL = {
    "name": "small",
    "corpus": {"sources": {"a": {"from": "a"}}},
    "model": {"hidden_size": 64, "num_hidden_layers": 2},
    "pretrain": {"tokens": "1M", "batch": 1024, "context": 128},
}


@st.composite
def timed(draw: st.DrawFn, values: st.SearchStrategy[int]) -> int | dict[int, int]:
    if draw(st.booleans()):
        return draw(values)
    return {start: draw(values) for start in (0, *draw(st.sets(st.integers(1, 3000), max_size=4)))}


def walked(batch: int | dict[int, int], context: int | dict[int, int], tokens: int) -> list[tuple[int, int, int]]:
    """(position, batch, context) of each step, looked up where the step begins."""
    steps, position = [], 0
    while True:
        found = [
            value if isinstance(value, int) else value[max(start for start in value if start <= position)]
            for value in (batch, context)
        ]
        if position + found[0] > tokens:
            return steps
        steps.append((position, *found))
        position += found[0]


@given(timed(st.integers(1, 700)), timed(st.integers(1, 64)), st.integers(0, 5000))
@settings(max_examples=300, deadline=None)
def test_it_is_the_walk_from_step_to_step(
    batch: int | dict[int, int], context: int | dict[int, int], tokens: int
) -> None:
    timeline, steps = Timeline(batch, context), walked(batch, context, tokens)
    assert timeline.steps(tokens) == len(steps)
    assert [timeline.position(step) for step in range(len(steps))] == [position for position, *_ in steps]
    for position, *values in steps:
        for within in (position, position + values[0] - 1):
            segment = timeline.at(within)
            assert [segment.batch, segment.context] == values, "all of a step is alike"


def test_a_step_of_the_recipe_holds_from_the_next_optimizer_step_on() -> None:
    timeline = Timeline({0: 400, 1000: 800}, {0: 50, 100: 100})
    assert [(s.start, s.steps, s.batch, s.context) for s in timeline.segments] == [
        (0, 0, 400, 50),
        (400, 1, 400, 100),
        (1200, 3, 800, 100),
    ]
    assert all(one.start < other.start for one, other in pairwise(timeline.segments))
    assert timeline.cuts(0, 2000) == [(0, 400), (400, 1200), (1200, 2000)]


def test_a_plain_number_holds_everywhere() -> None:
    timeline = Timeline(512, 64)
    assert [(s.start, s.batch, s.context) for s in timeline.segments] == [(0, 512, 64)]
    assert (values_of(512), last_of({0: 1, 5: 2})) == ([512], 2)


@fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return str(tmp_path / "r.yaml")


def problems(recipe: str, *overrides: str) -> str:
    with raises(UserError) as refused:
        load_recipe(recipe, overrides)
    return "\n".join(map(str, refused.value.problems))


def test_keys_by_position_are_read_and_written_back(recipe: str, tmp_path: Path) -> None:
    steps = ["pretrain.context={0: 128, 100k: 256}", "pretrain.batch={0: 1024, 1M: 2048}"]
    loaded, derived = load_recipe(recipe, [*steps, "sft={conversations: {c: {from: c}}}"])
    assert loaded.pretrain.context == {0: 128, 100_000: 256}
    assert loaded.pretrain.batch == {0: 1024, 1_000_000: 2048}
    assert loaded.model.max_position_embeddings == 256
    assert loaded.sft is not None and (loaded.sft.context, loaded.sft.batch) == (256, 2048)
    (tmp_path / "resolved.yaml").write_text(resolved_yaml(loaded, derived), encoding="utf-8")
    again, _ = load_recipe(str(tmp_path / "resolved.yaml"))
    assert again.pretrain == loaded.pretrain


def test_plain_numbers_leave_the_keys_of_a_stage_as_they_were(recipe: str) -> None:
    """What enters the fingerprint of a recipe without steps holds none of the keys that came with them."""
    keys = load_recipe(recipe)[0].pretrain.model_dump(by_alias=True, mode="json", exclude_none=True)
    assert (keys["batch"], keys["context"]) == (1024, 128)
    assert keys["schedule"] == {"kind": "cosine", "final": 0.1}


@mark.parametrize(
    ("override", "words"),
    [
        ("pretrain.context={0: 128, 1M: 200}", ["pretrain.context", "128 does not divide what comes after"]),
        ("pretrain.context={0: 256, 1M: 128}", ["pretrain.context", "256 does not divide"]),
        ("pretrain.context={0: 128, 1M: 2048}", ["pretrain.batch", "1024 tokens do not divide into rows of 2048"]),
        ("pretrain.batch={0: 1024, 1M: 1100}", ["pretrain.batch", "1100 tokens do not divide", "1152"]),
        ("pretrain.context={5: 128}", ["pretrain.context", "begin at 0"]),
        ("pretrain.context={0: 128, 1k: 256, 1000: 512}", ["pretrain.context", "no two at the same"]),
        ("pretrain.context={}", ["pretrain.context", "begin at 0"]),
        ("pretrain.context=2k", ["pretrain.context", "'2k' is not a whole number"]),
        ("pretrain.context={0: many}", ["pretrain.context", "'many' is not a whole number"]),
        ("pretrain.batch=0", ["pretrain.batch", "not greater than 0"]),
        ("pretrain.batch={0: 1024, soon: 2048}", ["pretrain.batch", "'soon' is not a number"]),
        ("pretrain.schedule.decay=1k", ["pretrain.schedule.decay", "schedule is cosine", "kind=wsd"]),
        ("pretrain.schedule.shape=linear", ["pretrain.schedule.shape", "only with kind wsd"]),
        ("pretrain.schedule={kind: wsd, decay: 2M}", ["pretrain.schedule.decay", "do not fit", "1000000"]),
        ("pretrain.schedule={kind: wsd, shape: steep}", ["pretrain.schedule.shape", "1-sqrt"]),
    ],
)
def test_what_does_not_fit_says_what_does(recipe: str, override: str, words: list[str]) -> None:
    message = problems(recipe, override)
    assert all(word in message for word in words), message


def test_chunks_have_one_context(recipe: str) -> None:
    message = problems(recipe, "pretrain.documents=chunks", "pretrain.context={0: 128, 1M: 256}")
    assert "pretrain.context" in message and "chunks" in message


def test_everything_wrong_with_steps_comes_in_one_message(recipe: str) -> None:
    message = problems(
        recipe, "pretrain.context={0: 100, 1k: 128}", "pretrain.batch={0: 100}", "pretrain.schedule.decay=5"
    )
    assert all(key in message for key in ("pretrain.context", "pretrain.batch", "pretrain.schedule.decay"))


def test_the_decay_of_wsd_is_derived_with_its_reason(recipe: str) -> None:
    loaded, derived = load_recipe(recipe, ["pretrain.schedule.kind=wsd"])
    notes = {note.key: note for note in derived}
    assert notes["pretrain.schedule.decay"].value == 200_000 and notes["pretrain.schedule.decay"].reason
    assert loaded.pretrain.schedule.shape == "linear"
