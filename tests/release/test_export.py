"""Exports: they load in stock `transformers` as the model that was trained, and a faulty one is not put in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, fixture, mark, raises
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.release import huggingface
from calame.release.huggingface import export
from calame.release.place import GateFailed

CHAT = [
    {"role": "system", "content": "Sois bref."},
    {"role": "user", "content": " l'été ?\n"},
    {"role": "assistant", "content": "la mer"},
    {"role": "user", "content": "et « puis »"},
]
KINDS = ("byte-bpe", "sentencepiece-bpe")


def model_of(kind: str, tied: bool = True) -> Loaded:
    return loaded_of(decoder_of(3, tie_word_embeddings=tied, rope_theta=5e5), tokenizer_of(kind))


@fixture(scope="module", params=[(kind, tied) for kind in KINDS for tied in (True, False)], ids=str)
def exported(request: Any, tmp_path_factory: Any) -> tuple[Loaded, Path]:
    loaded = model_of(*request.param)
    folder = tmp_path_factory.mktemp("exported") / "out"
    figures = export(loaded, folder, "float32")
    assert figures["logit_difference"] <= 1e-5
    assert figures["argmax_agreement"] == 1
    assert json.loads((folder / "gate.json").read_text()) == {**figures, "tuned": True}
    return loaded, folder


@torch.no_grad()
def test_it_loads_in_stock_transformers(exported: tuple[Loaded, Path]) -> None:
    loaded, folder = exported
    theirs = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
    assert type(theirs) is LlamaForCausalLM
    assert not list(folder.glob("*.py"))
    tokens = torch.arange(50)[None] * 7 % 330
    ours = loaded.model.logits(loaded.model(tokens))
    assert (ours - theirs(tokens).logits).abs().max() <= 1e-5


def test_its_tokenizer_begins_a_prompt_and_cuts_conversations_alike(exported: tuple[Loaded, Path]) -> None:
    loaded, folder = exported
    theirs: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    for text in ("L'été", " deux  espaces", "", "12\n\n3"):
        assert theirs(text)["input_ids"] == loaded.tokenizer.prompt(text)
    for answer_next in (True, False):
        found = theirs.apply_chat_template(CHAT, add_generation_prompt=answer_next, return_dict=True)["input_ids"]
        assert found == loaded.tokenizer.chat(CHAT, answer_next)
    special = loaded.tokenizer.special
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (special.bos, special.eos, special.pad)
    ids = loaded.tokenizer.chat(CHAT)
    assert theirs.decode(ids, skip_special_tokens=True) == loaded.tokenizer.decode(ids)


def test_it_generates_and_stops_by_itself_as_ours_does(exported: tuple[Loaded, Path]) -> None:
    """With nothing but what stands in the folder: the stop ids are in its generation configuration."""
    loaded, folder = exported
    theirs: Any = AutoModelForCausalLM.from_pretrained(folder)
    assert theirs.generation_config.eos_token_id == [3, 5]
    for start in range(20, 60):
        prompt = [2, start, start + 1]
        ours = complete(loaded, [prompt], Sampling(limit=30))[0]
        out = theirs.generate(torch.tensor([prompt]), max_new_tokens=30)[0, 3:].tolist()
        assert out[: len(ours.ids)] == list(ours.ids)
        assert len(out) == len(ours.ids) + ours.stopped
        if ours.stopped:
            return
    raise AssertionError("no prompt made the model stop")


def test_transformers_4_reads_the_same_numbers(exported: tuple[Loaded, Path]) -> None:
    """Version 4 looks for rope_theta and torch_dtype on top, and knows no TokenizersBackend."""
    _, folder = exported
    config = json.loads((folder / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 5e5
    assert config["torch_dtype"] == config["dtype"] == "float32"
    assert config["architectures"] == ["LlamaForCausalLM"]
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert tokenizer["chat_template"] == (folder / "chat_template.jinja").read_text()
    assert json.loads((folder / "special_tokens_map.json").read_text())["bos_token"] == "<s>"


@torch.no_grad()
def test_half_precision_is_exported_as_it_is_compared(tmp_path: Path) -> None:
    loaded = model_of("byte-bpe")
    figures = export(loaded, tmp_path / "out", "bfloat16")
    assert figures["logit_difference"] <= 1e-5, "against the same rounded weights"
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert torch.equal(weights["model.norm.weight"], loaded.model.norm.weight.bfloat16())
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert theirs.dtype == torch.bfloat16
    assert json.loads((tmp_path / "out" / "config.json").read_text())["torch_dtype"] == "bfloat16"


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def spoil_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 3] += 1.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def drop_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.input_layernorm.weight"]
    weights["model.layers.0.input_layernorm.weight"] *= 1.5
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def spoil_theta(folder: Path) -> None:
    rewrite(folder / "config.json", rope_theta=1e4, rope_parameters={"rope_theta": 1e4, "rope_type": "default"})


def spoil_template(folder: Path) -> None:
    for name, change in (("chat_template.jinja", str), ("tokenizer_config.json", None)):
        path = folder / name
        text = path.read_text().replace(" | trim", "")
        path.write_text(change(text) if change else text)


def spoil_vocabulary(folder: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text())
    data["model"]["merges"] = data["model"]["merges"][::2]
    (folder / "tokenizer.json").write_text(json.dumps(data))


def spoil_beginning(folder: Path) -> None:
    rewrite(folder / "tokenizer.json", post_processor=None)


FAULTS = {
    "a weight": (spoil_weight, "logits differ"),
    "a lost weight": (drop_weight, "logits differ"),
    "rope_theta": (spoil_theta, "logits differ"),
    "the template": (spoil_template, "ids of the conversation"),
    "the vocabulary": (spoil_vocabulary, "ids of "),
    "the beginning": (spoil_beginning, "ids of 'Bonjour'"),
}


@mark.parametrize("what", FAULTS)
def test_a_faulty_export_is_not_put_in_place(what: str, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    spoil, message = FAULTS[what]
    loaded, folder = model_of("byte-bpe"), tmp_path / "out"
    export(loaded, folder, "float32")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write = huggingface.write_tokenizer

    def write_and_spoil(tokenizer: Any, at: Path, context: int) -> None:
        write(tokenizer, at, context)
        spoil(at)

    monkeypatch.setattr(huggingface, "write_tokenizer", write_and_spoil)
    with raises(GateFailed, match=message):
        export(loaded, folder, "float32")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "the old export stays"
    with raises(GateFailed, match="not put in place"):
        export(loaded, tmp_path / "new", "float32")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_weights_that_are_no_numbers_do_not_pass(tmp_path: Path) -> None:
    loaded = model_of("byte-bpe")
    with torch.no_grad():
        loaded.model.norm.weight[0] = float("nan")
    with raises(GateFailed, match="logits differ by nan"):
        export(loaded, tmp_path / "out", "float32")
    assert not list(tmp_path.iterdir())


def test_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    export(model_of("byte-bpe"), tmp_path / "out", "float32")
    (tmp_path / "out" / "left-over").write_text("x")
    export(model_of("sentencepiece-bpe"), tmp_path / "out", "float32")
    assert AutoTokenizer.from_pretrained(tmp_path / "out")("a")["input_ids"] == tokenizer_of(KINDS[1]).prompt("a")
    assert not (tmp_path / "out" / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_else_the_user_has_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    for folder in (tmp_path, tmp_path / "thesis.txt"):
        with raises(UserError, match="is there already"):
            export(model_of("byte-bpe"), folder, "float32")
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"
    (tmp_path / "empty").mkdir()
    export(model_of("byte-bpe"), tmp_path / "empty", "float32")


@mark.parametrize("context", (8, 300))
def test_probes_fit_the_context(context: int, tmp_path: Path) -> None:
    figures = export(loaded_of(decoder_of(max_position_embeddings=context)), tmp_path / "out", "float32")
    assert figures["positions"] > context
