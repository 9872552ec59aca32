"""Finding the model that is meant: a run, a checkpoint, a Hugging Face folder, or nothing of the kind."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pytest import fixture, mark, raises

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.load import Loaded, load_any
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.release.huggingface import export
from calame.run import checkpoint
from calame.run.files import write_json


def stage(folder: Path, seeds: dict[int, int], tuned: bool = False) -> None:
    """A trained stage with a checkpoint for each step, whose weights come from the seed."""
    for step, seed in seeds.items():
        model = decoder_of(seed)
        state = {"tokenizer": tokenizer_of().hash, "model": model.config.to_json()}
        checkpoint.save(folder / "checkpoints", step, {"model": model.state_dict()}, state)
    tokenizer_of().save(folder / "tokenizer")
    if tuned:
        write_json(folder / "conversations.json", {})
    write_json(folder / "done.json", {})


@fixture
def runs(tmp_path: Path) -> Path:
    """A run with three pretrained checkpoints, the middle one selected, and a tuned one; behind links, as in runs."""
    store, run = tmp_path / "runs" / ".store", tmp_path / "runs" / "essai"
    stage(store / "pretrain", {1: 11, 2: 12, 3: 13})
    stage(store / "sft", {5: 25}, tuned=True)
    (run / "sft").mkdir(parents=True)
    (run / "recipe.yaml").write_text("name: essai\n")
    (run / "pretrain").symlink_to(store / "pretrain")
    (run / "sft" / "chat").symlink_to(store / "sft")
    write_json(run / "selected.json", {"checkpoint": "step-00000002"})
    return tmp_path / "runs"


def is_of(loaded: Loaded, seed: int) -> bool:
    wanted: Decoder = decoder_of(seed)
    return all(torch.equal(tensor, loaded.model.state_dict()[name]) for name, tensor in wanted.state_dict().items())


def test_a_run_by_name_is_its_tuned_model(runs: Path) -> None:
    loaded = load_any("essai", str(runs), "cpu")
    assert is_of(loaded, 25)
    assert loaded.tuned
    assert loaded.tokenizer.hash == tokenizer_of().hash
    assert not loaded.model.training


def test_a_run_by_folder(runs: Path) -> None:
    assert is_of(load_any(str(runs / "essai"), "elsewhere", "cpu"), 25)


def test_the_base_of_a_run_is_the_selected_checkpoint(runs: Path) -> None:
    loaded = load_any("essai", str(runs), "cpu", base=True)
    assert is_of(loaded, 12)
    assert not loaded.tuned


def test_a_run_not_yet_tuned_gives_its_base(runs: Path) -> None:
    (runs / ".store" / "sft" / "done.json").unlink()
    assert is_of(load_any("essai", str(runs), "cpu"), 12)
    (runs / "essai" / "selected.json").unlink()
    assert is_of(load_any("essai", str(runs), "cpu"), 13), "nothing selected: the newest"


def test_a_checkpoint(runs: Path) -> None:
    assert is_of(load_any(str(runs / "essai" / "pretrain" / "checkpoints" / "step-00000001"), device="cpu"), 11)


def test_a_hugging_face_folder(tmp_path: Path) -> None:
    export(loaded_of(decoder_of(7)), tmp_path / "out", "float32")
    loaded = load_any(str(tmp_path / "out"), device="cpu")
    assert is_of(loaded, 7)
    chat = [{"role": "user", "content": "l'été ?"}]
    assert loaded.tokenizer.chat(chat) == tokenizer_of().chat(chat)
    assert loaded.tokenizer.special == tokenizer_of().special
    assert loaded.tuned
    export(loaded_of(decoder_of(7), tuned=False), tmp_path / "base", "float32")
    assert not load_any(str(tmp_path / "base"), device="cpu").tuned


def test_a_folder_of_others_is_tuned_if_its_template_is_one_that_is_known(tmp_path: Path) -> None:
    """In either place where folders have it; a template of another kind is none, rather than a wrong one."""
    export(loaded_of(decoder_of(7)), tmp_path / "out", "float32")
    (tmp_path / "out" / "gate.json").unlink()
    file, about = tmp_path / "out" / "chat_template.jinja", tmp_path / "out" / "tokenizer_config.json"
    assert load_any(str(tmp_path / "out"), device="cpu").tuned
    file.rename(tmp_path / "template")
    assert load_any(str(tmp_path / "out"), device="cpu").tuned
    for other in (
        "{% for m in messages %}[INST]{{ m['content'] }}[/INST]{% endfor %}",
        None,
        [{"name": "default", "template": "{{ messages }}"}],
    ):
        write_json(about, {**json.loads(about.read_text(encoding="utf-8")), "chat_template": other})
        assert not load_any(str(tmp_path / "out"), device="cpu").tuned


def test_nothing_of_the_kind_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    for name in ("nowhere", str(tmp_path), str(tmp_path / "file.txt")):
        (tmp_path / "file.txt").write_text("x")
        with raises(UserError, match="is no run, checkpoint or model folder"):
            load_any(name, str(tmp_path / "runs"), "cpu")


def test_a_run_without_a_model_yet_says_so(tmp_path: Path) -> None:
    (tmp_path / "runs" / "essai").mkdir(parents=True)
    (tmp_path / "runs" / "essai" / "recipe.yaml").write_text("name: essai\n")
    with raises(UserError, match="holds no trained model yet"):
        load_any("essai", str(tmp_path / "runs"), "cpu")


def test_a_damaged_checkpoint_is_refused(runs: Path) -> None:
    folder = runs / ".store" / "pretrain" / "checkpoints" / "step-00000001"
    (folder / "model.safetensors").write_bytes(b"x")
    with raises(UserError, match="not a whole checkpoint"):
        load_any(str(folder), device="cpu")
    with raises(UserError, match="not a whole checkpoint"):
        load_any(str(runs / "step-00000009"), device="cpu")


@mark.parametrize("what", ("missing", "another"))
def test_a_checkpoint_without_its_tokenizer_is_refused(what: str, runs: Path) -> None:
    beside = runs / ".store" / "pretrain" / "tokenizer"
    for file in beside.iterdir():
        file.unlink()
    if what == "another":
        tokenizer_of("sentencepiece-bpe").save(beside)
    with raises(UserError, match="tokenizer"):
        load_any(str(runs / ".store" / "pretrain" / "checkpoints" / "step-00000001"), device="cpu")
