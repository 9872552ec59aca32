"""What a model is made of, in numbers: parameters by term with their formulas, FLOPs of a run, memory of its state."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from calame.model.config import ModelConfig, count_parameters, count_terms, flops_per_token
from calame.model.decoder import Decoder
from calame.recipe.schema import Pretrain, Published
from calame.recipe.units import say_count

BYTES = {"fp32": 4.0, "bf16": 2.0, "int8": 1 + 4 / 256}  # of a number; int8 has a scale for each block of 256
IN_BF16 = ("bf16-rounded", "bf16-scaled")  # precisions whose matrices are kept in bf16


def parameter_table(config: ModelConfig, published: Published | None) -> Iterator[str]:
    """Every term of the closed form, the sum, and how far a published count is from it. The sum is checked against an
    instance on the meta device, which takes no memory."""
    terms, written = count_terms(config), formulas(config)
    total = sum(terms.values())
    held = instance_parameters(config)
    assert held == total, f"the closed form says {total:,}, an instance holds {held:,}"
    for name, number in terms.items():
        yield _line(name, number, written[name])
    yield _line("sum", total, "each held once; an instance on the meta device holds as many")
    again, said = other_accounting(config)
    yield _line("", again, said)
    if published and published.parameters:
        claim = published.parameters
        yield _line("published", claim, published.note)
        yield _line("", total - claim, f"the sum differs by {total / claim - 1:+.2%}; {said} {again / claim - 1:+.2%}")


def other_accounting(config: ModelConfig) -> tuple[int, str]:
    """The count under the other way of counting the head, and that way in words."""
    matrix = config.vocab_size * config.hidden_size
    if config.tie_word_embeddings:
        return count_parameters(config) + matrix, "with the tied head counted again"
    return count_parameters(config) - matrix, "if the head were tied"


def instance_parameters(config: ModelConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Decoder(config).parameters())


def formulas(config: ModelConfig) -> dict[str, str]:
    """The terms of `count_terms` written out."""
    width, layers, inner = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
    maps = 3 if config.parts.gated else 2
    norm = 1 if config.parts.rms else 2  # a LayerNorm has a bias too
    per_head = f" + {layers} x 2 x {config.head_dim}" if config.parts.normed_keys else ""
    return {
        "embedding": f"{config.vocab_size} x {width}",
        "positions": f"{config.max_position_embeddings} x {width}",
        "attention": f"{layers} x (2 x {width} x {queries} + 2 x {width} x {keys})",
        "feed-forward": f"{layers} x {maps} x {width} x {inner}",
        "biases": f"{layers} x ({queries} + 2 x {keys} + {(maps - 1) * inner} + 2 x {width})",
        "norms": f"{2 * layers + 1} x {norm * width}{per_head}",
        "head": "tied to the embedding" if config.tie_word_embeddings else f"{config.vocab_size} x {width}",
    }


def run_table(config: ModelConfig, pretrain: Pretrain) -> Iterator[str]:
    """Tokens, steps and FLOPs of the pretraining, and what its state takes in memory."""
    timeline = pretrain.timeline
    steps = timeline.steps(pretrain.tokens)
    end = timeline.position(steps)
    yield _line("tokens", end, f"{steps:,} steps, {say_count(end / count_parameters(config))} tokens a parameter")
    flops = 0.0
    for begin, after in timeline.cuts(0, end):
        segment = timeline.at(begin)
        each = flops_per_token(config, segment.context)
        flops += each * (after - begin)
        where = f"from {say_count(begin)} tokens on, " if begin else ""
        rows = f"{where}context {segment.context:,}, {segment.batch // segment.context:,} rows a step"
        yield f"  {'FLOPs a token':<14} {each:>16.3g}   {rows}"
    yield f"  {'FLOPs':<14} {flops:>16.3g}   6 a multiplying parameter and token, and causal attention"
    state = state_memory(config, pretrain)
    for name, size in state.items():
        yield f"  {name:<14} {size / 2**30:>12.2f} GiB"
    yield f"  {'state':<14} {sum(state.values()) / 2**30:>12.2f} GiB   without activations, which the micro-batch sets"


def state_memory(config: ModelConfig, pretrain: Pretrain) -> dict[str, int]:
    """Bytes of what a run holds from step to step: AdamW keeps two moments of each weight, Muon one of the blocks'
    matrices, in fp32."""
    terms, total = count_terms(config), count_parameters(config)
    weight, moment = (
        BYTES["bf16" if pretrain.precision in IN_BF16 else "fp32"],
        BYTES[pretrain.optimizer.state or "fp32"],
    )
    matrices = terms["attention"] + terms["feed-forward"] if pretrain.optimizer.name == "muon" else 0
    return {
        "weights": round(weight * total),
        "gradients": round(weight * total),
        "moments": round(moment * 2 * (total - matrices) + BYTES["fp32"] * matrices),
    }


def _line(name: str, number: int, words: str) -> str:
    return f"  {name:<14} {number:>16,}   {words}".rstrip()
