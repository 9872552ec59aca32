"""`pretrain.load` in a recipe: what enters the fingerprint, what is refused, and where the text is read on."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

from pytest import approx, fixture, mark, raises

from builders import corpus_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.cli import main
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.schema import Recipe
from calame.road.stages import build_road
from calame.run import checkpoint, telemetry
from calame.run.files import read_json
from calame.run.folder import RunFolder
from calame.training import stopping
from calame.training.pretrain import pretrain, training_stream
from support import Toy


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    corpus = corpus_of(folder, {"a": rows_of(texts(150)), "b": rows_of(texts(50, 1))}, share=0.05)
    tokenizer_of().save(folder / "tokenizer")
    return {**shards_of(folder, corpus, tokenizer_of()), "tokenizer": folder / "tokenizer"}


def recipe(**changes: Any) -> Recipe:
    values = {
        "corpus": {"sources": {"a": {"from": "x"}, "b": {"from": "y"}}},
        "pretrain__tokens": 1024,
        "pretrain__mixture": {"weights": {"a": 0.8, "b": 0.2}, "epochs": 1},
        "execution__log_every": 1,
        "execution__validate_every": 512,
    }
    return recipe_of(**{**values, **changes})


def train(wanted: Recipe, shards: dict[str, Path], folder: Path) -> Path:
    folder.mkdir(parents=True)
    sources = {name: path for name, path in shards.items() if name != "tokenizer"}
    pretrain(wanted, sources, shards["tokenizer"], folder, folder.parent / "run", None)
    return folder


@fixture(scope="module")
def source(shards: dict[str, Path], tmp_path_factory: Any) -> Path:
    return train(recipe(), shards, tmp_path_factory.mktemp("source") / "pretrain").parent


@mark.parametrize(("mode", "first", "last"), (("decay", 1024, 2048), ("model_data", 1024, 2048), ("finetune", 0, 1024)))
def test_the_text_is_read_on_or_anew_and_counted(
    mode: str, first: int, last: int, source: Path, shards: dict[str, Path], tmp_path: Path
) -> None:
    wanted = recipe(pretrain__load={"from": str(source), "mode": mode})
    folder = train(wanted, shards, tmp_path / "pretrain")
    lines = [line for line in telemetry.read(folder) if "data/a/tokens" in line]
    read = [line["data/a/tokens"] + line["data/b/tokens"] for line in lines]
    assert read == [first + 512, last]
    tenths = read_json(folder / "mixture.json")["tenths"]
    assert sum(tenth["a"] for tenth in tenths) / 10 == approx(0.8, abs=0.05)
    newest = checkpoint.steps(folder / "checkpoints")[-1]
    assert checkpoint.read_state(newest)["progress"]["position"] == (2048 if mode == "decay" else 1024)


def test_a_text_too_short_to_read_on_is_refused_before_anything_is_trained(
    source: Path, shards: dict[str, Path], tmp_path: Path
) -> None:
    sources = {name: path for name, path in shards.items() if name != "tokenizer"}
    enough = training_stream(recipe(), sources, tokenizer_of()).mixture.capacity // 256 * 256
    load = {"from": str(source), "mode": "decay"}
    with raises(UserError, match="but the text gives"):
        train(recipe(pretrain__tokens=enough, pretrain__load=load), shards, tmp_path / "pretrain")
    assert not (tmp_path / "pretrain/checkpoints").exists()


def pretrain_stage(path: str, *overrides: str) -> Any:
    folder = RunFolder(load_recipe(path, overrides)[0])
    return next(stage for stage in build_road(folder) if stage.name == "pretrain")


def test_the_fingerprint_knows_the_content_and_the_parts_but_not_the_place(toy: Toy, source: Path) -> None:
    shutil.copytree(source, "moved")
    path = toy.recipe(pretrain__load={"from": "moved", "mode": "cooldown"})
    first = pretrain_stage(path)
    folder = checkpoint.steps(Path("moved/pretrain/checkpoints"))[-1]
    for same in (f"pretrain.load.from={source}", f"pretrain.load.from={folder}"):
        assert pretrain_stage(path, same).fingerprint == first.fingerprint
    assert pretrain_stage(path, "pretrain.load.mode=weights+optimizer+data+step").fingerprint == first.fingerprint
    assert pretrain_stage(path, "pretrain.load.mode=decay").fingerprint != first.fingerprint
    checkpoint.amend(folder, other="content")
    assert pretrain_stage(path).fingerprint != first.fingerprint


MISTAKES = {
    "pretrain.load.mode=everything": "unknown mode 'everything'; names: resume, decay, finetune, continue",
    "pretrain.load.from=nowhere": "no whole checkpoint there",
    "pretrain.load.mode=finetune+init_head": "the model has no head of its own",
    "model.init=nowhere": "the weights are to come from model.init already",
    "pretrain.load.speed=1": "unknown key 'speed'",
    "execution.deadline=soon": 'is not a duration such as "8h"',
    "pretrain.guard.nonfinite=ignore": "'ignore' does not fit",
    "pretrain.guard.window=3": "3 does not fit",
}


@mark.parametrize("override", MISTAKES)
def test_mistakes_are_named_and_2(override: str, toy: Toy, source: Path, capsys: Any) -> None:
    path = toy.recipe(pretrain__load={"from": str(source), "mode": "finetune"})
    assert main(["run", path, "--dry-run", override]) == 2
    assert MISTAKES[override] in capsys.readouterr().err


def test_the_deadline_leaves_with_75_and_the_same_command_goes_on(toy: Toy, capsys: Any, monkeypatch: Any) -> None:
    path = toy.recipe()
    assert main(["run", path, "--to", "pretrain", "execution.deadline=0.001s"]) == 75
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(stopping.Requests, "asked", lambda self: os.kill(os.getpid(), signal.SIGUSR1) or self.code)
    assert main(["run", path, "--to", "pretrain"]) == 75
    monkeypatch.undo()
    assert main(["run", path, "--to", "pretrain"]) == 0
