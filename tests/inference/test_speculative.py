"""Speculative decoding: whatever the draft proposes, the answer is the model's own, token for token."""

from __future__ import annotations

from typing import Any

from pytest import mark, raises

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.batch import Batch
from calame.inference.generate import complete, run
from calame.inference.load import Loaded
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.recipe.errors import UserError

PROMPTS = [[2, 50, 60, 70], [2, 200], [2, 9, 300, 41], [2], [2, 100, 120, 140, 160, 180, 7], [2] + [40] * 50]
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"family": "qwen3", "head_dim": 10},
    "gpt2": {"family": "gpt2", "num_key_value_heads": 4},
}
SAMPLINGS = {
    "greedy": Sampling(limit=40),
    "sampled": Sampling(0.7, top_k=20, top_p=0.95, seed=1, limit=40),
    "penalised": Sampling(limit=40, repetition_penalty=1.2, no_repeat_ngram=3),
}


def speculate(loaded: Loaded, draft: Loaded, sampling: Sampling, ahead: int) -> tuple[list[Request], Batch]:
    requests = [Request.of(loaded, prompt, sampling) for prompt in PROMPTS]
    batch = Batch(loaded, 4, loaded.model.config.max_position_embeddings, draft, ahead)
    for _ in run(batch, requests):
        pass
    return requests, batch


@mark.parametrize("ahead", (1, 4))
@mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_answer_is_the_models_own(shape: dict[str, Any], sampling: Sampling, ahead: int) -> None:
    """Drafts: its own first layer, which is often right, and another model, which is not; rows come and go, and one
    ends where the positions do."""
    loaded = loaded_of(decoder_of(**shape))
    wanted = [list(completion.ids) for completion in complete(loaded, PROMPTS, sampling)]
    first_layer = decoder_of(num_hidden_layers=1, **shape)
    first_layer.load_state_dict(loaded.model.state_dict(), strict=False)
    for draft in (first_layer, decoder_of(5, **shape)):
        requests, batch = speculate(loaded, loaded_of(draft), sampling, ahead)
        assert [request.said for request in requests] == wanted
        assert 0 <= batch.accepted < batch.proposed


@mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_a_draft_that_is_the_model_is_always_right(sampling: Sampling) -> None:
    """Then each pass gives `ahead` + 1 tokens: every pass but those at an end counts in full."""
    loaded = loaded_of(decoder_of())
    (request,), batch = alone(loaded, sampling)
    passes = -(-(len(request.ids) - 1) // 5)
    assert batch.proposed == 4 * passes
    assert batch.accepted == len(request.ids) - 1 - passes or request.stopped


def alone(loaded: Loaded, sampling: Sampling) -> tuple[list[Request], Batch]:
    requests = [Request.of(loaded, [2, 9, 300, 41], sampling)]
    batch = Batch(loaded, 1, 64, loaded, 4)
    for _ in run(batch, requests):
        pass
    return requests, batch


def test_a_draft_that_cannot_serve_is_refused() -> None:
    loaded = loaded_of(decoder_of())
    with raises(UserError, match="another tokenizer"):
        Batch(loaded, 1, 64, loaded_of(decoder_of(), tokenizer_of("sentencepiece-bpe")))
    with raises(UserError, match="32 positions"):
        Batch(loaded, 1, 64, loaded_of(decoder_of(max_position_embeddings=32)))
