"""The stage evaluation: losses on all validation text, samples, the exam's table, and what falls short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import approx, fixture

from builders import corpus_of, decoder_of, loaded_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation.evaluate import evaluate, exam_lines, losses, shortfalls
from calame.recipe.schema import Recipe
from calame.run import checkpoint
from calame.run.files import read_json, write_json
from calame.shards.read import Shard
from calame.training.batch import LossFunction
from calame.training.validate import slices_of, validate


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    return shards_of(folder, corpus_of(folder, {"a": rows_of(texts(80))}, share=0.3), tokenizer_of())


def trained(folder: Path, seed: int, tuned: bool) -> Path:
    model = decoder_of(seed)
    state = {"tokenizer": tokenizer_of().hash, "model": model.config.to_json()}
    tokenizer_of().save(folder / "tokenizer")
    if tuned:
        write_json(folder / "conversations.json", {})
    return checkpoint.save(folder / "checkpoints", 1, {"model": model.state_dict()}, state)


def recipe(**evaluation: Any) -> Recipe:
    return recipe_of(evaluation=evaluation)


def test_both_models_are_measured_and_the_tuned_one_is_asked(shards: dict[str, Path], tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    rows = [{"question": f"où est {k} ?", "value": "mer", "kind": "known", "language": "fr"} for k in range(12)]
    questions.write_text("\n".join(map(json.dumps, rows)))
    models = {"pretrained": trained(tmp_path / "base", 1, False), "tuned": trained(tmp_path / "sft", 2, True)}
    (tmp_path / "out").mkdir()
    evaluate(recipe(questions=str(questions), prompts=["Le", "L'été"]), shards, models, tmp_path / "out")
    result = read_json(tmp_path / "out" / "evaluation.json")
    assert set(result["losses"]) == set(result["samples"]) == {"pretrained", "tuned"}
    assert set(result["losses"]["tuned"]) == {"fr-a", "mixed", "micro"}
    assert result["losses"]["tuned"] != result["losses"]["pretrained"]
    assert [sample["prompt"] for sample in result["samples"]["tuned"]] == ["Le", "L'été"]
    assert result["exam"][0]["questions"] == 12
    assert len(result["chat"]) >= 9
    assert len((tmp_path / "out" / "answers.jsonl").read_text().splitlines()) == 12


def test_a_model_that_was_not_tuned_is_not_asked(shards: dict[str, Path], tmp_path: Path) -> None:
    evaluate(recipe(questions="nowhere.jsonl"), shards, {"pretrained": trained(tmp_path / "b", 1, False)}, tmp_path)
    result = read_json(tmp_path / "evaluation.json")
    assert result["exam"] == result["chat"] == []
    assert exam_lines(result["exam"]) == []


def test_losses_are_on_all_validation_text_and_in_training_rows(shards: dict[str, Path]) -> None:
    loaded = loaded_of(decoder_of())
    found = losses(recipe(), shards, loaded)
    slices = slices_of([Shard(shards["a"], "validation", tokenizer_of())], 64, 3, 0)
    wanted = validate(LossFunction(loaded.model, loaded.device, True, "dense", False), slices, 5)
    assert found["fr-a"]["loss"] == approx(wanted["fr-a"].loss, abs=1e-4)
    assert found["fr-a"]["bpb"] == approx(wanted["fr-a"].bpb, abs=1e-4)
    assert found["fr-a"]["tokens"] == wanted["fr-a"].tokens
    loaded.model.eval()
    assert not loaded.model.training


def row(kind: str, language: str, right: float, stopped: float = 1.0) -> dict[str, Any]:
    return {"kind": kind, "language": language, "right": right, "stopped": stopped}


def test_what_falls_short_is_said_in_words(tmp_path: Path) -> None:
    table = [row("known", "fr", 0.9), row("known", "it", 0.7), row("held out", "fr", 0.5, 0.75)]
    write_json(tmp_path / "evaluation.json", {"exam": table})
    assert shortfalls(recipe(require={}), tmp_path) == []
    assert shortfalls(recipe(require={"known": 0.7}), tmp_path) == []
    assert shortfalls(recipe(require={"known": 0.8}), tmp_path) == ["known in it: 70.0% right, 80% required"]
    found = shortfalls(recipe(require={"held out": 0.4, "unseen": 0.1}), tmp_path)
    assert found == [
        "held out in fr: 25.0% of the answers did not end by themselves",
        "no question of kind unseen was asked",
    ]


def test_the_table_for_the_terminal_has_a_line_a_row() -> None:
    full = {"questions": 10, "stderr": 0.1, "most_frequent": 0.2, "shuffled_facts": 0.1, **row("known", "fr", 0.9)}
    lines = exam_lines([full])
    assert len(lines) == 2
    assert len(lines[0]) == len(lines[1])
    assert "90.0%" in lines[1]
