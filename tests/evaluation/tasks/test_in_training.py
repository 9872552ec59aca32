"""Benchmarks in training: a cheap part of the tasks, as telemetry, and never the end of a training."""

from __future__ import annotations

import json
from pathlib import Path

from benches import folder_of
from builders import corpus_of, decoder_of, loaded_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation.tasks.in_training import quick_scores, quick_tasks, watch_tasks
from calame.evaluation.tasks.manifest import read_manifest
from calame.recipe.check import cross_check
from calame.training.pretrain import pretrain

QUICK = {"minimal_pairs", "multiple_choice", "winograd", "nli", "acceptability", "last_word"}


def test_tasks_that_generate_nothing_are_scored_and_the_model_left_as_it_was(tmp_path: Path) -> None:
    loaded = loaded_of(decoder_of(max_position_embeddings=256).train())
    tasks = quick_tasks(read_manifest(folder_of(tmp_path)))
    (tmp_path / "fr-nli.jsonl").unlink()
    found, left_out = quick_scores(loaded, tasks, limit=4)
    assert set(found) == {f"eval/fr-{shape}" for shape in QUICK - {"nli"}} and left_out == ["fr-nli"]
    assert loaded.model.training
    assert quick_scores(loaded, tasks, limit=4)[0] == found


def test_a_training_says_them_as_it_goes_and_goes_the_same_way(tmp_path: Path) -> None:
    gathered = corpus_of(tmp_path, {"a": rows_of(texts(80))}, share=0.3)
    shards = shards_of(tmp_path, gathered, tokenizer_of())
    tokenizer_of().save(tmp_path / "tokenizer")
    evals = folder_of(tmp_path / "evals", "minimal_pairs", "math")
    measured = {}
    for name, every in (("without", None), ("with", 1024)):
        recipe = recipe_of(evaluation={"tasks": ["offline"], "folder": str(evals)}, execution__tasks_every=every)
        folder = tmp_path / name / "pretrain"
        folder.mkdir(parents=True)
        pretrain(recipe, shards, tmp_path / "tokenizer", folder, tmp_path / name, None, watch_tasks)
        measured[name] = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    curve = [line["eval/fr-minimal_pairs"] for line in measured["with"] if "eval/fr-minimal_pairs" in line]
    assert len(curve) == 2 and all(0 <= value <= 1 for value in curve)  # of 2,048 tokens
    assert not any("eval/fr-math" in line for line in measured["with"])
    losses = [[line["train/loss"] for line in lines if "train/loss" in line] for lines in measured.values()]
    assert losses[0] == losses[1]


def test_without_local_tasks_it_is_refused() -> None:
    (problem,) = cross_check(recipe_of(execution__tasks_every=1024), lambda *keys: ".".join(keys))
    assert problem.where == "execution.tasks_every" and "no local tasks are named" in problem.found
