"""A pass of a few tokens of each row, on a CUDA device by kernels that read each weight once and launch rarely.

The same function as `Decoder.forward` over a cache, and the same parameters, of which nothing is copied; but what is
rounded between the plain lines (in bf16) is not rounded here.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calame.model.cache import Cache, LayerCache
from calame.model.decoder import Block, Decoder, FeedForward
from calame.model.device import runs_triton


class Step:
    """The kernels of a decoder's passes; `Step.of` says whether they are there."""

    def __init__(self, model: Decoder):
        from calame.model import kernels_step

        self.model, self.kernels = model, kernels_step
        self.epsilon = model.config.rms_norm_eps
        self.turn = (model.cos[:, 0].contiguous(), model.sin[:, 1].contiguous()) if model.config.parts.rotary else None

    @staticmethod
    def of(model: Decoder) -> Step | None:
        """None where the device runs no Triton kernels, or the model has what these do not know."""
        known = isinstance(model, Decoder) and model.config.norm_scale == 1 and model.config.head_dim % 2 == 0
        return Step(model) if known and runs_triton(model.head.device) else None

    def logits(self, tokens: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        """(rows, time, vocabulary) fp32. tokens, positions: (rows, time), as `kernels_step.attended` has them."""
        x = F.embedding(tokens.flatten(), self.model.embed_tokens.weight)
        if self.model.embed_positions is not None:
            x = x + F.embedding(positions.flatten(), self.model.embed_positions.weight)
        for layer, place in zip(self.model.layers, cache.layers(positions), strict=True):
            x = self._block(layer, x, positions, place)  # type: ignore[arg-type]
        out = self.kernels.mapped(x, [self.model.head], norm=self._norm(self.model.norm), dtype=torch.float32)
        return out.view(*tokens.shape, -1)

    def _block(self, layer: Block, x: Tensor, positions: Tensor, cache: LayerCache) -> Tensor:
        """x: (tokens, hidden)"""
        mapped, attention = self.kernels.mapped, layer.self_attn
        maps = [attention.q_proj, attention.k_proj, attention.v_proj]
        whole = mapped(x, *_of(*maps), norm=self._norm(layer.input_layernorm))
        gains = (attention.q_norm.weight, attention.k_norm.weight) if attention.q_norm and attention.k_norm else None
        heads = self.kernels.attended(whole, positions, cache, self.turn, gains, self.epsilon)
        x = mapped(heads, *_of(attention.o_proj), added=x)
        norm, mlp = self._norm(layer.post_attention_layernorm), layer.mlp
        if isinstance(mlp, FeedForward):
            inner = mapped(x, *_of(mlp.gate_proj, mlp.up_proj), norm=norm, behind=self.kernels.GATED)
        else:
            inner = mapped(x, *_of(mlp.up_proj), norm=norm, behind=self.kernels.GELU)
        return mapped(inner, *_of(mlp.down_proj), added=x)

    def _norm(self, norm: Any) -> tuple[int, Tensor, Tensor, float]:
        plain = isinstance(norm, nn.LayerNorm)
        kind = self.kernels.LAYER if plain else self.kernels.RMS
        return kind, norm.weight, norm.bias if plain else norm.weight, self.epsilon


def _of(*maps: nn.Linear) -> tuple[list[Tensor], list[Tensor] | None]:
    """Weights, and biases where there are any."""
    biases: list[Tensor] = [map_.bias for map_ in maps if map_.bias is not None]
    return [map_.weight for map_ in maps], biases or None
