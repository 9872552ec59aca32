"""Our decoder and the stock classes of `transformers`: configuration and weights, in both directions.

Llama and Qwen3 have our own names and shapes. GPT-2 calls everything otherwise, keeps its matrices transposed, and
queries, keys and values in one.
"""

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

CLASSES = {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM", "gpt2": "GPT2LMHeadModel"}
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
DEFAULTS: dict[str, dict[str, Any]] = {  # what a configuration means when a key is left out
    "llama": {
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-6,
        "initializer_range": 0.02,
        "max_position_embeddings": 2048,
    },
    "qwen3": {
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-6,
        "initializer_range": 0.02,
        "max_position_embeddings": 32_768,
        "head_dim": 128,
    },
    "gpt2": {
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-5,
        "initializer_range": 0.02,
        "max_position_embeddings": 1024,
    },
}
GPT2_KEYS = {  # ours: theirs
    "hidden_size": "n_embd",
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "intermediate_size": "n_inner",
    "max_position_embeddings": "n_positions",
    "rms_norm_eps": "layer_norm_epsilon",
}
OFF = {  # what we do not do, by family: allowed values, where a key is there at all
    "llama": {"attention_bias": (False,), "mlp_bias": (False,), "hidden_act": ("silu",)},
    "qwen3": {"attention_bias": (False,), "use_sliding_window": (False,), "hidden_act": ("silu",)},
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
}


ROPES = ("default", "linear", "yarn")
ROPE_OFF = {
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "partial_rotary_factor",
}


def to_config(config: ModelConfig, dtype: str, ids: Mapping[str, Any]) -> dict[str, Any]:
    """config.json as both majors of `transformers` read it: 4.x wants `rope_theta` and `torch_dtype` on top, 5.x writes
    `rope_parameters` and `dtype`. ids: bos_token_id, eos_token_id, pad_token_id."""
    values = {name: getattr(config, name) for name in SHARED}
    if config.family == "gpt2":
        values = {GPT2_KEYS.get(name, name): value for name, value in values.items()}
        values = {name: value for name, value in values.items() if name not in ("num_key_value_heads", "head_dim")}
        own = {"activation_function": "gelu_new", "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    else:
        own = {
            "hidden_act": "silu",
            "attention_bias": False,
            **({"mlp_bias": False} if config.family == "llama" else {"use_sliding_window": False}),
            "attention_dropout": 0.0,
            "rope_theta": config.rope_theta,
            **_rope(config),
        }
    return {
        "architectures": [CLASSES[config.family]],
        "model_type": config.family,
        **values,
        **own,
        "dtype": dtype,
        "torch_dtype": dtype,
        "use_cache": True,
        **ids,
    }


def _rope(config: ModelConfig) -> dict[str, Any]:
    """What both majors read of rotary positions: 5.x `rope_parameters`, 4.x `rope_scaling` where they are stretched."""
    if config.rope_scaling == "none":
        return {"rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"}}
    scaling: dict[str, Any] = {"rope_type": config.rope_scaling, "factor": config.rope_factor}
    if config.rope_scaling == "yarn":
        scaling["original_max_position_embeddings"] = config.rope_original
    return {"rope_parameters": {"rope_theta": config.rope_theta, **scaling}, "rope_scaling": scaling}


def from_config(values: Mapping[str, Any], where: str) -> ModelConfig:
    """Our configuration of a config.json. Raises `UserError` for what our families do not do."""
    family = values.get("model_type")
    if family not in CLASSES:
        raise refuse(where, f"model_type {family!r}", ", ".join(CLASSES))
    if family == "gpt2":
        theirs = {ours: values[name] for ours, name in GPT2_KEYS.items() if name in values}
        values = {**values, **theirs, "intermediate_size": values.get("n_inner") or 4 * values.get("n_embd", 0)}
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    problems = []
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ROPES:
        problems.append(Problem(where, f"rotary positions of kind {kind!r}", ", ".join(ROPES)))
    needed = {"linear": ("factor",), "yarn": ("factor", "original_max_position_embeddings")}.get(kind, ())
    problems += [Problem(where, f"{kind} positions without {key}", "a number") for key in needed if not rope.get(key)]
    for key in ROPE_OFF & rope.keys():
        problems.append(Problem(where, f"{kind} positions with {key}", "the usual ones, without it"))
    for key, allowed in OFF[family].items():
        if values.get(key, allowed[0]) not in allowed:
            problems.append(Problem(where, f"{key} is {values[key]!r}", " or ".join(map(repr, allowed))))
    problems += [Problem(where, f"no {name}", "a whole number") for name in REQUIRED if not values.get(name)]
    if problems:
        raise UserError(problems)
    heads = values["num_attention_heads"]
    known: dict[str, Any] = {name: values.get(name, DEFAULTS[family].get(name)) for name in SHARED}
    known["num_key_value_heads"] = known["num_key_value_heads"] or heads
    known["head_dim"] = known["head_dim"] or values["hidden_size"] // heads
    theta = rope.get("rope_theta", values.get("rope_theta", 10_000.0))
    stretch: dict[str, Any] = {}
    if kind != "default":
        original = rope.get("original_max_position_embeddings", 0)
        stretch = {"rope_scaling": kind, "rope_factor": float(rope["factor"]), "rope_original": original}
    return ModelConfig(rope_theta=float(theta), family=family, **known, **stretch)


def to_weights(state: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our state dict under their names."""
    if config.family == "gpt2":
        return _to_gpt2(state, config)
    return {name if name.startswith("lm_head.") else f"model.{name}": tensor for name, tensor in state.items()}


def from_weights(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Their tensors under our names; a head stored twice although tied is left out."""
    if config.family == "gpt2":
        ours = _from_gpt2(tensors)
    else:
        ours = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if "rotary_emb" not in name}
    if config.tie_word_embeddings:
        ours.pop("lm_head.weight", None)
    return ours


GPT2_OUTSIDE = {"embed_tokens": "wte", "embed_positions": "wpe", "norm": "ln_f"}
GPT2_INSIDE = {
    "input_layernorm": "ln_1",
    "self_attn.o_proj": "attn.c_proj",
    "post_attention_layernorm": "ln_2",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}
MAPS = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")  # (in, out) with them


def _to_gpt2(state: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    theirs: dict[str, Tensor] = {}
    for ours, name in GPT2_OUTSIDE.items():
        theirs |= {f"transformer.{name}.{end}": state[f"{ours}.{end}"] for end in _ends(state, ours)}
    for layer in range(config.num_hidden_layers):
        here, there = f"layers.{layer}.", f"transformer.h.{layer}."
        for end in ("weight", "bias"):
            joined = torch.cat([state[f"{here}self_attn.{part}_proj.{end}"] for part in "qkv"])
            theirs[f"{there}attn.c_attn.{end}"] = joined
            theirs |= {f"{there}{name}.{end}": state[f"{here}{ours}.{end}"] for ours, name in GPT2_INSIDE.items()}
    if "lm_head.weight" in state:
        theirs["lm_head.weight"] = state["lm_head.weight"]
    return {name: t.T.contiguous() if name.endswith(MAPS) else t for name, t in theirs.items()}


def _ends(state: Mapping[str, Tensor], module: str) -> list[str]:
    return [end for end in ("weight", "bias") if f"{module}.{end}" in state]


def _from_gpt2(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Unknown names are kept as they are, to be named when the shapes are compared."""
    ours: dict[str, Tensor] = {}
    outside, inside = ({theirs: name for name, theirs in table.items()} for table in (GPT2_OUTSIDE, GPT2_INSIDE))
    for full, tensor in tensors.items():
        name = full.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask, which old folders store
        tensor = tensor.T.contiguous() if name.endswith(MAPS) else tensor
        module, _, end = name.rpartition(".")
        if module in outside:
            ours[f"{outside[module]}.{end}"] = tensor
            continue
        _, _, rest = module.partition(".")
        layer, _, part = rest.partition(".")
        if part == "attn.c_attn":
            pieces = zip("qkv", tensor.chunk(3), strict=True)
            ours |= {f"layers.{layer}.self_attn.{letter}_proj.{end}": piece for letter, piece in pieces}
        else:
            ours[f"layers.{layer}.{inside[part]}.{end}" if part in inside else name] = tensor
    return ours


def read_folder(folder: str | Path, key: str) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Configuration and weights of a Hugging Face folder, safetensors only. Raises `UserError` naming `key`."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise refuse(key, f"{folder}: no config.json in it", "a Hugging Face folder", "check the path")
    config = from_config(_config_of(folder / "config.json", key), f"{folder}/config.json")
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
        tensors |= _tensors_of(file, key)
    weights = from_weights(tensors, config)
    if faults := _misfits(weights, config):
        raise refuse(key, f"{folder}: {'; '.join(faults)}", "the tensors that its config.json describes")
    return config, weights


def _config_of(file: Path, key: str) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise refuse(key, f"{file} is not whole: {error}", "JSON", "copy the folder again") from None
    if not isinstance(found, dict):
        raise refuse(key, f"{file} holds no settings", "a JSON object", "copy the folder again")
    return found


def _tensors_of(file: Path, key: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        what = f"{file} is not whole, or no safetensors file: {error}"
        raise refuse(key, what, "safetensors; pickles are never opened", "copy the folder again") from None


def _misfits(weights: Mapping[str, Tensor], config: ModelConfig, most: int = 5) -> list[str]:
    """How tensors differ from those of the configuration, in words; at most so many."""
    with torch.device("meta"):
        wanted = {name: list(tensor.shape) for name, tensor in Decoder(config).state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [f"{name} is not known" for name in found if name not in wanted]
    faults += [f"{n} is {found[n]}, not {wanted[n]}" for n in wanted if n in found and found[n] != wanted[n]]
    return faults if len(faults) <= most else [*faults[:most], f"and {len(faults) - most} more"]
