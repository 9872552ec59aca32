"""`calame evaluate --measure`: a model as the stage measures it, on the validation text of its run or of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pytest import CaptureFixture, fixture, mark

from builders import corpus_of, decoder_of, loaded_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.cli import main
from calame.evaluation.evaluate import FILE
from calame.evaluation.verb import PAGE
from calame.release.huggingface import export
from calame.run import checkpoint
from calame.run.files import read_json

FEW: dict[str, Any] = {"behaviour": {"number": 4, "limit": 8}, "probes": {"number": 0}, "prompts": ["Le"]}


@fixture(scope="module")
def runs(tmp_path_factory: Any) -> Path:
    """The run `essai`: a corpus, its shards, a pretrained checkpoint."""
    folder = tmp_path_factory.mktemp("runs")
    gathered = corpus_of(_folder(folder / "made"), {"a": rows_of(texts(80))}, share=0.3)
    run, model = folder / "essai", decoder_of()
    recipe = recipe_of(evaluation=FEW).model_dump(mode="json", by_alias=True, exclude_none=True)
    _folder(run / "corpus/sources")
    (run / "corpus/sources/a").symlink_to(gathered.sources["a"])
    (run / "corpus/joined").symlink_to(gathered.joined)
    _folder(run / "shards")
    (run / "shards/a").symlink_to(shards_of(folder / "made", gathered, tokenizer_of())["a"])
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    tokenizer_of().save(run / "pretrain/tokenizer")
    state = {
        "tokenizer": tokenizer_of().hash,
        "model": model.config.to_json(),
        "progress": {"step": 1, "position": 64},
        "recipe": recipe,
    }
    checkpoint.save(run / "pretrain/checkpoints", 1, {"model": model.state_dict()}, state)
    return folder


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def evaluate(runs: Path, model: str, *more: str) -> int:
    return main(["evaluate", model, "--runs", str(runs), "--device", "cpu", *more])


def test_a_run_is_measured_as_its_recipe_says(runs: Path, capsys: CaptureFixture[str]) -> None:
    assert evaluate(runs, "essai", "--measure", "losses,behaviour,exam") == 0
    folder = runs / "essai/measured/pretrain/step-00000001"
    found = read_json(folder / FILE)
    assert set(found["losses"]["model"]["slices"]) == {"fr-a"}
    behaviour = found["behaviour"]["model"]
    assert behaviour["all"]["generations"] + len(behaviour["left_out"]) == 4
    assert "exam" not in found, "the recipe has no questions"
    assert "fr-a" in (folder / PAGE).read_text()
    said = capsys.readouterr().out
    assert "mixed" in said and str(folder / PAGE) in said


def test_a_model_of_elsewhere_reads_a_runs_validation_text(runs: Path, tmp_path: Path) -> None:
    """The same documents by their hash, and the same bytes, whatever its tokenizer: bits per byte can be compared."""
    measure = ("--measure", "losses", "--on", "essai")
    assert evaluate(runs, "essai", *measure, "--to", str(tmp_path / "own")) == 0
    other = tokenizer_of("sentencepiece-bpe")
    export(loaded_of(decoder_of(vocab_size=other.size), other, tuned=False), tmp_path / "hf", "float32")
    assert evaluate(runs, str(tmp_path / "hf"), *measure, "--to", str(tmp_path / "there")) == 0
    own, there = (read_json(tmp_path / to / FILE)["losses"]["model"]["slices"]["fr-a"] for to in ("own", "there"))
    for key in ("hash", "documents", "bytes"):
        assert own[key] == there[key]
    assert own["tokens"] != there["tokens"] and own["bpb"] != there["bpb"]


@mark.parametrize(
    ("arguments", "message"),
    (
        (("--measure", "losses,nothing"), "'nothing' is no measurement"),
        (("--measure", "losses", "--on", "nobody"), "--on: nobody is no run"),
        (("--measure", "losses", "--shots", "2"), "--shots: not with --measure"),
        (("--on", "essai"), "--on: only with --measure"),
        (("--measure", "exam"), "nothing was measured: the recipe asks for none of it"),
    ),
)
def test_mistakes(runs: Path, arguments: tuple[str, ...], message: str, capsys: CaptureFixture[str]) -> None:
    assert evaluate(runs, "essai", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_model_without_a_run_has_no_validation_text_and_is_told_the_way(
    runs: Path, tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    export(loaded_of(decoder_of(), tuned=False), tmp_path / "hf", "float32")
    assert evaluate(runs, str(tmp_path / "hf"), "--measure", "losses") == 2
    assert "--to" in capsys.readouterr().err
    assert evaluate(runs, str(tmp_path / "hf"), "--measure", "losses", "--to", str(tmp_path / "out")) == 2
    assert "name one: --on RUN" in capsys.readouterr().err


def test_a_checkpoint_of_another_version_is_told_and_no_traceback(
    runs: Path, tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    model = decoder_of()
    state = {
        "tokenizer": tokenizer_of().hash,
        "model": model.config.to_json(),
        "progress": {"step": 1, "position": 64},
        "recipe": {**recipe_of().model_dump(mode="json", by_alias=True), "tomorrow": 1},
    }
    tokenizer_of().save(tmp_path / "tokenizer")
    path = checkpoint.save(tmp_path / "checkpoints", 1, {"model": model.state_dict()}, state)
    assert evaluate(runs, str(path), "--measure", "losses", "--to", str(tmp_path / "out")) == 2
    said = capsys.readouterr().err
    assert "written by another version of Calame: tomorrow" in said and "Traceback" not in said
