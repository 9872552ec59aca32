"""Generation: token for token what `transformers` generates, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytest import mark, raises
from torch import Tensor

from builders import ScriptedModel, decoder_of, loaded_of, tokenizer_of, transformers_twin
from calame.inference.generate import Sampling, complete, stream_ids
from calame.recipe.errors import UserError

PROMPTS = [[2, 50, 60, 70], [2, 200], [2, 9, 300, 41], [2, 100, 120, 140, 160, 180, 7]]


def greedily(prompt: Sequence[int], new: int, cached: bool, **shape: Any) -> list[int]:
    theirs = transformers_twin(decoder_of(**shape))
    out = theirs.generate(  # type: ignore[operator]
        torch.tensor([list(prompt)]),
        do_sample=False,
        max_new_tokens=new,
        eos_token_id=[3, 5],
        pad_token_id=0,
        use_cache=cached,
    )
    return out[0, len(prompt) :].tolist()


@mark.parametrize("cached", (True, False), ids=("their cache", "no cache"))
@mark.parametrize("shape", ({}, {"num_key_value_heads": 4, "tie_word_embeddings": False}), ids=("grouped", "untied"))
def test_greedy_generation_equals_transformers(shape: dict[str, Any], cached: bool) -> None:
    loaded = loaded_of(decoder_of(**shape))
    for prompt in PROMPTS:
        found = [step[0] for step in stream_ids(loaded, [prompt], Sampling(limit=40))]
        assert found == greedily(prompt, 40, cached, **shape)


@torch.no_grad()
def test_the_cache_changes_nothing() -> None:
    loaded = loaded_of(decoder_of())
    for prompt in PROMPTS:
        ids = list(prompt)
        for (found,) in stream_ids(loaded, [prompt], Sampling(limit=30)):
            wanted = loaded.model.logits(loaded.model(torch.tensor([ids])))[0, -1].argmax().item()
            assert found == wanted
            ids.append(found)


@mark.parametrize("at_once", (1, 2, 64))
def test_many_prompts_are_completed_as_each_alone(at_once: int) -> None:
    loaded = loaded_of(decoder_of())
    prompts = [*PROMPTS, *PROMPTS[::-1]]
    together = complete(loaded, prompts, Sampling(limit=20), at_once)
    assert together == [complete(loaded, [prompt], Sampling(limit=20))[0] for prompt in prompts]
    for completion, prompt in zip(together, prompts, strict=True):
        wanted = greedily(prompt, 20, True)
        assert completion.stopped == (wanted[-1] in (3, 5))
        assert list(completion.ids) == wanted[: len(wanted) - completion.stopped]
    assert any(completion.stopped for completion in together)


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


@mark.parametrize(
    ("wrong", "name"),
    (({"temperature": -1}, "temperature"), ({"top_k": -1}, "top_k"), ({"top_p": 0}, "top_p"), ({"limit": 0}, "limit")),
)
def test_values_without_meaning_are_refused(wrong: dict[str, Any], name: str) -> None:
    with raises(UserError, match=f"^{name}: "):
        list(stream_ids(loaded_of(decoder_of()), [[2]], Sampling(**wrong)))


def test_nothing_is_learnt_while_generating() -> None:
    loaded = loaded_of(decoder_of())
    list(stream_ids(loaded, [[2, 50]], Sampling(limit=3)))
    assert all(parameter.grad is None for parameter in loaded.model.parameters())
    assert isinstance(loaded.model.head, Tensor)
