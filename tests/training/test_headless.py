"""Headless pretraining on the one loop: its loss, what is not measured, several processes, and the way on to a head."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytest import approx, fixture, mark, raises

from builders import (
    RandomData,
    corpus_of,
    cpu,
    decoder_of,
    plan_of,
    pretrain_on,
    random_rows,
    recipe_of,
    rows_of,
    shards_of,
    texts,
    tokenizer_of,
    trainer_of,
)
from calame.cli import main
from calame.inference.load import load_any
from calame.model.contrast import contrastive_losses
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.road.stages import build_road
from calame.run import checkpoint, telemetry
from calame.run.folder import RunFolder
from calame.training.batch import LossFunction
from calame.training.parallel import join
from support import Toy
from team import together

BOTH = mark.parametrize("objective", ("headless", "headless-literal"))


def losses(folder: Path, name: str = "train/loss") -> list[float]:
    return [line[name] for line in telemetry.read(folder) if name in line]


@BOTH
@mark.parametrize("fast", (False, True))
def test_what_is_lowered_is_the_loss_of_the_micro_batch_over_the_input_embedding(objective: str, fast: bool) -> None:
    model, rows = decoder_of(), random_rows(4, 16)
    loss = LossFunction(model, cpu(), True, "dense", False, fast, objective=objective)
    targets = torch.from_numpy(rows.targets).long().flatten()
    states = loss.states(rows)
    wanted = contrastive_losses(states, model.embed_tokens.weight, targets, objective == "headless-literal")
    found = loss.total(rows)
    assert found.item() == approx(wanted.sum().item(), rel=1e-5)
    plain = LossFunction(model, cpu(), True, "dense", False)
    assert abs(found.item() / plain.total(rows).item() - 1) > 0.05
    halves = sum(loss.total(rows[start : start + 2]).item() for start in (0, 2))
    assert halves < found.item()  # fewer negatives: it depends on the size of the micro-batch
    assert loss(rows).sum().item() == approx(plain.total(rows).item(), rel=1e-5)  # what validation would ask


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    corpus = corpus_of(folder, {"a": rows_of(texts(200))}, share=0.05)
    tokenizer_of().save(folder / "tokenizer")
    return {**shards_of(folder, corpus, tokenizer_of()), "tokenizer": folder / "tokenizer"}


@BOTH
def test_it_learns_and_says_what_its_loss_is_and_what_it_does_not_measure(
    objective: str, shards: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    changes = {"objective": objective, "tokens": 4096, "optimizer": {"learning_rate": 0.01}}
    wanted = recipe_of(**{f"pretrain__{key}": value for key, value in changes.items()}, execution__log_every=1)
    pretrain_on(wanted, shards, tmp_path / "pretrain")
    found = losses(tmp_path / "pretrain")
    assert len(found) == 16
    assert found[0] == approx(math.log(257), abs=0.25)
    assert math.log(2) * (objective == "headless-literal") < found[-1] < found[0] - 0.4
    said = " ".join(capsys.readouterr().out.split())
    assert f"loss: {objective}, over the targets of a micro-batch of 256 tokens: about 5.549 at first" in said
    assert "validation, generations and benchmarks in training: none" in said
    names = {name for line in telemetry.read(tmp_path / "pretrain") for name in line}
    assert "data/a/tokens" in names
    assert not any(name.startswith(("val/", "behaviour/", "eval/")) for name in names)


PLAN: dict[str, Any] = {"tokens": 6 * 64, "micro_batch": 16, "save_every": 6 * 64}


def train(folder: Path, mode: str) -> None:
    """Micro-batches of one row: the processes have the same ones among them."""
    model = decoder_of(1, spread=0.1)
    loss = LossFunction(model, cpu(), True, "dense", False, objective="headless")
    team, identity = replace(join(), mode=mode), {"model": model.config.to_json()}
    trainer_of(folder, plan_of(**PLAN), RandomData(), model=model, loss=loss, team=team, identity=identity).run()


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_two_processes_learn_what_one_learns(mode: str, tmp_path: Path) -> None:
    """The gradient reaches the input embedding from both sides, in parts too."""
    train(tmp_path / "one", mode)
    assert together(2, train, tmp_path / "two", mode) == [None, None]
    assert losses(tmp_path / "two") == approx(losses(tmp_path / "one"), abs=1e-5)
    one, two = (checkpoint.load(checkpoint.steps(tmp_path / n / "checkpoints")[-1])[0]["model"] for n in ("one", "two"))
    assert all((one[name] - two[name]).abs().max() < 1e-3 for name in one)


HEADLESS = "pretrain.objective=headless"
WITH_HEAD = (
    "name=headed",
    "pretrain.load.from=runs/toy",
    "pretrain.load.mode=cooldown+init_head",
    "model.tie_word_embeddings=false",
    "pretrain.tokens=2048",
)


def test_the_way_to_a_model_that_speaks(toy: Toy, capsys: Any) -> None:
    """Headless up to select; then a run of its own, whose head begins as the embedding and learns by cross-entropy."""
    path = toy.recipe(pretrain__optimizer={"learning_rate": 0.01})
    assert main(["run", path, "--to", "select", HEADLESS]) == 0
    source = Path("runs/toy/pretrain/checkpoints")
    learnt = checkpoint.load(checkpoint.steps(source)[-1])[0]["model"]
    assert "lm_head.weight" not in learnt
    with raises(UserError, match="headless: it has no head yet") as error:
        load_any("toy")
    assert "cooldown+init_head" in error.value.problems[0].remedy
    capsys.readouterr()
    assert main(["run", path, "--to", "select", *WITH_HEAD]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "weights, optimizer, data, step, init_head; ends at 8.19k tokens" in said
    measured = losses(Path("runs/headed/pretrain"), "val/mixed/loss")
    assert len(measured) == 4 and measured[-1] < measured[0]
    model = load_any("headed").model
    assert model.lm_head is not None and not torch.equal(model.head, model.embed_tokens.weight)


@mark.parametrize("choice", ((), ("--only", "evaluation"), ("--from", "select"), ("--dry-run",)))
def test_a_stage_that_would_ask_the_head_is_refused_before_anything_is_trained(
    choice: tuple[str, ...], toy: Toy, capsys: Any
) -> None:
    assert main(["run", toy.recipe(), HEADLESS, *choice]) == 2
    said = capsys.readouterr().err
    assert "headless pretraining trains no head, and" in said and "evaluation" in said and "would ask it" in said
    assert "--to select; then the head in another run" in said
    assert not Path("runs/toy/pretrain").exists()


def test_what_does_not_go_together_is_said_all_at_once(toy: Toy) -> None:
    mistakes = {
        "pretrain.label_smoothing": "2%",
        "model.tie_word_embeddings": "false",
        "select": "best:val/mixed/loss",
        "execution.graphs": "true",
        "execution.tasks_every": "1024",
        "pretrain.load.mode": "finetune+init_head",
    }
    given = [f"{key}={value}" for key, value in mistakes.items()]
    with raises(UserError) as error:
        load_recipe(toy.recipe(), [HEADLESS, "pretrain.load.from=runs/x", *given])
    found = {problem.where.rpartition(" ")[2] for problem in error.value.problems}
    assert found == set(mistakes)
    with raises(UserError, match="'contrastive' does not fit"):
        load_recipe(toy.recipe(), ["pretrain.objective=contrastive"])


def fingerprint(path: str, *overrides: str) -> str:
    road = build_road(RunFolder(load_recipe(path, overrides)[0]))
    return next(stage.fingerprint for stage in road if stage.name == "pretrain")


def test_the_fingerprint_knows_the_objective_and_the_micro_batch_where_it_matters(toy: Toy) -> None:
    path, small = toy.recipe(), "execution.micro_batch=256"
    plain = fingerprint(path)
    assert plain == fingerprint(path, "pretrain.objective=next-token") == fingerprint(path, small)
    headless = {fingerprint(path, f"pretrain.objective={one}", *more) for one in ("headless", "headless-literal")
                for more in ((), (small,))}  # fmt: skip
    assert len(headless | {plain}) == 5
