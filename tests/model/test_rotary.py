"""Stretched positions: the stock class in both directions, at every factor; and a longer context to start from."""

from __future__ import annotations

from typing import Any

import torch
from pytest import fixture, mark, raises

from builders import decoder_of, loaded_of, transformers_twin
from calame.model.config import ModelConfig
from calame.model.huggingface import from_config, read_folder, to_config
from calame.model.rotary import rotary_table, rotate
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.release.huggingface import export
from calame.training.setup import initial_weights
from support import Toy

IDS = {"bos_token_id": 2, "eos_token_id": [3, 5], "pad_token_id": 0}
LINEAR = {"rope_scaling": "linear", "rope_factor": 4.0}
YARN = {"rope_scaling": "yarn", "rope_factor": 4.0, "rope_original": 64}
STRETCHES: list[dict[str, Any]] = [LINEAR, YARN, {**YARN, "rope_factor": 1.5, "rope_theta": 5e5}]
TOKENS = torch.arange(256)[None] * 7 % 330


@fixture(params=STRETCHES, ids=str)
def stretch(request: Any) -> dict[str, Any]:
    return {"max_position_embeddings": 256, "head_dim": 16, **request.param}


@mark.parametrize("family", ("llama", "qwen3"))
@torch.no_grad()
def test_logits_equal_the_stock_class(family: str, stretch: dict[str, Any]) -> None:
    ours = decoder_of(family=family, **stretch)
    theirs = transformers_twin(ours)
    assert torch.allclose(ours.logits(ours(TOKENS)), theirs(TOKENS).logits, atol=1e-5)
    plain = decoder_of(family=family, **{**stretch, "rope_scaling": "none"})
    assert not torch.allclose(ours(TOKENS), plain(TOKENS), atol=1e-2)


def test_the_configuration_comes_back(stretch: dict[str, Any]) -> None:
    config = decoder_of(**stretch).config
    written = to_config(config, "float32", IDS)
    assert from_config(written, "here") == config
    older = {key: value for key, value in written.items() if key != "rope_parameters"}  # as 4.x writes it
    assert from_config(older, "here") == config


def test_an_export_passes_its_gate(stretch: dict[str, Any], tmp_path) -> None:
    loaded = loaded_of(decoder_of(**stretch))
    assert export(loaded, tmp_path / "out", "float32")["argmax_agreement"] == 1
    assert read_folder(tmp_path / "out", "here")[0].rope_scaling == stretch["rope_scaling"]


def test_a_pair_is_turned_by_its_angle() -> None:
    """Against complex numbers."""
    cos, sin = rotary_table(decoder_of().config, 32)
    x = torch.randn(2, 3, 32, 8)
    turned = rotate(x, cos[None, None], sin[None, None])
    angles = torch.outer(torch.arange(32.0), 10_000 ** -(torch.arange(0, 8, 2) / 8))
    wanted = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones_like(angles), angles)
    assert torch.allclose(turned, torch.cat([wanted.real, wanted.imag], -1), atol=1e-6)


def test_a_model_starts_from_a_folder_with_its_positions_stretched(tmp_path, capsys) -> None:
    loaded = loaded_of(decoder_of(rope_theta=1e4))
    export(loaded, tmp_path / "out", "float32")
    config = ModelConfig(**{**vars(loaded.model.config), "max_position_embeddings": 256, **YARN})
    weights = initial_weights(str(tmp_path / "out"), config, loaded.tokenizer)
    assert weights.keys() == dict(loaded.model.state_dict()).keys()
    assert "rope_scaling none -> yarn" in capsys.readouterr().out


def test_learned_positions_cannot_be_stretched(tmp_path) -> None:
    loaded = loaded_of(decoder_of(family="gpt2", num_key_value_heads=4))
    export(loaded, tmp_path / "out", "float32")
    config = ModelConfig(**{**vars(loaded.model.config), "max_position_embeddings": 256})
    with raises(UserError, match="max_position_embeddings"):
        initial_weights(str(tmp_path / "out"), config, loaded.tokenizer)


def test_a_recipe_says_the_whole_of_it(tmp_path, monkeypatch) -> None:
    toy = Toy(tmp_path)
    monkeypatch.chdir(tmp_path)
    for keys, told in (
        ({"model__rope_scaling": "yarn"}, ["rope_factor: 1", "rope_original: missing"]),
        ({"model__rope_factor": 2}, ["rope_factor: 2, but rope_scaling is none"]),
        ({"model__rope_scaling": "linear", "model__rope_factor": 2, "model__family": "gpt2"}, ["learned positions"]),
    ):
        with raises(UserError) as error:
            load_recipe(str(toy.recipe(**keys)), [])
        assert all(part in str(error.value) for part in told), str(error.value)
