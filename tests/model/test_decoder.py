"""The decoder: equal to `transformers`' Llama, documents in a row see only themselves, the cache changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pytest import mark
from torch import Tensor

from builders import config_of, decoder_of, transformers_twin
from calame.model.attention import dense_span
from calame.model.cache import Cache
from calame.model.decoder import Decoder
from calame.shards.rows import lay_out

SHAPES: dict[str, dict[str, Any]] = {
    "grouped": {},
    "multi-head": {"num_key_value_heads": 4},
    "one key head": {"num_key_value_heads": 1},
    "untied": {"tie_word_embeddings": False},
    "head_dim of its own": {"head_dim": 10},
    "theta and epsilon": {"rope_theta": 500_000.0, "rms_norm_eps": 1e-3},
}


def random_tokens(rows: int, time: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 330, (rows, time), generator=torch.Generator().manual_seed(seed))


def difference(ours: Tensor, theirs: Tensor) -> float:
    assert theirs.abs().max() > 1, "logits large enough for a difference to show"
    return (ours - theirs).abs().max().item()


@mark.parametrize("name", SHAPES)
@torch.no_grad()
def test_logits_equal_transformers(name: str) -> None:
    model = decoder_of(**SHAPES[name])
    with torch.no_grad():  # norms that are not all ones
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    tokens = random_tokens(3, 64)
    assert difference(model.logits(model(tokens)), transformers_twin(model)(tokens).logits) <= 1e-5


def packed(lengths: list[int], context: int) -> tuple[Tensor, Tensor, Tensor]:
    tokens = random_tokens(1, sum(lengths)).numpy()[0]
    rows = lay_out(tokens, np.array(lengths), context, True)
    return tuple(torch.from_numpy(a).long() for a in (rows.tokens, rows.documents, rows.positions))  # type: ignore[return-value]


@mark.parametrize("shape", ("grouped", "multi-head", "untied"))
@torch.no_grad()
def test_documents_of_a_row_see_only_themselves(shape: str) -> None:
    model, lengths = decoder_of(**SHAPES[shape]), [1, 20, 7, 30, 6]
    tokens, documents, positions = packed(lengths, 64)
    together = model.logits(model(tokens, positions, dense_span(documents)))[0]
    for part, alone in zip(together.split(lengths), tokens[0].split(lengths), strict=True):
        assert difference(part, model.logits(model(alone[None]))[0]) <= 1e-5


@torch.no_grad()
def test_packed_rows_equal_transformers_with_restarting_positions() -> None:
    model = decoder_of()
    tokens, documents, positions = packed([20, 12, 40, 50, 6], 64)
    ours = model.logits(model(tokens, positions, dense_span(documents)))
    for row in range(2):
        theirs = transformers_twin(model)(
            tokens[row : row + 1], position_ids=positions[row : row + 1], use_cache=False
        ).logits[0]
        assert difference(ours[row], theirs) <= 1e-5


@torch.no_grad()
def test_a_changed_document_changes_nothing_elsewhere() -> None:
    model = decoder_of()
    tokens, documents, positions = packed([30, 34], 64)
    before = model(tokens, positions, dense_span(documents))
    tokens[0, :30] = random_tokens(1, 30, seed=5)[0]
    after = model(tokens, positions, dense_span(documents))
    assert torch.equal(before[0, 30:], after[0, 30:])
    assert not torch.allclose(before[0, :30], after[0, :30])


@mark.parametrize("shape", ("grouped", "multi-head"))
@mark.parametrize("prompt", (1, 13))
@torch.no_grad()
def test_a_prompt_and_steps_from_the_cache_equal_the_whole(shape: str, prompt: int) -> None:
    model, tokens = decoder_of(**SHAPES[shape]), random_tokens(2, 30)
    whole = model.logits(model(tokens))
    cache = Cache.empty(model.config, 2, 40, torch.float32, torch.device("cpu"))
    found = [model.logits(model(tokens[:, :prompt], cache=cache))]
    for t in range(prompt, 30):
        found.append(model.logits(model(tokens[:, t : t + 1], torch.full((2, 1), t), cache=cache)))
    assert difference(torch.cat(found, 1), whole) <= 1e-5


@torch.no_grad()
def test_rows_of_a_cache_go_on_from_places_of_their_own() -> None:
    """Prompts of 9 and 4 tokens read together, the shorter filled up; then several tokens of each in one pass."""
    model, tokens = decoder_of(), random_tokens(2, 14)
    cache = Cache.empty(model.config, 3, 20, torch.float32, torch.device("cpu"))
    begun = torch.where(torch.arange(9) < torch.tensor([[9], [4]]), tokens[:, :9], 7)
    model(begun, cache=cache.view(1, 3))
    positions = torch.tensor([[9], [4]]) + torch.arange(5)
    found = model.logits(model(tokens.gather(1, positions), positions, cache=cache.view(1, 3, 14)))
    for row, end in enumerate((14, 9)):
        assert difference(found[row], model.logits(model(tokens[row : row + 1, :end]))[0, -5:]) <= 1e-5
    assert not cache.keys[:, 0].any(), "the other row was left alone"


def test_initialisation_is_the_same_for_a_seed() -> None:
    first, again, other = (Decoder(config_of(tie_word_embeddings=False)) for _ in range(3))
    first.initialise(1)
    torch.manual_seed(99)  # the global state does not matter
    again.initialise(1)
    other.initialise(2)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        if tensor.dim() == 2:
            assert not torch.equal(tensor, other.state_dict()[name])
            assert abs(tensor.std().item() - 0.02) < 0.002
            assert abs(tensor.mean().item()) < 0.002
        else:
            assert (tensor == 1).all()


def test_only_weights_are_saved() -> None:
    names = set(decoder_of().state_dict())
    assert not any("cos" in name or "sin" in name for name in names)
    assert "lm_head.weight" not in names
    assert "lm_head.weight" in decoder_of(tie_word_embeddings=False).state_dict()
