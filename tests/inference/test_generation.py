"""Generation: token for token what `transformers` generates, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from pytest import mark, raises
from torch import Tensor

from builders import ScriptedModel, decoder_of, loaded_of, tokenizer_of, transformers_twin
from calame.inference.generate import Completion, complete, stream_ids
from calame.inference.load import in_bf16
from calame.inference.sampling import Sampling
from calame.recipe.errors import UserError

PROMPTS = [[2, 50, 60, 70], [2, 200], [2, 9, 300, 41], [2, 100, 120, 140, 160, 180, 7], [2]]
SHAPES: dict[str, dict[str, Any]] = {
    "grouped": {},
    "untied": {"num_key_value_heads": 4, "tie_word_embeddings": False},
    "qwen3": {"family": "qwen3", "head_dim": 10},
    "gpt2": {"family": "gpt2", "num_key_value_heads": 4},
}
PENALISED = Sampling(limit=40, repetition_penalty=1.3, no_repeat_ngram=2)
SAMPLED = Sampling(temperature=1.2, top_k=40, top_p=0.95, min_p=0.01, seed=3, limit=30)


def theirs(prompts: Sequence[Sequence[int]], sampling: Sampling, cached: bool = True, **shape: Any) -> list[list[int]]:
    """What `transformers` continues prompts of one length with, greedily."""
    out = transformers_twin(decoder_of(**shape)).generate(
        torch.tensor([list(prompt) for prompt in prompts]),
        do_sample=False,
        max_new_tokens=sampling.limit,
        eos_token_id=[3, 5],
        pad_token_id=0,
        use_cache=cached,
        repetition_penalty=sampling.repetition_penalty,
        no_repeat_ngram_size=sampling.no_repeat_ngram,
    )
    return [row.tolist() for row in out[:, len(prompts[0]) :]]


def found_of(completion: Completion, wanted: Sequence[int]) -> bool:
    """Whether a completion is what they generate, whose last id is a stop where it stopped."""
    return list(completion.ids) == wanted[: len(wanted) - completion.stopped] and completion.stopped == (
        wanted[-1] in (3, 5)
    )


@mark.parametrize("cached", (True, False), ids=("their cache", "no cache"))
@mark.parametrize("sampling", (Sampling(limit=40), PENALISED), ids=("plain", "penalised"))
@mark.parametrize("shape", SHAPES)
def test_greedy_generation_equals_transformers(shape: str, sampling: Sampling, cached: bool) -> None:
    loaded = loaded_of(decoder_of(**SHAPES[shape]))
    together = complete(loaded, PROMPTS, sampling)
    for prompt, completion in zip(PROMPTS, together, strict=True):
        (wanted,) = theirs([prompt], sampling, cached, **SHAPES[shape])
        assert [step[0] for step in stream_ids(loaded, [prompt], sampling)] == wanted, "alone"
        assert found_of(completion, wanted), "beside prompts of other lengths"


@mark.parametrize("shape", SHAPES)
def test_their_batch_of_one_length_is_ours(shape: str) -> None:
    prompts = [[2, *range(start, start + 5)] for start in range(10, 250, 30)]
    found = complete(loaded_of(decoder_of(**SHAPES[shape])), prompts, Sampling(limit=30))
    for completion, wanted in zip(found, theirs(prompts, Sampling(limit=30), **SHAPES[shape]), strict=True):
        assert list(completion.ids) == wanted[: len(completion.ids)]
        assert not completion.stopped or wanted[len(completion.ids)] in (3, 5)


@torch.no_grad()
def test_the_cache_changes_nothing() -> None:
    loaded = loaded_of(decoder_of())
    for prompt in PROMPTS:
        ids = list(prompt)
        for (found,) in stream_ids(loaded, [prompt], Sampling(limit=30)):
            wanted = loaded.model.logits(loaded.model(torch.tensor([ids])))[0, -1].argmax().item()
            assert found == wanted
            ids.append(found)


@mark.parametrize("sampling", (Sampling(limit=20), SAMPLED), ids=("greedy", "sampled"))
@mark.parametrize("at_once", (3, 64))
def test_many_prompts_are_completed_as_each_alone(at_once: int, sampling: Sampling) -> None:
    """Rows end at different steps and others take their places."""
    loaded = loaded_of(decoder_of())
    prompts = [[2, *range(n, n + 1 + n % 7)] for n in range(10, 40, 3)]
    together = complete(loaded, prompts, sampling, at_once)
    assert together == [complete(loaded, [prompt], sampling)[0] for prompt in prompts]
    assert len({len(completion.ids) for completion in together}) > 1
    assert any(completion.stopped for completion in together)


def test_the_order_of_prompts_and_steps_one_by_one_change_nothing() -> None:
    loaded = loaded_of(decoder_of())
    found = complete(loaded, PROMPTS, SAMPLED)
    assert complete(loaded, PROMPTS[::-1], SAMPLED)[::-1] == found
    for prompt, completion in zip(PROMPTS, found, strict=True):
        steps = [step[0] for step in stream_ids(loaded, [prompt], SAMPLED)]
        assert list(completion.ids) == steps[: len(steps) - completion.stopped]


def test_equal_prompts_are_sampled_differently_and_each_seed_too() -> None:
    loaded = loaded_of(decoder_of())
    found = complete(loaded, [[2, 50]] * 4, SAMPLED)
    assert len({completion.ids for completion in found}) == 4
    torch.manual_seed(5)  # the global state does not matter
    assert complete(loaded, [[2, 50]] * 4, SAMPLED) == found
    assert complete(loaded, [[2, 50]], replace(SAMPLED, seed=4)) != found[:1]


def test_the_other_type_speaks_too() -> None:
    """Weights, cache and products in bf16: near the fp32 logits, and prompts still do not see each other."""
    loaded = in_bf16(loaded_of(decoder_of(spread=0.5)))
    assert loaded.dtype == torch.bfloat16 and loaded.model.cos.dtype == torch.float32
    together = complete(loaded, PROMPTS, Sampling(limit=10))
    assert together == [complete(loaded, [prompt], Sampling(limit=10))[0] for prompt in PROMPTS]


def test_it_stops_at_both_stop_ids_and_leaves_them_out() -> None:
    for stop in (3, 5):
        loaded = loaded_of(ScriptedModel([[70, 71, stop, 72]]))
        assert list(stream_ids(loaded, [[2, 50]], Sampling(limit=10))) == [[70], [71], [stop]]
        completion = complete(loaded_of(ScriptedModel([[70, 71, stop, 72]])), [[2, 50]], Sampling(limit=10))[0]
        assert (completion.ids, completion.stopped) == ((70, 71), True)
        assert completion.text == tokenizer_of().decode([70, 71])


def test_of_several_each_ends_by_itself() -> None:
    script = [[70, 3, 99, 99], [80, 81, 82, 5], [90, 91, 92, 93]]
    found = complete(loaded_of(ScriptedModel(script)), [[2, 50]] * 3, Sampling(limit=4))
    assert [(c.ids, c.stopped) for c in found] == [
        ((70,), True),
        ((80, 81, 82), True),
        ((90, 91, 92, 93), False),
    ]
    steps = list(stream_ids(loaded_of(ScriptedModel(script[:2])), [[2, 50]] * 2, Sampling(limit=9)))
    assert steps == [[70, 80], [3, 81], [3, 82], [3, 5]], "one that has ended repeats its stop"


def test_it_ends_at_the_limit() -> None:
    loaded = loaded_of(ScriptedModel([[70] * 100]))
    assert len(list(stream_ids(loaded, [[2, 50]], Sampling(limit=7)))) == 7


def test_it_ends_where_the_models_positions_end() -> None:
    for length in (2, 60, 63):
        prompt = [2] + [50] * (length - 1)
        found = list(stream_ids(loaded_of(ScriptedModel([[70]])), [prompt], Sampling(limit=1000)))
        assert length + len(found) == 64


@mark.parametrize("length", (64, 100))
def test_a_prompt_that_leaves_no_room_is_refused(length: int) -> None:
    with raises(UserError, match=f"prompt: {length} tokens") as error:
        list(stream_ids(loaded_of(decoder_of()), [[2] * length], Sampling()))
    assert error.value.problems[0].allowed.startswith("at most 63")


def test_no_prompt_and_no_token_of_one() -> None:
    assert complete(loaded_of(decoder_of()), [], Sampling()) == []
    with raises(UserError, match="prompt: empty"):
        complete(loaded_of(decoder_of()), [[]], Sampling())


@mark.parametrize("token", (-1, 330, 10**6))
def test_tokens_that_the_model_does_not_have_are_refused(token: int) -> None:
    """Else an engine would end for everyone, on a GPU with the whole process."""
    with raises(UserError, match=f"token {token}") as error:
        complete(loaded_of(decoder_of()), [[2, token, 50]], Sampling())
    assert error.value.problems[0].allowed == "0 to 329, the model's vocabulary"


def test_a_stop_string_ends_an_answer_and_is_not_shown() -> None:
    tokenizer = tokenizer_of()
    ids = tokenizer.encode("la mer et le soleil chante")
    loaded = loaded_of(ScriptedModel([[*ids, 5]]))
    (whole,), (cut,) = (complete(loaded, [[2]], Sampling(limit=40), stops=stops) for stops in ((), (" sol", "lune")))
    assert whole.text == "la mer et le soleil chante"
    assert (cut.text, cut.stopped) == ("la mer et le", True)
    assert len(cut.ids) < len(whole.ids)


def test_nothing_is_learnt_while_generating() -> None:
    loaded = loaded_of(decoder_of())
    list(stream_ids(loaded, [[2, 50]], Sampling(limit=3)))
    assert all(parameter.grad is None for parameter in loaded.model.parameters())
    assert isinstance(loaded.model.head, Tensor)
