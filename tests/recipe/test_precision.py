"""Precision and optimizer: what is derived, and every combination that is refused, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from calame.recipe.errors import Problem, UserError
from calame.recipe.load import load_recipe


@pytest.fixture
def recipe(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    data = {
        "name": "small",
        "corpus": {"sources": {"a": {"from": "a"}}},
        "model": {"hidden_size": 64, "num_hidden_layers": 2},
        "pretrain": {"tokens": "1M", "batch": 1024, "context": 128},
        "sft": {"conversations": {"own": {"from": "own-text"}}},
    }
    Path("small.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return "small.yaml"


def problems(recipe: str, *overrides: str) -> list[Problem]:
    with pytest.raises(UserError) as refused:
        load_recipe(recipe, overrides)
    return refused.value.problems


@pytest.mark.parametrize(
    ("precision", "state"),
    [(p, "fp32") for p in ("auto", "fp32", "bf16", "fp16", "fp8")]
    + [("bf16-rounded", "bf16"), ("bf16-scaled", "bf16")],
)
def test_moments_are_stored_as_the_weights_are(recipe: str, precision: str, state: str) -> None:
    loaded, derived = load_recipe(recipe, [f"pretrain.precision={precision}", "sft.optimizer.learning_rate=1e-5"])
    assert loaded.sft and loaded.sft.optimizer
    assert (loaded.pretrain.optimizer.state, loaded.sft.optimizer.state) == (state, state)
    notes = {note.key: note.reason for note in derived}
    assert precision in notes["pretrain.optimizer.state"]
    assert "sft.optimizer.state" in notes
    given, derived = load_recipe(recipe, ["pretrain.optimizer.state=int8"])
    assert given.pretrain.optimizer.state == "int8"
    assert given.sft and given.sft.optimizer and given.sft.optimizer.state == "int8"  # inherited


REFUSED = [
    (["pretrain.precision=bf16-rounded", "pretrain.optimizer.name=muon"], {"pretrain.optimizer.name"}),
    (["pretrain.precision=bf16-scaled", "model.family=qwen3"], {"pretrain.precision"}),
    (["pretrain.precision=bf16-scaled", "pretrain.optimizer.state=int8"], {"pretrain.optimizer.state"}),
    (["pretrain.optimizer.name=muon", "pretrain.optimizer.state=int8"], {"pretrain.optimizer.state"}),
    (["pretrain.precision=bf16-rounded", "sft.optimizer.name=muon"], {"sft.optimizer.name"}),
    (
        [
            "pretrain.precision=bf16-scaled",
            "model.family=gpt2",
            "pretrain.optimizer.name=muon",
            "pretrain.optimizer.state=fp32",
            "pretrain.batch=100",
        ],
        {"pretrain.precision", "pretrain.optimizer.name", "pretrain.optimizer.state", "pretrain.batch", "sft.batch"},
    ),
]


@pytest.mark.parametrize(("overrides", "keys"), REFUSED)
def test_what_does_not_go_together_is_refused_all_at_once(recipe: str, overrides: list[str], keys: set[str]) -> None:
    found = problems(recipe, *overrides)
    assert {problem.where.split(": ")[-1] for problem in found} == keys
    assert len(found) == len(keys)
    assert all(problem.remedy or problem.allowed for problem in found)


def test_a_precision_that_is_none_lists_them(recipe: str) -> None:
    (problem,) = problems(recipe, "pretrain.precision=fp4", "pretrain.optimizer.name=muon")
    assert all(name in problem.allowed for name in ("bf16-rounded", "bf16-scaled", "fp16", "fp8"))


def test_what_only_changes_how_it_is_done_is_execution(recipe: str) -> None:
    loaded, _ = load_recipe(recipe, ["execution.activation_checkpointing=full", "execution.memory=16GB"])
    assert loaded.execution.memory == 16_000_000_000
    assert problems(recipe, "execution.memory=0")
