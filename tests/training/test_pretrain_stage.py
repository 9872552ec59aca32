"""The stage pretrain on shards from real text: what it writes, that it learns, and that it goes on further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest import approx, fixture, mark, raises

from builders import corpus_of, pretrain_on, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.recipe.errors import UserError
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.pretrain import training_stream


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    corpus = corpus_of(folder, {"a": rows_of(texts(200)), "b": rows_of(texts(60, 1))}, share=0.05)
    tokenizer_of().save(folder / "tokenizer")
    return {**shards_of(folder, corpus, tokenizer_of()), "tokenizer": folder / "tokenizer"}


def recipe(tokens: int = 4096, **changes: Any) -> Recipe:
    values = {
        "corpus": {"sources": {"a": {"from": "x"}, "b": {"from": "y"}}},
        "pretrain__tokens": tokens,
        "pretrain__optimizer": {"learning_rate": 0.01},
        "pretrain__mixture": {"weights": {"a": 0.8, "b": 0.2}},
        "execution__log_every": 1,
        "execution__validate_every": 1024,
        "execution__save_every": 1024,
    }
    return recipe_of(**{**values, **changes})


@fixture(scope="module")
def trained(shards: dict[str, Path], tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "pretrain"
    pretrain_on(recipe(), shards, folder)
    return folder


def test_it_learns(trained: Path) -> None:
    lines = [line for line in telemetry.read(trained) if "train/loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 17))
    assert lines[-1]["train/loss"] < lines[0]["train/loss"] - 1
    assert lines[-1]["train/tokens"] == 4096


def test_it_measures_every_slice_and_the_consumption(trained: Path) -> None:
    lines = [line for line in telemetry.read(trained) if "val/mixed/loss" in line]
    assert [line["step"] for line in lines] == [4, 8, 12, 16]
    names = {key for key in lines[-1] if key.startswith("val/")}
    assert names == {f"val/{s}/{k}" for s in ("fr-a", "fr-b", "mixed", "micro") for k in ("loss", "bpb")}
    assert lines[-1]["val/mixed/loss"] < lines[0]["val/mixed/loss"]
    assert lines[-1]["data/a/tokens"] + lines[-1]["data/b/tokens"] == 4096
    assert lines[-1]["data/a/tokens"] == approx(0.8 * 4096, abs=64)
    assert 0 < lines[-1]["data/b/epochs"] < 1


def test_it_leaves_all_that_is_needed_beside_its_checkpoints(trained: Path) -> None:
    assert Tokenizer.load(trained / "tokenizer").hash == tokenizer_of().hash
    newest = checkpoint.newest_valid(trained / "checkpoints")
    assert newest is not None and newest.name == "step-00000016"
    mixture = read_json(trained / "mixture.json")
    assert mixture["wanted"] == {"a": 0.8, "b": 0.2}
    assert mixture["requested"] == [{"a": 0.8, "b": 0.2}] * 10 and len(mixture["tenths"]) == 10
    assert sum(tenth["a"] for tenth in mixture["tenths"]) / 10 == approx(0.8, abs=0.02)
    assert mixture["languages"]["tenths"] == [{"fr": 1.0}] * 10
    assert telemetry.read(trained.parent / "run") == telemetry.read(trained)


def test_more_tokens_go_on_from_there(trained: Path, shards: dict[str, Path]) -> None:
    pretrain_on(recipe(5120), shards, trained)
    lines = [line for line in telemetry.read(trained) if "train/loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 21))
    assert {line["attempt"] for line in lines} == {1, 2}


def test_more_than_the_text_gives_is_refused_before_anything_is_trained(
    shards: dict[str, Path], tmp_path: Path
) -> None:
    with raises(UserError, match=r"^pretrain\.tokens: 1M tokens, but the text gives"):
        pretrain_on(recipe(1_000_000), shards, tmp_path / "pretrain")
    assert not (tmp_path / "pretrain" / "checkpoints").exists()


@mark.parametrize("documents", ("masked", "stream"))
def test_the_stream_is_the_recipes(documents: str, shards: dict[str, Path]) -> None:
    sources = {name: path for name, path in shards.items() if name != "tokenizer"}
    stream = training_stream(recipe(pretrain__documents=documents), sources, tokenizer_of())
    assert (stream.context, stream.masked, stream.seed) == (64, documents == "masked", 1)
    assert stream.mixture.names == ["a", "b"]
    assert [stream.mixture.sizes[k] for k in (0, 1)] == [
        len(Shard(sources[name], "train", tokenizer_of()).tokens) for name in ("a", "b")
    ]


def test_a_metric_that_will_not_be_measured_is_refused_before_anything_is_trained(
    shards: dict[str, Path], tmp_path: Path
) -> None:
    with raises(UserError, match=r"^select: nothing is measured as val/mixed/los") as error:
        pretrain_on(recipe(select="best:val/mixed/los"), shards, tmp_path / "pretrain")
    assert error.value.problems[0].allowed.startswith("val/mixed/loss, val/mixed/bpb, val/micro/loss")
    assert "val/fr-b/bpb" in error.value.problems[0].allowed
    assert not (tmp_path / "pretrain" / "checkpoints").exists()


def test_the_best_checkpoint_by_a_slice_is_kept(shards: dict[str, Path], tmp_path: Path) -> None:
    wanted = recipe(select="best:val/fr-b/loss", execution__keep=1, pretrain__optimizer={"learning_rate": 3.0})
    pretrain_on(wanted, shards, tmp_path / "pretrain")  # a rate at which it only gets worse
    lines = [line for line in telemetry.read(tmp_path / "pretrain") if "val/fr-b/loss" in line]
    best = min(lines, key=lambda line: line["val/fr-b/loss"])["step"]
    assert {path.name for path in checkpoint.steps(tmp_path / "pretrain" / "checkpoints")} == {
        f"step-{best:08d}",
        "step-00000016",
    }
