"""Every family is the stock class of `transformers`: logits, folders in both directions, text, counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from pytest import fixture, mark, raises
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from builders import config_of, decoder_of, loaded_of, plan_of, random_rows, trainer_of, transformers_twin
from calame.inference.generate import Sampling, stream_ids
from calame.model.attention import dense_span
from calame.model.config import FAMILIES, ModelConfig, count_parameters
from calame.model.decoder import Decoder
from calame.model.huggingface import CLASSES, from_config, from_weights, read_folder, to_config, to_weights
from calame.model.loss import token_losses
from calame.recipe.errors import UserError
from calame.release.huggingface import export
from calame.run import telemetry
from calame.training.batch import LossFunction

IDS = {"bos_token_id": 2, "eos_token_id": [3, 5], "pad_token_id": 0}
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {"family": "llama", "head_dim": 10, "rope_theta": 5e5},
    "qwen3": {"family": "qwen3", "head_dim": 10, "rope_theta": 5e5},
    "gpt2": {"family": "gpt2", "num_key_value_heads": 4},
}
TOKENS = torch.arange(40)[None] * 7 % 330


@fixture(params=[(family, tied) for family in SHAPES for tied in (True, False)], ids=str)
def shape(request: Any) -> dict[str, Any]:
    family, tied = request.param
    return {**SHAPES[family], "tie_word_embeddings": tied}


def stirred(shape: dict[str, Any]) -> Decoder:
    """Norms and biases are drawn too: at ones and zeros, a wrong one would not be seen."""
    model, random = decoder_of(**shape), torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.empty_like(parameter).normal_(0, 0.3, generator=random))
    return model


def test_every_family_is_tried_here() -> None:
    assert set(SHAPES) == set(FAMILIES) == set(CLASSES)


@torch.no_grad()
def test_logits_equal_the_stock_class(shape: dict[str, Any]) -> None:
    ours = stirred(shape)
    theirs = transformers_twin(ours)
    assert type(theirs).__name__ == CLASSES[shape["family"]]
    assert torch.allclose(ours.logits(ours(TOKENS)), theirs(TOKENS).logits, atol=1e-5)
    assert sum(p.numel() for p in theirs.parameters()) == count_parameters(ours.config)


@torch.no_grad()
def test_a_folder_of_theirs_is_read(shape: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model(**to_config(config_of(**shape), "float32", IDS))
    theirs = AutoModelForCausalLM.from_config(config).eval()
    theirs.save_pretrained(tmp_path)
    found, weights = read_folder(tmp_path, "model.init")
    assert found == config_of(**shape, **({} if found.parts.rotary else {"rope_theta": 10_000.0}))
    ours = Decoder(found).eval()
    ours.load_state_dict(weights)
    assert torch.allclose(ours.logits(ours(TOKENS)), theirs(TOKENS).logits, atol=1e-5)


@torch.no_grad()
def test_a_folder_of_ours_is_read_by_them_and_by_us(shape: dict[str, Any], tmp_path: Path) -> None:
    ours = stirred(shape)
    (tmp_path / "config.json").write_text(json.dumps(to_config(ours.config, "float32", IDS)))
    weights = to_weights(ours.state_dict(), ours.config)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.allclose(ours.logits(ours(TOKENS)), theirs(TOKENS).logits, atol=1e-5)
    assert from_config(theirs.config.to_dict(), "config.json") == ours.config
    back = from_weights(weights, ours.config)
    assert set(back) == set(ours.state_dict())
    assert all(torch.equal(tensor, back[name]) for name, tensor in ours.state_dict().items())


def test_the_export_passes_its_gate(shape: dict[str, Any], tmp_path: Path) -> None:
    figures = export(loaded_of(stirred(shape)), tmp_path / "out", "float32")
    assert figures["argmax_agreement"] == 1


@torch.no_grad()
def test_greedy_text_equals_theirs_through_our_cache(shape: dict[str, Any]) -> None:
    ours = stirred(shape)
    theirs, prompt = transformers_twin(ours), [2, 50, 60, 70]
    out = theirs.generate(
        torch.tensor([prompt]), do_sample=False, max_new_tokens=40, eos_token_id=[3, 5], pad_token_id=0
    )
    assert [step[0] for step in stream_ids(loaded_of(ours), [prompt], Sampling(limit=40))] == out[0, 4:].tolist()


@torch.no_grad()
def test_documents_in_a_row_do_not_see_each_other(shape: dict[str, Any]) -> None:
    """Each document of a packed row has the losses that it has alone: the mask cuts, and positions begin anew."""
    ours, rows = stirred(shape), random_rows(2, 32)
    tokens, targets = (torch.from_numpy(part).long() for part in (rows.tokens, rows.targets))
    documents, positions = (torch.from_numpy(part).long() for part in (rows.documents, rows.positions))
    packed = token_losses(ours(tokens, positions, dense_span(documents)).flatten(0, 1), ours.head, targets.flatten())
    for row in range(2):
        for number in documents[row].unique():
            here = documents[row] == number
            alone = token_losses(ours(tokens[row, here][None])[0], ours.head, targets[row, here])
            assert torch.allclose(packed.view(2, 32)[row, here], alone, atol=1e-5)


@mark.parametrize("family", SHAPES)
def test_it_learns_on_the_one_loop(family: str, tmp_path: Path) -> None:
    model = decoder_of(1, spread=0.1, **SHAPES[family])
    loss = LossFunction(model, trainer_of(tmp_path / "any").device, True, "dense", False)
    identity = {"tokenizer": "a", "model": model.config.to_json()}
    trainer_of(tmp_path, plan_of(tokens=30 * 64), model=model, loss=loss, identity=identity).run()
    found = [line["train/loss"] for line in telemetry.read(tmp_path) if "train/loss" in line]
    assert len(found) == 30 and sum(found[-5:]) < sum(found[:5])


def test_gpt2_begins_as_radford_et_al_did() -> None:
    """Normal(0, 0.02); what is added to the stream narrower by the root of twice the layers; biases at zero."""
    model = Decoder(config_of(**SHAPES["gpt2"], hidden_size=128, head_dim=32, num_hidden_layers=8))
    model.initialise(0)
    state = model.state_dict()
    assert abs(float(state["layers.0.mlp.up_proj.weight"].std()) / 0.02 - 1) < 0.05
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        assert abs(float(state[f"layers.3.{name}.weight"].std()) / (0.02 / 4) - 1) < 0.05
    assert all(float(p.abs().max()) == 0 for name, p in state.items() if name.endswith("bias"))


def gpt2(vocabulary: int, hidden: int, layers: int, heads: int, positions: int, tied: bool) -> ModelConfig:
    return ModelConfig(
        vocabulary, hidden, layers, heads, heads, hidden // heads, 4 * hidden, positions, 1e4, 1e-5, tied, 0.02, "gpt2"
    )


@mark.parametrize(
    ("config", "parameters"),
    (
        (gpt2(50_257, 768, 12, 12, 1024, True), 124_439_808),  # OpenAI's smallest
        (gpt2(64_000, 768, 12, 12, 2500, True), 136_128_000),  # 1gpu-llm small, if its vocabulary were 64,000
        (gpt2(32_000, 768, 12, 12, 2500, False), 136_128_000),  # and if its head is counted apart
        (gpt2(32_000, 768, 12, 12, 2500, True), 111_552_000),  # then so many are its own
    ),
)
def test_published_counts(config: ModelConfig, parameters: int) -> None:
    assert count_parameters(config) == parameters
    with torch.device("meta"):
        assert sum(p.numel() for p in Decoder(config).parameters()) == parameters


@given(st.data())
def test_the_closed_form_is_what_an_instance_holds(data: st.DataObject) -> None:
    family, heads = data.draw(st.sampled_from(list(SHAPES))), data.draw(st.integers(1, 4))
    size = 2 * data.draw(st.integers(1, 10))
    config = config_of(
        family=family,
        hidden_size=heads * size,
        num_attention_heads=heads,
        num_key_value_heads=heads if family == "gpt2" else 1,
        head_dim=size,
        vocab_size=data.draw(st.integers(1, 500)),
        num_hidden_layers=data.draw(st.integers(1, 3)),
        intermediate_size=data.draw(st.integers(1, 100)),
        max_position_embeddings=data.draw(st.integers(1, 100)),
        tie_word_embeddings=data.draw(st.booleans()),
    )
    with torch.device("meta"):
        assert count_parameters(config) == sum(p.numel() for p in Decoder(config).parameters())


@mark.parametrize(
    ("family", "change", "message"),
    (
        ("gpt2", {"activation_function": "relu"}, "activation_function is 'relu'"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"n_layer": None}, "num_hidden_layers"),
        ("qwen3", {"attention_bias": True}, "attention_bias"),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window"),
        ("qwen3", {"rope_parameters": {"rope_type": "longrope", "factor": 2.0}}, "'longrope'"),
        ("qwen3", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "original_max_position_embeddings"),
    ),
)
def test_what_a_family_of_ours_does_not_do_is_refused(family: str, change: dict[str, Any], message: str) -> None:
    with raises(UserError, match=message):
        from_config({**to_config(config_of(**SHAPES[family]), "float32", IDS), **change}, "config.json")
