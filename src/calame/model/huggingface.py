"""Our Llama and `transformers`' LlamaForCausalLM: configuration and weights, in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.recipe.errors import Problem, UserError, refuse

SHARED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "initializer_range",
)
REQUIRED = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
DEFAULTS = {  # what Llama's configuration means when a key is left out
    "tie_word_embeddings": False,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "max_position_embeddings": 2048,
}


def to_config(config: ModelConfig, dtype: str, ids: Mapping[str, Any]) -> dict[str, Any]:
    """config.json as both majors of `transformers` read it: 4.x wants `rope_theta` and `torch_dtype` on top, 5.x writes
    `rope_parameters` and `dtype`. ids: bos_token_id, eos_token_id, pad_token_id."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{name: getattr(config, name) for name in SHARED},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "dtype": dtype,
        "torch_dtype": dtype,
        "use_cache": True,
        **ids,
    }


def from_config(values: Mapping[str, Any], where: str) -> ModelConfig:
    """Our configuration of a config.json. Raises `UserError` for what our Llama does not do."""
    problems = []
    if values.get("model_type") != "llama":
        problems.append(Problem(where, f"model_type {values.get('model_type')!r}", "llama"))
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    if (kind := rope.get("rope_type", rope.get("type", "default"))) != "default":
        problems.append(Problem(where, f"rotary positions of kind {kind!r}", "default"))
    problems += [Problem(where, f"{key} is on", "off") for key in ("attention_bias", "mlp_bias") if values.get(key)]
    if values.get("hidden_act", "silu") != "silu":
        problems.append(Problem(where, f"hidden_act {values['hidden_act']!r}", "silu"))
    problems += [Problem(where, f"no {name}", "a whole number") for name in REQUIRED if not values.get(name)]
    if problems:
        raise UserError(problems)
    heads = values["num_attention_heads"]
    known = {name: values.get(name, DEFAULTS.get(name)) for name in SHARED}
    known["num_key_value_heads"] = known["num_key_value_heads"] or heads
    known["head_dim"] = known["head_dim"] or values["hidden_size"] // heads
    theta = rope.get("rope_theta", values.get("rope_theta", 10_000.0))
    return ModelConfig(rope_theta=float(theta), **known)


def to_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under their names."""
    return {name if name.startswith("lm_head.") else f"model.{name}": tensor for name, tensor in state.items()}


def from_weights(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Their tensors under our names; a head stored twice although tied is left out."""
    ours = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if "rotary_emb" not in name}
    if config.tie_word_embeddings:
        ours.pop("lm_head.weight", None)
    return ours


def read_folder(folder: str | Path, key: str) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Configuration and weights of a Hugging Face folder, safetensors only. Raises `UserError` naming `key`."""
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise refuse(key, f"{folder}: no config.json in it", "a Hugging Face folder", "check the path")
    config = from_config(json.loads((folder / "config.json").read_text(encoding="utf-8")), f"{folder}/config.json")
    files = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("*.safetensors"))
    if not files:
        raise refuse(
            key,
            f"{folder}: no safetensors file in it",
            "weights as safetensors; pickles are never opened",
            "convert them with safetensors first",
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors |= load_file(file)
    weights = from_weights(tensors, config)
    if faults := _misfits(weights, config):
        raise refuse(key, f"{folder}: {'; '.join(faults)}", "the tensors that its config.json describes")
    return config, weights


def _misfits(weights: Mapping[str, Tensor], config: ModelConfig, most: int = 5) -> list[str]:
    """How tensors differ from those of the configuration, in words; at most so many."""
    with torch.device("meta"):
        wanted = {name: list(tensor.shape) for name, tensor in Decoder(config).state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [f"{name} is not known" for name in found if name not in wanted]
    faults += [f"{n} is {found[n]}, not {wanted[n]}" for n in wanted if n in found and found[n] != wanted[n]]
    return faults if len(faults) <= most else [*faults[:most], f"and {len(faults) - most} more"]
