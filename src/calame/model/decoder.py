"""The decoder: pre-norm blocks of attention and feed-forward, of what its family is made of.

Llama (Touvron et al. 2023): grouped attention, rotary positions, RMSNorm, SwiGLU. Qwen3 (Yang et al. 2025): the same
with queries and keys normed by head. GPT-2 (Radford et al. 2019): learned positions, LayerNorm, biases, GELU.
Names of modules and parameters are those of `transformers`' LlamaForCausalLM below `model.`, whatever the family.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from calame.model.attention import Span, attend
from calame.model.cache import Cache, LayerCache
from calame.model.config import ModelConfig
from calame.model.device import kernels_on
from calame.model.rotary import rotary_table, rotate
from calame.model.scaled_norm import ScaledRMSNorm


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last dimension, in fp32 (Zhang & Sennrich 2019)."""

    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight.to(x.dtype) * normed.to(x.dtype)


def norm_of(config: ModelConfig) -> nn.Module:
    """The family's norm over hidden_size."""
    if config.norm_scale != 1:
        return ScaledRMSNorm(config.hidden_size, config.rms_norm_eps, config.norm_scale)
    if config.parts.rms:
        return RMSNorm(config.hidden_size, config.rms_norm_eps)
    return nn.LayerNorm(config.hidden_size, config.rms_norm_eps)


Turn = tuple[Tensor, Tensor]  # cos and sin of each position's angles
MULTIPLE = 64  # joined maps have a multiple of so many rows: others take slow matrix kernels


@dataclass(frozen=True)
class Noise:
    """What is left out at random while training.

    dropout: share of what each branch adds to the stream (Srivastava et al. 2014). twice: as Klovis-144M does, once
    more on the branch and also on the weights of attention. layers: share of the layers, each drawn for the whole
    micro-batch and not made up for (Fan et al. 2019, as Klovis-144M has it).
    """

    dropout: float = 0.0
    twice: bool = False
    layers: float = 0.0

    def drop(self, branch: Tensor) -> Tensor:
        if not self.dropout:
            return branch
        dropped = F.dropout(branch, self.dropout)
        return F.dropout(dropped, self.dropout) if self.twice else dropped

    @property
    def of_attention(self) -> float:
        """Share of the attention weights that is left out."""
        return self.dropout if self.twice else 0.0


QUIET = Noise()


