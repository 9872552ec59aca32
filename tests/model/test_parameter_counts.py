"""Parameters and FLOPs in closed form, against instances and against the published counts of four models."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import mark

from builders import config_of, recipe_of
from calame.model.config import ModelConfig, count_parameters, count_terms, flops_per_token
from calame.model.decoder import Decoder


def instantiated(config: ModelConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Decoder(config).parameters())


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    kv_heads = draw(st.integers(1, 4))
    return config_of(
        vocab_size=draw(st.integers(1, 500)),
        hidden_size=draw(st.integers(1, 100)),
        num_hidden_layers=draw(st.integers(1, 4)),
        num_key_value_heads=kv_heads,
        num_attention_heads=kv_heads * draw(st.integers(1, 4)),
        head_dim=2 * draw(st.integers(1, 20)),
        intermediate_size=draw(st.integers(1, 200)),
        tie_word_embeddings=draw(st.booleans()),
    )


@given(configs())
@settings(max_examples=60, deadline=None)
def test_the_closed_form_is_what_an_instance_holds(config: ModelConfig) -> None:
    assert count_parameters(config) == instantiated(config)
    assert sum(count_terms(config).values()) == count_parameters(config)


def shape(vocabulary: int, hidden: int, layers: int, heads: int, kv_heads: int, wide: int, tied: bool) -> ModelConfig:
    return ModelConfig(
        vocabulary, hidden, layers, heads, kv_heads, hidden // heads, wide, 2048, 10_000.0, 1e-5, tied, 0.02
    )


PUBLISHED = {
    "Klovis": (shape(32_005, 768, 14, 12, 4, 3072, True), 145_712_640),
    "RODIN": (shape(64_000, 2048, 22, 16, 16, 5461, True), 1_238_415_360),
    "Gaperon": (shape(128_256, 2048, 16, 32, 8, 8192, False), 1_498_482_688),
    "Gaperon, tied": (shape(128_256, 2048, 16, 32, 8, 8192, True), 1_235_814_400),
}


@mark.parametrize("name", PUBLISHED)
def test_published_shapes_have_their_published_counts(name: str) -> None:
    config, parameters = PUBLISHED[name]
    assert count_parameters(config) == parameters
    assert instantiated(config) == parameters


def test_flops_are_those_of_the_multiplications() -> None:
    """Counted matrix by matrix: 2 a weight forward, 4 backward; causal attention sees half of the context."""
    config, context = config_of(), 64
    weights = 0
    model = Decoder(config)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and name != "embed_tokens.weight":
            weights += parameter.numel()
    weights += config.vocab_size * config.hidden_size  # the tied head multiplies too
    scores_and_values = 2 * 2 * config.num_attention_heads * config.head_dim * context / 2
    assert flops_per_token(config, context) == 6 * weights + 3 * config.num_hidden_layers * scores_and_values


def test_a_recipe_gives_the_configuration_with_the_tokenizers_vocabulary() -> None:
    config = ModelConfig.from_recipe(recipe_of().model, 330)
    assert config == config_of(max_position_embeddings=64)
    assert ModelConfig.from_json(config.to_json()) == config
