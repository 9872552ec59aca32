"""What the tests of tuning share: a recipe for the tiny model, the folders of the stages before, a run's losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, raises

from builders import corpus_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.training import loop
from calame.training.pretrain import pretrain

PROSE = " ".join(f"Phrase {i} du conte, qui raconte la mer et la lune." for i in range(8))


def stages_before(folder: Path, **changes: Any) -> dict[str, Path]:
    """The folders of the stages before, and under `start` the checkpoint to begin from."""
    rows = rows_of([f"{number}. {PROSE}" for number in range(30)] + texts(100))
    corpus = corpus_of(folder, {"a": rows}, share=0.2)
    shards = shards_of(folder, corpus, tokenizer_of())
    tokenizer_of().save(folder / "tokenizer")
    (folder / "pretrain").mkdir()
    pretrain(recipe({}, **changes), shards, folder / "tokenizer", folder / "pretrain", folder / "run", None)
    start = checkpoint.newest_valid(folder / "pretrain" / "checkpoints")
    assert start is not None
    return {
        "tokenizer": folder / "tokenizer",
        "corpus": corpus.joined,
        "corpus/a": corpus.sources["a"],
        "shards/a": shards["a"],
        "start": start,
    }


def recipe(sft: dict[str, Any], **changes: Any) -> Recipe:
    asked = {"conversations": {"c": {"from": "own-text"}}, "epochs": 1, **sft}
    pretraining = {"pretrain__tokens": 4096, "pretrain__batch": 512, "pretrain__context": 256}
    return recipe_of(**{"sft": asked, "execution__log_every": 1, **pretraining, **changes})


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}


class Stop(Exception):
    """Stands for whatever ends a tuning between two steps."""


def stop_once(monkeypatch: MonkeyPatch, at: int, tune: Callable[[], None]) -> None:
    """Tune up to the step `at`, where it is stopped."""
    step = loop.Trainer._step

    def stopping(trainer: loop.Trainer) -> Any:
        if trainer.progress.step == at:
            raise Stop
        return step(trainer)

    with monkeypatch.context() as patch, raises(Stop):
        patch.setattr(loop.Trainer, "_step", stopping)
        tune()