def joined(*maps: nn.Linear) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of several maps of one input as one map, each filled up with zeros to a MULTIPLE of rows: one
    large product instead of several small ones."""
    rooms = [-map_.out_features % MULTIPLE for map_ in maps]
    weight = torch.cat([F.pad(map_.weight, (0, 0, 0, room)) for map_, room in zip(maps, rooms, strict=True)])
    biases = [F.pad(map_.bias, (0, room)) for map_, room in zip(maps, rooms, strict=True) if map_.bias is not None]
    return weight, torch.cat(biases) if biases else None


class Attention(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.head_dim, bias = config.head_dim, config.parts.bias
        queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, queries, bias)
        self.k_proj = nn.Linear(config.hidden_size, keys, bias)
        self.v_proj = nn.Linear(config.hidden_size, keys, bias)
        self.o_proj = nn.Linear(queries, config.hidden_size, bias)
        self.join = False  # set by `Decoder.join`, as is `turned`
        self.turned: Callable[..., tuple[Tensor, Tensor, Tensor]] | None = None  # or kernels.turned
        self.linear: Callable[..., Tensor] = F.linear  # or in 8 bits: float8.use_float8
        normed = config.parts.normed_keys
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps) if normed else None
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps) if normed else None

    def forward(
        self, x: Tensor, turn: Turn | None, span: Span, cache: LayerCache | None = None, dropout: float = 0.0
    ) -> Tensor:
        query, key, value = self._turned(x, turn) if turn is not None and self.turned else self._plain(x, turn)
        if cache is not None:
            key, value = cache.extend(key, value)
        out = attend(query, key, value, span, dropout)
        return self.o_proj(out.transpose(1, 2).flatten(2))

    def _plain(self, x: Tensor, turn: Turn | None) -> list[Tensor]:
        """Queries, keys and values, each (batch, heads, time, head_dim)."""
        if self.join:
            widths = [map_.out_features for map_ in self._maps]
            rooms = self.linear(x, *joined(*self._maps)).split([width + -width % MULTIPLE for width in widths], dim=-1)
            parts = [room[..., :width] for room, width in zip(rooms, widths, strict=True)]
        else:
            parts = [map_(x) for map_ in self._maps]
        query, key, value = (part.unflatten(-1, (-1, self.head_dim)) for part in parts)
        if self.q_norm is not None and self.k_norm is not None:
            query, key = self.q_norm(query), self.k_norm(key)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        return [query, key, value] if turn is None else [rotate(query, *turn), rotate(key, *turn), value]

    def _turned(self, x: Tensor, turn: Turn) -> list[Tensor]:
        """The same by a kernel that takes the joined map apart and turns what is to be turned."""
        assert self.turned is not None
        whole = self.linear(x, *joined(*self._maps))
        cos, sin = turn[0].reshape(-1, self.head_dim // 2), turn[1][..., 1, :].reshape(-1, self.head_dim // 2)
        heads, groups = (map_.out_features // self.head_dim for map_ in self._maps[:2])
        parts = self.turned(whole.flatten(0, 1), cos, sin, heads, groups)
        return [part.view(*x.shape[:2], -1, self.head_dim).transpose(1, 2) for part in parts]

    def turns(self, pairs: Container[int]) -> bool:
        """Whether `kernels.turned` may take the joined map apart: heads of that many pairs, nothing between the map
        and the turn, no padding."""
        whole = all(map_.out_features % MULTIPLE == 0 for map_ in self._maps)
        return whole and self.q_norm is None and self.head_dim % 2 == 0 and self.head_dim // 2 in pairs

    @property
    def _maps(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        return self.q_proj, self.k_proj, self.v_proj


def gated(gate_up: Tensor) -> Tensor:
    """silu(gate) * up. gate_up: (..., 2 x inner), the gate before the other -> (..., inner)."""
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


class FeedForward(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer 2020)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.join = False  # set by `Decoder.join`, as is `gated_map`
        self.gated_map: Callable[..., Tensor] | None = None  # or kernels.gated_map
        self.linear: Callable[..., Tensor] = F.linear  # or in 8 bits: float8.use_float8
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.join:
            return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        gate_up = self.linear(x, *joined(self.gate_proj, self.up_proj))
        down = F.pad(self.down_proj.weight, (0, -self.down_proj.in_features % MULTIPLE))
        # Where a row is padding, silu(0) * 0 meets a column of zeros.
        return self.gated_map(gate_up, down, self.linear) if self.gated_map else self.linear(gated(gate_up), down)


class PlainFeedForward(nn.Module):
    """down(gelu(up(x))), GELU by its tanh approximation (Hendrycks & Gimpel 2016), as GPT-2 has it."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, config.parts.bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, config.parts.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.gelu(self.up_proj(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.input_layernorm = norm_of(config)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = norm_of(config)
        self.mlp = FeedForward(config) if config.parts.gated else PlainFeedForward(config)
        self.renew = False  # set by `Decoder.renew_norms`

    def forward(
        self,
        x: Tensor,
        turn: Turn | None,
        span: Span,
        cache: LayerCache | None = None,
        noise: Noise = QUIET,
        kept: Tensor | None = None,
    ) -> Tensor:
        """kept: a scalar, 0 where the layer is left out."""
        attended = self.self_attn(self._normed(self.input_layernorm, x), turn, span, cache, noise.of_attention)
        x = x + _share(noise.drop(attended), kept)
        return x + _share(noise.drop(self.mlp(self._normed(self.post_attention_layernorm, x))), kept)

    def _normed(self, norm: nn.Module, x: Tensor) -> Tensor:
        return checkpoint(norm, x, use_reentrant=False) if self.renew and torch.is_grad_enabled() else norm(x)  # type: ignore[return-value]


