"""`calame evaluate`: a model by benchmarks, as files, tables and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benches import folder_of
from builders import decoder_of, loaded_of, recipe_of, tokenizer_of
from calame.cli import main
from calame.evaluation.tasks.verb import PAGE, RESULTS
from calame.release.huggingface import export
from calame.run import checkpoint
from calame.run.files import read_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a pretrained checkpoint, whose recipe names a task."""
    folder, model = tmp_path / "runs/essai", decoder_of(max_position_embeddings=256)
    recipe = recipe_of(evaluation={"tasks": ["fr-nli"], "folder": str(folder_of(tmp_path / "evals"))})
    (folder / "pretrain").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: essai\n")
    tokenizer_of().save(folder / "pretrain/tokenizer")
    state = {
        "tokenizer": tokenizer_of().hash,
        "model": model.config.to_json(),
        "progress": {"step": 1, "position": 64},
        "recipe": recipe.model_dump(mode="json", by_alias=True),
    }
    checkpoint.save(folder / "pretrain/checkpoints", 1, {"model": model.state_dict()}, state)
    return folder


def evaluate(run: Path, *more: str) -> int:
    return main(["evaluate", run.name, "--runs", str(run.parent), "--device", "cpu", *more])


def test_the_recipes_tasks_are_measured_and_later_ones_stand_beside_them(run: Path, capsys: Any) -> None:
    assert evaluate(run) == 0
    folder = run / "benchmarks/pretrain/step-00000001"
    assert [result["name"] for result in read_json(folder / RESULTS)["results"]] == ["fr-nli"]
    assert evaluate(run, "--tasks", "fr-winograd,fr-open_questions", "--shots", "0", "--limit", "4") == 0
    found = read_json(folder / RESULTS)
    assert [(result["name"], result["items"]) for result in found["results"]] == [("fr-nli", 6), ("fr-winograd", 4)]
    assert [one["name"] for one in found["excluded"]] == ["fr-open_questions"]
    said = capsys.readouterr().out
    assert "fr-winograd" in said and "excluded: fr-open_questions" in said and str(folder / PAGE) in said
    assert "<svg" in (folder / PAGE).read_text() and (folder / "fr-winograd.jsonl").is_file()


def test_results_of_other_weights_are_not_kept(run: Path, tmp_path: Path) -> None:
    assert evaluate(run, "--to", str(tmp_path / "out")) == 0
    other = tmp_path / "hf"
    export(loaded_of(decoder_of(5, max_position_embeddings=256), tuned=False), other, "float32")
    named = ["--tasks", "fr-winograd", "--folder", str(tmp_path / "evals"), "--to", str(tmp_path / "out")]
    assert main(["evaluate", str(other), "--device", "cpu", *named]) == 0
    assert [result["name"] for result in read_json(tmp_path / "out" / RESULTS)["results"]] == ["fr-winograd"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (["--tasks", "offline-xx"], "offline-xx"),
        (["--folder", "nowhere"], "no such folder"),
    ),
)
def test_mistakes_are_told_before_anything_is_written(
    run: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    assert evaluate(run, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (run / "benchmarks").exists()


def test_a_model_of_elsewhere_names_its_tasks_and_where_results_go(tmp_path: Path, capsys: Any) -> None:
    export(loaded_of(decoder_of(), tuned=False), tmp_path / "hf", "float32")
    assert main(["evaluate", str(tmp_path / "hf"), "--device", "cpu"]) == 2
    assert "--tasks" in capsys.readouterr().err
    folder_of(tmp_path / "evals")
    asked = ["--tasks", "offline", "--folder", str(tmp_path / "evals")]
    assert main(["evaluate", str(tmp_path / "hf"), "--device", "cpu", *asked]) == 2
    assert "--to" in capsys.readouterr().err
