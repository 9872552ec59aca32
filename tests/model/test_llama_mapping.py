"""Our Llama and `transformers`' on disk: weights and configuration in both directions, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pytest import fixture, mark, raises
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from builders import config_of, decoder_of
from calame.model.decoder import Decoder
from calame.model.huggingface import from_config, from_weights, read_folder, to_config, to_weights
from calame.recipe.errors import UserError

IDS = {"bos_token_id": 2, "eos_token_id": [3, 5], "pad_token_id": 0}


def their_model(**changes: Any) -> LlamaForCausalLM:
    values = {**to_config(config_of(), "float32", IDS), **changes}
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**values)).eval()


@mark.parametrize("tied", (True, False))
def test_a_folder_of_theirs_is_read(tied: bool, tmp_path: Path) -> None:
    theirs = their_model(tie_word_embeddings=tied, head_dim=10, rope_theta=5e5, rope_parameters=None)
    theirs.save_pretrained(tmp_path)
    config, weights = read_folder(tmp_path, "model.init")
    assert (config.tie_word_embeddings, config.head_dim) == (tied, 10)
    ours = Decoder(config)
    ours.load_state_dict(weights)
    tokens = torch.arange(40)[None] * 7 % 330
    with torch.no_grad():
        assert torch.allclose(ours.logits(ours(tokens)), theirs(tokens).logits, atol=1e-5)


@mark.parametrize("tied", (True, False))
def test_a_folder_of_ours_is_read_by_them(tied: bool, tmp_path: Path) -> None:
    ours = decoder_of(tie_word_embeddings=tied, head_dim=10, rope_theta=5e5)
    (tmp_path / "config.json").write_text(json.dumps(to_config(ours.config, "float32", IDS)))
    save_file(to_weights(ours.state_dict(), ours.config), tmp_path / "model.safetensors", {"format": "pt"})
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokens = torch.arange(40)[None] * 7 % 330
    with torch.no_grad():
        assert torch.allclose(ours.logits(ours(tokens)), theirs(tokens).logits, atol=1e-5)
    assert from_config(theirs.config.to_dict(), "config.json") == ours.config


@mark.parametrize("tied", (True, False))
def test_weights_go_there_and_back(tied: bool) -> None:
    ours = decoder_of(tie_word_embeddings=tied)
    there = to_weights(ours.state_dict(), ours.config)
    assert set(there) == set(their_model(tie_word_embeddings=tied).state_dict()) - (
        {"lm_head.weight"} if tied else set()
    )
    there["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(1)  # old folders store it
    if tied:
        there["lm_head.weight"] = there["model.embed_tokens.weight"]  # and a tied head twice
    back = from_weights(there, ours.config)
    assert set(back) == set(ours.state_dict())
    assert all(torch.equal(tensor, back[name]) for name, tensor in ours.state_dict().items())


def test_configuration_goes_there_and_back() -> None:
    config = config_of(head_dim=10, rope_theta=5e5, tie_word_embeddings=False)
    assert from_config(to_config(config, "bfloat16", IDS), "config.json") == config


def test_both_spellings_of_rotary_positions_are_read() -> None:
    values = to_config(config_of(rope_theta=5e5), "float32", IDS)
    del values["rope_parameters"]
    assert from_config(values, "config.json").rope_theta == 5e5  # transformers 4
    values["rope_scaling"] = None
    assert from_config(values, "config.json").rope_theta == 5e5
    del values["rope_theta"]
    assert from_config(values, "config.json").rope_theta == 10_000
    values["rope_parameters"] = {"rope_theta": 5e5, "rope_type": "default"}
    assert from_config(values, "config.json").rope_theta == 5e5  # transformers 5


def test_what_a_config_leaves_out_is_what_llama_means_by_it() -> None:
    least = dict.fromkeys(("vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size"), 8)
    values = {"model_type": "llama", "num_attention_heads": 4, **least}
    theirs, ours = LlamaConfig(**values), from_config(values, "config.json")
    for name in ("num_key_value_heads", "head_dim", "tie_word_embeddings", "rms_norm_eps", "initializer_range"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.max_position_embeddings == theirs.max_position_embeddings
    assert from_config({**values, "head_dim": None, "num_key_value_heads": None}, "config.json") == ours


@mark.parametrize(
    ("change", "message"),
    (
        ({"model_type": "bert"}, "'bert'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"hidden_act": "gelu"}, "'gelu'"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5}}, "'llama3'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, "'dynamic'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear"}}, "linear positions without factor"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0, "mscale": 1.0}}, "mscale"),
        ({"hidden_size": None}, "hidden_size"),
    ),
)
def test_what_our_llama_does_not_do_is_refused(change: dict[str, Any], message: str) -> None:
    with raises(UserError, match=message) as error:
        from_config({**to_config(config_of(), "float32", IDS), **change}, "some/config.json")
    assert error.value.problems[0].where == "some/config.json"


def test_all_that_is_refused_is_said_at_once() -> None:
    values = {**to_config(config_of(), "float32", IDS), "attention_bias": True, "hidden_act": "gelu"}
    with raises(UserError) as error:
        from_config(values, "config.json")
    assert len(error.value.problems) == 2


@fixture
def folder(tmp_path: Path) -> Path:
    their_model().save_pretrained(tmp_path)
    return tmp_path


def test_weights_in_several_files_are_put_together(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    _, weights = read_folder(tmp_path, "model.init")
    assert set(weights) == set(decoder_of().state_dict())


def test_a_folder_without_a_model_is_refused_by_the_key(folder: Path, tmp_path: Path) -> None:
    with raises(UserError, match=r"^model\.init: .*no config\.json"):
        read_folder(tmp_path / "nowhere", "model.init")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with raises(UserError, match="never opened"):
        read_folder(folder, "model.init")


def test_other_files_beside_the_weights_are_left_alone(folder: Path) -> None:
    save_file({"tok_embeddings.weight": torch.zeros(2)}, folder / "consolidated.safetensors")
    assert set(read_folder(folder, "model.init")[1]) == set(decoder_of().state_dict())


def test_weights_that_do_not_fit_the_configuration_are_refused(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "intermediate_size": 64}))
    with raises(UserError, match=r"layers\.0\.mlp\.gate_proj\.weight is \[48, 32\], not \[64, 32\].*and 1 more"):
        read_folder(folder, "model.init")
    (folder / "config.json").write_text(json.dumps({**values, "tie_word_embeddings": False}))
    with raises(UserError, match=r"lm_head\.weight is missing"):
        read_folder(folder, "model.init")
    (folder / "config.json").write_text(json.dumps({**values, "num_hidden_layers": 1}))
    with raises(UserError, match=r"layers\.1\.\S+ is not known"):
        read_folder(folder, "model.init")