def _share(branch: Tensor, kept: Tensor | None) -> Tensor:
    return branch if kept is None else kept * branch


def in_compute_type(x: Tensor) -> Tensor:
    """The stream between the blocks is kept in the type that autocast computes in: half the bytes of fp32."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x


def call_plainly(number: int, layer: nn.Module, *inputs: Any) -> Tensor:
    return layer(*inputs)


class Decoder(nn.Module):
    """Token ids to final hidden states; `head` turns those into logits.

    tokens: (batch, time) integers -> (batch, time, hidden_size).
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.noise = QUIET
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        places = (config.max_position_embeddings, config.hidden_size)
        self.embed_positions = None if config.parts.rotary else nn.Embedding(*places)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = norm_of(config)
        self.lm_head = (
            None if config.tie_word_embeddings else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        )
        cos, sin = rotary_table(config, config.max_position_embeddings)
        self.call_layer = call_plainly  # or one that recomputes: training/memory.py
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def initialise(self, seed: int) -> None:
        """Normal(0, initializer_range) for every matrix, ones for norms, zeros for biases; with biases (GPT-2) what is
        added to the stream is drawn narrower, by the root of twice the layers. The same on every machine for a seed."""
        generator = torch.Generator().manual_seed(seed)
        narrow = (2 * self.config.num_hidden_layers) ** -0.5 if self.config.parts.bias else 1.0
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.dim() >= 2:
                    added = name.endswith(("o_proj.weight", "down_proj.weight"))
                    spread = self.config.initializer_range * (narrow if added else 1.0)
                    parameter.copy_(torch.empty(parameter.shape).normal_(0, spread, generator=generator))
                else:
                    parameter.fill_(0.0 if name.endswith(".bias") else 1 / self.config.norm_scale)

    @property
    def head(self) -> Tensor:
        """(vocab_size, hidden_size) matrix of the output projection."""
        return self.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def forward(
        self, tokens: Tensor, positions: Tensor | None = None, span: Span | None = None, cache: Cache | None = None
    ) -> Tensor:
        """positions: (batch, time), default 0, 1, 2... span: default plain causality. cache: keeps the tokens' keys and
        values at their positions; where positions are given, tokens see what stands there up to their own."""
        places: Sequence[LayerCache | None] = [None] * len(self.layers)
        if cache is not None:
            places = cache.layers(positions)
            span = Span(cache.visible(positions)) if positions is not None else span
        if positions is None:
            positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        span = span or Span()
        x, turn = self.embed_tokens(tokens), None
        if self.embed_positions is not None:
            x = x + self.embed_positions(positions)
        else:
            turn = (self.cos[positions][:, None], self.sin[positions][:, None])
        x, noise = in_compute_type(x), self.noise if self.training else QUIET
        for number, layer in enumerate(self.layers):
            kept = (torch.rand((), device=x.device) >= noise.layers).to(x.dtype) if noise.layers else None
            x = self.call_layer(number, layer, x, turn, span, places[number], noise, kept)
        return self.norm(x)

    def join(self, wanted: bool) -> None:
        """Whether maps of one input are multiplied as one, filled up to sizes that matrix kernels like, and the
        project's own kernels are taken where the device runs them: the same function and the same parameters, and
        faster once compiled."""
        kernels = kernels_on(self.head.device) if wanted else None
        for part in self.layers.modules():
            if isinstance(part, Attention):
                part.join = wanted
                part.turned = kernels.turned if kernels and part.turns(kernels.PAIRS) else None
            elif isinstance(part, FeedForward):
                part.join = wanted
                part.gated_map = kernels.gated_map if kernels else None

    def renew_norms(self, wanted: bool) -> None:
        """Whether what comes out of the blocks' norms is computed again in the backward pass, instead of kept."""
        for layer in self.layers:
            layer.renew = wanted  # type: ignore[assignment]

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., hidden_size) -> (..., vocab_size)"""
        return hidden @ self.head.to(hidden.dtype).T
