"""What looks at the model in training: curves under their names, the training as without, stops heeded, time shown."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytest import CaptureFixture, MonkeyPatch, fixture, mark, raises

from benches import folder_of
from builders import corpus_of, cpu, decoder_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation import in_training
from calame.evaluation.in_training import watch
from calame.evaluation.looked_at import looked_at
from calame.recipe.errors import UserError
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.training import stopping
from calame.training.loop import Progress
from calame.training.parallel import Team
from calame.training.pretrain import pretrain
from calame.training.setup import Bench
from calame.training.stopping import Cut, Interrupted

KEYS: dict[str, Any] = {"evaluation": {"prompts": ["Le", "L'été"], "behaviour": {"number": 8, "limit": 8}}}


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    made = shards_of(folder, corpus_of(folder, {"a": rows_of(texts(80))}, share=0.3), tokenizer_of())
    tokenizer_of().save(folder / "tokenizer")
    return {**made, "tokenizer": folder / "tokenizer"}


def bench(recipe: Recipe, team: Team | None = None) -> Bench:
    return Bench(recipe, cpu(), tokenizer_of(), decoder_of().train(), True, team or Team())


def train(folder: Path, shards: dict[str, Path], **changes: Any) -> Path:
    recipe = recipe_of(**{**KEYS, **changes})
    own = folder / "pretrain"
    own.mkdir(parents=True, exist_ok=True)
    pretrain(recipe, {"a": shards["a"]}, shards["tokenizer"], own, folder, None, watch)
    return own


@fixture(scope="module")
def watched(shards: dict[str, Path], tmp_path_factory: Any) -> Path:
    return train(tmp_path_factory.mktemp("watched"), shards)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    return checkpoint.load(newest)[0]["model"]


def test_what_it_writes_is_measured_as_it_goes_and_the_training_is_the_same(
    shards: dict[str, Path], watched: Path, tmp_path: Path
) -> None:
    """Each fifth of the run, with the time that it took; the same prompts each time."""
    alone = train(tmp_path / "alone", shards, execution__generate_every=0)
    lines = [line for line in telemetry.read(watched) if "samples" in line]
    assert [line["train/tokens"] for line in lines] == [512, 1024, 1280, 1792, 2048]
    for line in lines:
        assert [sample["prompt"] for sample in line["samples"]] == ["Le", "L'été"]
        rates = {name: value for name, value in line.items() if name.startswith("behaviour/")}
        assert {"behaviour/loop_rate", "behaviour/distinct_2", "behaviour/eos_rate"} <= set(rates)
        assert all(0 <= value <= 1 for value in rates.values())
        assert line["perf/evaluation_s"] > 0
    theirs = weights(alone)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in weights(watched).items())
    assert not any("samples" in line for line in telemetry.read(alone))


@mark.parametrize("what", ("what it writes", "a benchmark"))
def test_a_stop_meanwhile_is_heeded_within_a_pass_and_done_again(
    what: str,
    shards: dict[str, Path],
    watched: Path,
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
    capsys: CaptureFixture[str],
) -> None:
    keys: dict[str, Any] = {}
    if what == "a benchmark":
        folder = folder_of(tmp_path / "evals", "minimal_pairs")
        keys = {"execution__generate_every": 0, "execution__tasks_every": 1024}
        keys["evaluation"] = {"tasks": ["offline"], "folder": str(folder)}
    whole = train(tmp_path / "whole", shards, **keys) if keys else watched
    passes: list[int] = []

    def ask() -> None:
        passes.append(1)
        if len(passes) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        stopping.poll()

    with monkeypatch.context() as patch:
        patch.setattr("calame.evaluation.looked_at.poll", ask)
        with raises(Interrupted) as stop:
            train(tmp_path / "stopped", shards, **keys)
    assert stop.value.code == 130 and len(passes) == 2
    stopped = train(tmp_path / "stopped", shards, **keys)
    said = capsys.readouterr().out
    assert "measured on the way, in this time" in said
    assert keys or ("prompts do not fit" in said and "end by themselves (" in said)
    measured = ("behaviour/", "eval/", "samples", "val/")
    found = [
        [(line["step"], {k: v for k, v in line.items() if k.startswith(measured)}) for line in telemetry.read(run)]
        for run in (whole, stopped)
    ]
    assert found[0] == found[1]
    assert any(name.startswith(measured[:3]) for _, values in found[0] for name in values)
    theirs = weights(stopped)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in weights(whole).items())


def test_the_model_is_left_as_it_was_also_by_a_stop() -> None:
    model = decoder_of().train()
    with stopping.requests() as asked, raises(Cut), looked_at(model):
        assert not model.training
        model(torch.zeros((1, 4), dtype=torch.long))
        asked.code = 130
        model(torch.zeros((1, 4), dtype=torch.long))
    assert model.training
    with stopping.requests() as asked:
        asked.code = 130
        model(torch.zeros((1, 4), dtype=torch.long))  # nobody asks any more


def test_what_cannot_be_measured_ends_no_training(monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> None:
    def too_much(*_: Any) -> Any:
        raise torch.OutOfMemoryError("no")

    made = bench(recipe_of(**KEYS))
    (every, observe), *_ = watch(made)
    monkeypatch.setattr(in_training, "behave", too_much)
    assert observe(Progress(position=64, step=1)) == {}
    assert "not measured: the device has no memory left" in capsys.readouterr().out
    assert every == 409 and made.model.training
    monkeypatch.setattr(in_training, "behave", lambda *_: torch.ones(2) @ torch.ones(3))
    assert observe(Progress(position=64, step=1)) == {}
    assert "not measured: inconsistent tensor size" in capsys.readouterr().out


def test_prompts_that_do_not_fit_are_named_and_nothing_is_made_up_for_them(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text("fr: {a: [" + "un mot " * 60 + "]}")
    keys = {"prompts": ["Le " * 80, "Le"], "behaviour": {"from": str(tmp_path / "long.yaml")}}
    ((_, observe),) = watch(bench(recipe_of(evaluation=keys)))
    found = observe(Progress(position=64, step=1))
    assert set(found) == {"samples"}, "no rates of nothing"
    long, short = found["samples"]
    assert long["continuation"] == "" and "context of 64" in long["reason"] and short["continuation"]


def test_nothing_is_watched_where_nothing_is_asked_for_or_nobody_can(
    tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    assert watch(bench(recipe_of(evaluation={"behaviour": {"number": 0}}))) == []
    assert watch(bench(recipe_of(languages=["de"]))) == [], "there are no prompts, and no samples"
    assert watch(bench(recipe_of(**KEYS), replace(Team(), size=2))) == []
    assert "none, the model is spread over several processes" in capsys.readouterr().out
    (tmp_path / "prompts.yaml").write_text("fr: 3")
    with raises(UserError, match=r"prompts\.yaml"):
        watch(bench(recipe_of(evaluation={"behaviour": {"from": str(tmp_path / "prompts.yaml")}})))
