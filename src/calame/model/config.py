"""What a decoder is: its family, sizes and constants, under the names that Llama has on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from calame.recipe import schema


@dataclass(frozen=True)
class Family:
    """What the blocks of a family are made of."""

    rotary: bool = True  # rotary positions (Su et al. 2021), or a learned row for each position
    rms: bool = True  # RMSNorm, or LayerNorm with a bias
    bias: bool = False  # of every linear map
    gated: bool = True  # SwiGLU, or GELU between two maps
    normed_keys: bool = False  # RMSNorm over each head of queries and keys


FAMILIES = {
    "llama": Family(),
    "qwen3": Family(normed_keys=True),
    "gpt2": Family(rotary=False, rms=False, bias=True, gated=False),
}


STRETCHED = ("max_position_embeddings", "rope_theta", "rope_scaling", "rope_factor", "rope_original")
"""What may differ from the model that one starts from, where positions are turned and not learned."""


@dataclass(frozen=True)
class ModelConfig:
    """`rms_norm_eps` is the epsilon of every norm, of whatever kind; `rope_...` mean nothing without rotation.

    rope_scaling: none, linear or yarn, by `rope_factor`; rope_original: the context that yarn stretches, tokens.
    norm_scale: what stored norm gains are multiplied by (`model/scaled_norm.py`)."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    max_position_embeddings: int
    rope_theta: float
    rms_norm_eps: float
    tie_word_embeddings: bool
    initializer_range: float
    family: str = "llama"
    rope_scaling: str = "none"
    rope_factor: float = 1.0
    rope_original: int = 0
    norm_scale: float = 1.0

    @property
    def parts(self) -> Family:
        return FAMILIES[self.family]

    @staticmethod
    def from_recipe(model: schema.Model, vocab_size: int) -> ModelConfig:
        """The configuration of a derived recipe (no None left) with the tokenizer's vocabulary."""
        others = ("vocab_size", "norm_scale")  # the tokenizer's, and the precision's
        values = {name: getattr(model, name) for name in ModelConfig.__dataclass_fields__ if name not in others}
        assert None not in values.values()
        return ModelConfig(vocab_size=vocab_size, **values)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> ModelConfig:
        return ModelConfig(**values)

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        if self.norm_scale == 1:
            values.pop("norm_scale")
        return values


def count_terms(config: ModelConfig) -> dict[str, int]:
    """Parameters in closed form, by term; the sum is what an instance holds, tied heads counted once."""
    width, head, parts = config.hidden_size, config.head_dim, config.parts
    queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
    layers, inner, maps = config.num_hidden_layers, config.intermediate_size, 3 if config.parts.gated else 2
    norm = width if parts.rms else 2 * width
    terms = {
        "embedding": config.vocab_size * width,
        "positions": 0 if parts.rotary else config.max_position_embeddings * width,
        "attention": layers * (2 * width * queries + 2 * width * keys),
        "feed-forward": layers * maps * width * inner,
        "biases": layers * (queries + 2 * keys + (maps - 1) * inner + 2 * width) if parts.bias else 0,
        "norms": layers * (2 * norm + (2 * head if parts.normed_keys else 0)) + norm,
        "head": 0 if config.tie_word_embeddings else config.vocab_size * width,
    }
    return {name: number for name, number in terms.items() if number or name == "head"}


def count_parameters(config: ModelConfig) -> int:
    return sum(count_terms(config).values())


def flops_per_token(config: ModelConfig, context: int) -> float:
    """Training FLOPs a token: 6 for each parameter that multiplies (the head does, the embedding does not), and
    6 x layers x heads x head_dim x context for causal attention (Chowdhery et al. 2022, appendix B, halved)."""
    terms = count_terms(config)
    multiplying = terms["attention"] + terms["feed-forward"] + config.vocab_size * config.hidden_size
    attention = 6 * config.num_hidden_layers * config.num_attention_heads * config.head_dim * context
    return 6 * multiplying + attention
