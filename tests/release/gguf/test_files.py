"""GGUF files: read back they are the model, its tokenizer and its chat policy; a faulty one is not put in place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytest import CaptureFixture, MonkeyPatch, fixture, mark, raises

from builders import config_of, decoder_of, loaded_of, tokenizer_of
from calame.inference.load import Loaded
from calame.model.config import ModelConfig, count_parameters
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.release.gguf import export as exporting
from calame.release.gguf import gate, runtime, write
from calame.release.gguf.export import MADE, export_gguf, read_made
from calame.release.gguf.names import filled_up, from_gguf, to_gguf, widened
from calame.release.gguf.read import GgufFile
from calame.release.gguf.types import FILE_TYPES, T, padded, tensor_type
from calame.release.gguf.vocabulary import Vocabulary
from calame.release.gguf.write import write_file
from calame.release.place import GateFailed
from calame.tokenizer.tokenizer import Tokenizer

FAMILIES = ("llama", "qwen3", "gpt2")
KINDS = ("byte-bpe", "sentencepiece-bpe")
CHATS = ("chatml", "klovis", "own")


@fixture(autouse=True)
def without_llama_cpp(monkeypatch: MonkeyPatch) -> None:
    """What is tested here stands without it; test_llama_cpp.py is about it."""
    monkeypatch.setattr(runtime, "available", lambda: False)


def model_of(family: str = "llama", kind: str = "byte-bpe", chat: str = "chatml", **changes: Any) -> Loaded:
    sizes = {"hidden_size": 64, "head_dim": 16, "intermediate_size": 75, "rope_theta": 5e4}
    sizes |= {"num_key_value_heads": 4} if family == "gpt2" else {}
    tokenizer = tokenizer_of(kind, 340, chat)
    model = decoder_of(3, family=family, vocab_size=340, **{**sizes, **changes})
    return loaded_of(model, tokenizer)


def read(folder: Path, kind: str) -> GgufFile:
    return GgufFile(folder / f"calame/petit/petit-{kind}.gguf")


@mark.parametrize("kind", KINDS)
@mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_all_types_of_all_families_pass_their_gate(family: str, kind: str, tmp_path: Path) -> None:
    loaded = model_of(family, kind)
    made = export_gguf(loaded, tmp_path / "out", "petit", ["f16", "q8_0", "q4_k_m"])
    assert [one.type for one in made] == ["F16", "Q8_0", "Q4_K_M"]
    assert made == read_made(tmp_path / "out")
    count = count_parameters(loaded.model.config)
    assert [one.parameters for one in made] == [count] * 3
    assert made[0].stored == count < made[1].stored == made[2].stored
    assert made[0].bytes > made[1].bytes > made[2].bytes
    exact = Decoder(loaded.model.config).eval()
    halves = {
        name: t.half().float() if t.dim() > 1 and name != "embed_positions.weight" else t
        for name, t in loaded.model.state_dict().items()
    }
    exact.load_state_dict(halves)
    tokens = torch.arange(50)[None] * 7 % 340
    found = read(tmp_path / "out", "F16").model()
    assert torch.equal(found.logits(found(tokens)), exact.logits(exact(tokens)))


@mark.parametrize("chat", CHATS)
@mark.parametrize("kind", KINDS)
def test_ids_beginnings_and_ends_are_those_of_training(kind: str, chat: str, tmp_path: Path) -> None:
    loaded = model_of(kind=kind, chat=chat)
    export_gguf(loaded, tmp_path / "out", "petit", ["q8_0"])
    file, tokenizer = read(tmp_path / "out", "Q8_0"), loaded.tokenizer
    cut, cut_special = file.cutter()
    for text in ("l'été où ça", "12 345\n\n  fin ", "<|im_end|> est écrit", "日本語 ☃ \u00a0«»", ""):
        assert cut(text) == tokenizer.encode(text)
    messages = [{"role": "user", "content": " l'été ?\n"}, {"role": "assistant", "content": "la mer"}]
    text = tokenizer.chat_format.text(messages, answer_next=True, bos="")
    assert file.beginning + cut_special(text) == tokenizer.chat(messages)
    assert file.stops == set(tokenizer.special.stops)
    assert file.fields["tokenizer.chat_template"] == tokenizer.chat_format.template()
    assert file.fields["tokenizer.ggml.model"] == ("gpt2" if kind == "byte-bpe" else "llama")


def test_without_bos_nothing_says_there_is_one(tmp_path: Path) -> None:
    loaded = model_of()
    loaded.tokenizer = loaded.tokenizer.without_bos()
    export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    file = read(tmp_path / "out", "F16")
    assert file.beginning == [] and file.fields["tokenizer.ggml.add_bos_token"] is False
    assert "bos_token" not in file.fields["tokenizer.chat_template"]


def test_a_model_that_knows_no_conversations_has_no_template(tmp_path: Path) -> None:
    loaded = replace(model_of(), tuned=False)
    export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    assert "tokenizer.chat_template" not in read(tmp_path / "out", "F16").fields
    assert "{{ .Prompt }}" in (tmp_path / "out/calame/petit/Modelfile").read_text()


@mark.parametrize("scaling", ({}, {"rope_scaling": "linear", "rope_factor": 2.0}, {"rope_scaling": "yarn"}))
def test_stretched_positions_are_written_down(scaling: dict[str, Any], tmp_path: Path) -> None:
    if scaling.get("rope_scaling") == "yarn":
        scaling = {**scaling, "rope_factor": 4.0, "rope_original": 16}
    loaded = model_of("qwen3", **scaling)
    export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    found = read(tmp_path / "out", "F16").config
    assert replace(found, initializer_range=0.2, rms_norm_eps=1e-5) == loaded.model.config


@mark.parametrize("family", FAMILIES)
def test_names_and_orders_there_and_back(family: str) -> None:
    loaded = model_of(family, tie_word_embeddings=False)
    state = loaded.model.state_dict()
    back = from_gguf(to_gguf(state, loaded.model.config), loaded.model.config)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_rodins_feed_forward_is_filled_up_and_both_counts_are_known(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("CALAME_DATA", "nowhere")
    recipe, _ = load_recipe("rodin-1b")
    rodin = ModelConfig.from_recipe(recipe.model, 64_000)
    assert count_parameters(rodin) == 1_238_415_360
    filled = padded(rodin, FILE_TYPES["q4_k_m"])
    assert filled.intermediate_size == 5632 and count_parameters(filled) == 1_261_529_088
    assert padded(rodin, FILE_TYPES["q8_0"]).intermediate_size == 5472
    assert padded(rodin, FILE_TYPES["f16"]) == rodin


def filled(loaded: Loaded, config: ModelConfig) -> dict[str, torch.Tensor]:
    tensors = to_gguf(loaded.model.state_dict(), loaded.model.config)
    return {name: filled_up(tensor, widened(name, tensor.shape, config)) for name, tensor in tensors.items()}


def test_the_filled_up_model_is_the_same_function() -> None:
    for family in FAMILIES:
        loaded = model_of(family)
        config = padded(loaded.model.config, FILE_TYPES["q8_0"])
        wide = Decoder(config).eval()
        wide.load_state_dict(from_gguf(filled(loaded, config), config))
        tokens = torch.arange(40)[None]
        with torch.no_grad():
            ours, theirs = loaded.model(tokens), wide(tokens)
        assert config.intermediate_size == 96 and torch.allclose(ours, theirs, atol=1e-5)


def test_the_mixture_of_q4_k_m() -> None:
    """As llama.cpp deals it out: half of the layers give values and the way down six bits."""
    config = config_of(hidden_size=512, head_dim=64, intermediate_size=1024, num_hidden_layers=8)
    wanted = FILE_TYPES["q4_k_m"]

    def kind(name: str, config: ModelConfig = config, columns: int = 512) -> str:
        return tensor_type(name, (64, columns), config, wanted).name

    assert [kind(f"blk.{layer}.ffn_down.weight")[:2] for layer in range(8)] == [
        "Q6", "Q4", "Q4", "Q6", "Q4", "Q4", "Q6", "Q6",
    ]  # fmt: skip
    assert (kind("blk.1.attn_q.weight"), kind("blk.0.attn_v.weight")) == ("Q4_K", "Q6_K")
    assert (kind("token_embd.weight"), kind("output.weight")) == ("Q6_K", "Q6_K")
    assert kind("token_embd.weight", replace(config, tie_word_embeddings=False)) == "Q4_K"
    assert (kind("blk.0.attn_qkv.weight"), kind("blk.1.attn_qkv.weight")) == ("Q6_K", "Q4_K")
    assert kind("position_embd.weight") == "F32"
    assert tensor_type("output_norm.weight", (512,), config, wanted) == T.F32
    assert [kind("blk.1.attn_q.weight", columns=n) for n in (96, 100)] == ["Q5_0", "F16"]


def test_types_that_cannot_be_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with raises(UserError, match=r"'q3_k_s'\n  allowed: f16, q8_0, q4_k_m"):
        export_gguf(model_of(), tmp_path / "out", "petit", ["f16", "q3_k_s"])
    with raises(UserError, match="rows of 40 weights"):
        export_gguf(model_of(hidden_size=40, head_dim=10), tmp_path / "out", "petit", ["q4_k_m"])
    assert not list(tmp_path.iterdir())
    export_gguf(model_of(hidden_size=40, head_dim=10), tmp_path / "out", "petit", ["f16"])


def test_a_format_without_an_end_is_refused(tmp_path: Path) -> None:
    loaded = model_of()
    loaded.tokenizer = Tokenizer(loaded.tokenizer.engine, {**loaded.tokenizer.about})
    loaded.tokenizer.chat_format = replace(loaded.tokenizer.chat_format, end="")
    with raises(UserError, match="no end token, and answers would go on for ever"):
        export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    assert not list(tmp_path.iterdir())


def test_chat_tokens_without_rows_are_refused(tmp_path: Path) -> None:
    loaded = loaded_of(decoder_of(3, hidden_size=64, head_dim=16), tokenizer_of("byte-bpe", 340))
    with raises(UserError, match=r"its tokenizer has 340 entries.*330 rows"):
        export_gguf(loaded, tmp_path / "out", "petit", ["f16"])


def spoil_order(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(write, "to_gguf", lambda state, config: to_gguf(state, replace(config, family="qwen3")))


def spoil_weight(monkeypatch: MonkeyPatch) -> None:
    def changed(state: Any, config: ModelConfig) -> dict[str, torch.Tensor]:
        tensors = to_gguf(state, config)
        tensors["blk.1.ffn_up.weight"] = tensors["blk.1.ffn_up.weight"].roll(1, 1)
        return tensors

    monkeypatch.setattr(write, "to_gguf", changed)


def spoil_theta(monkeypatch: MonkeyPatch) -> None:
    plain = write._write_model
    monkeypatch.setattr(write, "_write_model", lambda to, config: plain(to, replace(config, rope_theta=1e4)))


def spoil_merges(monkeypatch: MonkeyPatch) -> None:
    plain = exporting.vocabulary_of

    def fewer(tokenizer: Tokenizer, size: int) -> Vocabulary:
        found = plain(tokenizer, size)
        return replace(found, merges=found.merges[::2])

    monkeypatch.setattr(exporting, "vocabulary_of", fewer)


def spoil_split(monkeypatch: MonkeyPatch) -> None:
    plain = exporting.vocabulary_of
    monkeypatch.setattr(exporting, "vocabulary_of", lambda *given: replace(plain(*given), pre="gpt-2"))


def spoil_end(monkeypatch: MonkeyPatch) -> None:
    def endless(to: Any, tokenizer: Tokenizer, tuned: bool) -> None:
        plain(to, tokenizer, False)
        to.add_chat_template(tokenizer.chat_format.template().replace("<|im_end|>", ""))

    plain = write._write_policy
    monkeypatch.setattr(write, "_write_policy", endless)


def spoil_stop(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(exporting.ollama, "stops_of", lambda tokenizer: ["<|im_end|>", "User:"])


FAULTS = {
    "the order of queries": (spoil_order, "self_attn.q_proj.weight: is not what was written"),
    "a weight": (spoil_weight, "layers.1.mlp.up_proj.weight: is not what"),
    "rope_theta": (spoil_theta, "rope_theta is 10000.0, not 50000.0"),
    "merges": (spoil_merges, "ids of "),
    "the split": (spoil_split, "words are split as gpt-2, not as qwen2"),
    "a template without end": (spoil_end, "does not end every turn"),
    "a stop that is no token": (spoil_stop, "stop 'User:' is no single token"),
}


@mark.parametrize("what", FAULTS)
def test_a_faulty_file_is_not_put_in_place(what: str, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    spoil, message = FAULTS[what]
    loaded, folder = model_of(), tmp_path / "out"
    export_gguf(loaded, folder, "petit", ["f16"])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    spoil(monkeypatch)
    with raises(GateFailed, match=message):
        export_gguf(loaded, folder, "petit", ["f16"])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before, "the old one stays"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_every_quantised_type_has_a_bound_that_a_wrong_order_breaks(tmp_path: Path) -> None:
    """Neighbours exchanged within a row: what a fault in the layout of a block would do."""
    loaded = model_of(hidden_size=256, head_dim=64, num_hidden_layers=1, intermediate_size=256)
    config, wanted = loaded.model.config, FILE_TYPES["q4_k_m"]
    path = tmp_path / "a.gguf"
    write_file(path, "a", loaded, exporting.vocabulary_of(loaded.tokenizer, 340), wanted)
    found = GgufFile(path).tensors()
    for name, tensor in filled(loaded, config).items():
        stored = tensor_type(name, tuple(tensor.shape), config, wanted)
        assert gate._rounding(tensor, found[name], stored) == ""
        if tensor.dim() > 1:
            turned = found[name].unflatten(1, (-1, 2)).flip(2).flatten(1)
            assert "more than" in gate._rounding(tensor, turned, stored)


def test_an_earlier_export_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    export_gguf(model_of(), tmp_path / "out", "petit", ["f16", "q8_0"])
    export_gguf(model_of("qwen3"), tmp_path / "out", "grand", ["q8_0"], publisher="maison")
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")) == [
        MADE,
        "maison/grand/grand-Q8_0.gguf",
    ]
    about = json.loads((tmp_path / "out" / MADE).read_text())
    assert (about["name"], about["modelfile"]) == ("grand", "maison/grand/Modelfile")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/thesis.txt").write_text("ten years of work")
    with raises(UserError, match="is there already, and is no export"):
        export_gguf(model_of(), tmp_path / "thesis", "petit", ["f16"])


def test_it_is_said_what_was_not_asked(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    export_gguf(model_of(), tmp_path / "out", "petit", ["q4_k_m"])
    said = capsys.readouterr().out
    assert "llama.cpp was not asked: llama-cpp-python is not installed" in said
    assert "83,520 weights are stored, the model has 75,456" in said
    assert "no multiple of 256 are in groups of 32" in said
