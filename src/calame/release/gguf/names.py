"""Our tensors under GGUF's names and in its order, and back.

Everything is (out, in), as with us. llama.cpp turns Llama's pairs (x[2i], x[2i + 1]) where we turn
(x[i], x[i + head_dim / 2]), so the rows of its queries and keys are dealt out anew; Qwen3's are turned as ours.
GPT-2 has queries, keys and values in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from calame.model.config import ModelConfig

OUTSIDE = {
    "embed_tokens": "token_embd",
    "embed_positions": "position_embd",
    "norm": "output_norm",
    "lm_head": "output",
}
INSIDE = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
JOINED, PARTS = "attn_qkv", ("attn_q", "attn_k", "attn_v")
WIDENED = {"ffn_gate": 0, "ffn_up": 0, "ffn_down": 1}  # the side of each matrix that padding makes longer


def to_gguf(state: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our state dict in GGUF's form."""
    named = {}
    for name, tensor in state.items():
        module, _, end = name.rpartition(".")
        if module in OUTSIDE:
            named[f"{OUTSIDE[module]}.{end}"] = tensor
        else:
            _, layer, part = module.split(".", 2)
            named[f"blk.{layer}.{INSIDE[part]}.{end}"] = tensor
    if config.family == "llama":
        named = {name: _dealt(name, tensor, config, to=True) for name, tensor in named.items()}
    return _joined(named, config) if config.family == "gpt2" else named


def from_gguf(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """GGUF's tensors as our state dict."""
    named = _parted(tensors) if config.family == "gpt2" else dict(tensors)
    if config.family == "llama":
        named = {name: _dealt(name, tensor, config, to=False) for name, tensor in named.items()}
    outside, inside = ({theirs: ours for ours, theirs in names.items()} for names in (OUTSIDE, INSIDE))
    state = {}
    for name, tensor in named.items():
        module, _, end = name.rpartition(".")
        if module in outside:
            state[f"{outside[module]}.{end}"] = tensor
        else:
            _, layer, part = module.split(".", 2)
            state[f"layers.{layer}.{inside[part]}.{end}"] = tensor
    return state


def widened(name: str, shape: Sequence[int], config: ModelConfig) -> tuple[int, ...]:
    """A tensor's shape with the configuration's intermediate size. name: GGUF's."""
    part, _, end = name.rpartition(".")
    side = WIDENED.get(part.rpartition(".")[2])
    if side is None or (end == "bias" and side == 1):
        return tuple(shape)
    return tuple(config.intermediate_size if at == side else size for at, size in enumerate(shape))


def filled_up(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """A tensor with zeros behind, up to a shape; as it is where the shape is no larger."""
    more = [max(0, wanted - size) for size, wanted in zip(tensor.shape, shape, strict=False)]
    return functional.pad(tensor, [n for size in reversed(more) for n in (0, size)]) if any(more) else tensor


def _dealt(name: str, tensor: Tensor, config: ModelConfig, to: bool) -> Tensor:
    """Rows of queries and keys in the order of the other way to pair them."""
    if not name.endswith((".attn_q.weight", ".attn_k.weight")):
        return tensor
    halves = (2, config.head_dim // 2) if to else (config.head_dim // 2, 2)
    heads = tensor.unflatten(0, (-1, *halves))
    return heads.transpose(1, 2).reshape(tensor.shape)


def _joined(named: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    found = {name: tensor for name, tensor in named.items() if name.split(".")[-2] not in PARTS}
    for layer in range(config.num_hidden_layers):
        for end in ("weight", "bias"):
            parts = [named[f"blk.{layer}.{part}.{end}"] for part in PARTS]
            found[f"blk.{layer}.{JOINED}.{end}"] = torch.cat(parts)
    return found


def _parted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {}
    for name, tensor in tensors.items():
        if f".{JOINED}." not in name:
            found[name] = tensor
            continue
        for part, piece in zip(PARTS, tensor.chunk(3), strict=True):
            found[name.replace(JOINED, part)] = piece
    return found
