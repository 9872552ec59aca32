"""Batch and context by token position in the stage pretrain; rows of chunks and streams; what validation reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, approx, fixture, mark, raises

from builders import corpus_of, plan_of, pretrain_on, recipe_of, rows_of, shards_of, texts, tokenizer_of, trainer_of
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.shards.rows import IGNORE, Rows
from calame.training import pretrain as pretrain_
from calame.training.batch import Inputs, LossFunction
from calame.training.loop import Progress, Trainer
from calame.training.pretrain import training_stream
from calame.training.schedule import rate_share

CONTEXTS, BATCHES = {0: 16, 1000: 32, 2000: 64}, {0: 256, 1100: 512}


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    corpus = corpus_of(folder, {"a": rows_of(texts(200)), "b": rows_of(texts(60, 1))}, share=0.05)
    tokenizer_of().save(folder / "tokenizer")
    return {**shards_of(folder, corpus, tokenizer_of()), "tokenizer": folder / "tokenizer"}


def recipe(**changes: Any) -> Recipe:
    values = {
        "corpus": {"sources": {"a": {"from": "x"}, "b": {"from": "y"}}},
        "pretrain__tokens": 4096,
        "execution__log_every": 1,
        "execution__validate_every": 2048,
        "execution__save_every": 1024,
    }
    return recipe_of(**{**values, **changes})


def state_of(folder: Path) -> tuple[dict, dict]:
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    return checkpoint.load(newest)


def test_steps_are_taken_as_the_recipe_times_them_and_a_resume_is_exact(
    shards: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    """Widths of rows, tokens of steps; stopped in the second context, the run ends bit for bit as the whole one."""
    wanted = recipe(pretrain__context=CONTEXTS, pretrain__batch=BATCHES)
    widths, measured = [], set()
    called = LossFunction.inputs

    def note(self: LossFunction, rows: Rows) -> Inputs:
        widths.append(rows.tokens.shape[1]) if self.model.training else measured.add(rows.tokens.shape[1])
        return called(self, rows)

    monkeypatch.setattr(LossFunction, "inputs", note)
    pretrain_on(wanted, shards, tmp_path / "whole" / "pretrain")
    lines = [line for line in telemetry.read(tmp_path / "whole" / "pretrain") if "train/loss" in line]
    assert [line["train/tokens"] for line in lines] == [256, 512, 768, 1024, 1280, 1792, 2304, 2816, 3328, 3840]
    assert widths == [16] * 4 + [32] * (1 + 4) + [64] * 6, "steps of 512 in two micro-batches"
    assert measured == {64}
    timeline = wanted.pretrain.timeline
    rates = [
        wanted.pretrain.optimizer.learning_rate * rate_share(wanted.pretrain.schedule, p, b, 4096 // 50, 4096)
        for p, b in ((timeline.position(step), timeline.at(timeline.position(step)).batch) for step in range(10))
    ]
    assert [line["train/lr"] for line in lines] == approx(rates)

    def stop(self: Trainer) -> bool:
        if self.progress.position >= 1500:
            raise KeyboardInterrupt
        return True

    with monkeypatch.context() as patch, raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_observe", stop)
        pretrain_on(wanted, shards, tmp_path / "cut" / "pretrain")
    pretrain_on(wanted, shards, tmp_path / "cut" / "pretrain")
    (one, state), (other, other_state) = state_of(tmp_path / "whole" / "pretrain"), state_of(tmp_path / "cut/pretrain")
    assert state["progress"] == other_state["progress"] and state["progress"]["position"] == 3840
    assert all(torch.equal(one[group][name], other[group][name]) for group in one for name in one[group])


def test_saving_and_observing_go_by_the_steps_taken(tmp_path: Path) -> None:
    seen: list[int] = []

    def observe(progress: Progress) -> dict[str, Any]:
        seen.append(progress.position)
        return {}

    plan = plan_of(tokens=640, batch={0: 64, 128: 128}, save_every=256)
    trainer_of(tmp_path, plan, observers=[(192, observe)]).run()
    assert seen == [256, 384, 640], "past 192, 384 and 576"
    assert [p.name for p in sorted((tmp_path / "checkpoints").iterdir())][-1] == "step-00000006"


@mark.parametrize("documents", ("stream", "chunks"))
def test_validation_in_training_is_masked_whatever_is_trained_on(
    documents: str, shards: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    """It is what the stage evaluation measures: a document alone, not with the one before it."""
    used: list[bool] = []

    def note(loss: LossFunction, *rest: Any) -> Any:
        used.append(loss.masked)
        return lambda progress: {}

    monkeypatch.setattr(pretrain_, "validation_observer", note)
    pretrain_on(recipe(pretrain__documents=documents, pretrain__tokens=512), shards, tmp_path / "pretrain")
    assert used == [True]


def test_chunks_are_trained_on(shards: dict[str, Path], tmp_path: Path) -> None:
    """Through the whole stage: rows of one document each, padding without loss, other losses than packed rows'."""
    chunks, packed = recipe(pretrain__documents="chunks"), recipe()
    sources = {name: path for name, path in shards.items() if name != "tokenizer"}
    rows = training_stream(chunks, sources, tokenizer_of()).batch(0, 4096)
    special = tokenizer_of().special
    assert (rows.tokens[:, 0] == special.bos).any()
    assert ((rows.tokens == special.bos).sum(1) <= 1).all(), "no row holds two documents"
    assert (rows.targets[rows.tokens == special.pad] == IGNORE).all() and (rows.tokens == special.pad).any()
    losses = []
    for name, wanted in (("chunks", chunks), ("packed", packed)):
        pretrain_on(wanted, shards, tmp_path / name)
        losses.append([line["train/loss"] for line in telemetry.read(tmp_path / name) if "train/loss" in line])
    assert losses[0][-1] < losses[0][0] - 0.3 and losses[0] != losses[1]
