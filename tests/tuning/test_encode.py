"""What is learnt of a conversation: exactly what the assistant says, end token included, in every turn that fits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import mark

from builders import tokenizer_of
from calame.shards.rows import IGNORE
from calame.tokenizer.policy import ROLES
from calame.tuning.encode import encode
from calame.tuning.messages import Conversation

THREE_TURNS = (
    {"role": "system", "content": "Sois bref."},
    {"role": "user", "content": "Où est la mer ?"},
    {"role": "assistant", "content": "La mer chante."},
    {"role": "user", "content": "Et la lune ?"},
    {"role": "assistant", "content": "12"},
    {"role": "user", "content": "Une pomme ?"},
    {"role": "assistant", "content": "  L'enfant la mange.\n"},
)


def conversation(*turns: tuple[str, str]) -> Conversation:
    return Conversation(tuple({"role": role, "content": content} for role, content in turns), "a")


@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
def test_exactly_what_the_assistant_says_is_learnt(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    example = encode(Conversation(THREE_TURNS, "a"), tokenizer, 10_000)
    assert example is not None
    assert example.cut == 0
    assert example.tokens.tolist() == tokenizer.chat(THREE_TURNS, answer_next=False)
    answers = [message["content"].strip() for message in THREE_TURNS if message["role"] == "assistant"]
    wanted = [[*tokenizer.encode(answer), tokenizer.special.turn_end] for answer in answers]
    learnt = np.flatnonzero(example.targets != IGNORE)
    runs = np.split(learnt, np.flatnonzero(np.diff(learnt) > 1) + 1)
    assert [example.targets[run].tolist() for run in runs] == wanted, "in one piece each, first token and end included"
    header = [tokenizer.special.turn_start, *tokenizer.encode("assistant\n")]
    for run in runs:
        assert example.tokens[run[0] - len(header) + 1 : run[0] + 1].tolist() == header
        assert np.array_equal(example.targets[run], example.tokens[run + 1])


def test_each_answer_is_asked_after_what_generation_will_see() -> None:
    """Up to an answer's first target, the tokens are those of the prompt at inference."""
    tokenizer = tokenizer_of()
    example = encode(Conversation(THREE_TURNS, "a"), tokenizer, 10_000)
    assert example is not None
    for turn in (2, 4, 6):
        prompt = tokenizer.chat(THREE_TURNS[:turn])
        assert example.tokens[: len(prompt)].tolist() == prompt
        assert example.targets[len(prompt) - 1] == example.tokens[len(prompt)] != IGNORE


turns = st.lists(
    st.tuples(st.sampled_from(ROLES), st.text("abc é🙂\n", min_size=1, max_size=20)), min_size=1, max_size=7
)


@given(turns=turns, context=st.integers(1, 160))
@settings(max_examples=200, deadline=None)
def test_it_is_cut_at_a_turn_and_never_within_an_answer(turns: list[tuple[str, str]], context: int) -> None:
    tokenizer, whole = tokenizer_of(), conversation(*turns)
    answers = [number for number, (role, _) in enumerate(turns, 1) if role == "assistant"]
    lengths = {
        number: len(tokenizer.chat(whole.messages[:number], answer_next=False)) for number in range(len(turns) + 1)
    }
    fitting = [number for number in answers if lengths[number] <= context]
    example = encode(whole, tokenizer, context)
    if not fitting:
        assert example is None
        return
    assert example is not None
    kept = whole.messages[: fitting[-1]]
    assert example.tokens.tolist() == tokenizer.chat(kept, answer_next=False)
    assert len(example.tokens) <= context
    asked = sum(len(tokenizer.turn(m)[1]) for m in kept if m["role"] == "assistant")
    assert (example.targets != IGNORE).sum() == asked
    assert example.cut == (0 if lengths[len(turns)] <= context else len(turns) - fitting[-1])


def test_users_and_systems_are_never_learnt() -> None:
    assert encode(conversation(("system", "a"), ("user", "b")), tokenizer_of(), 100) is None


def test_a_silent_answer_is_read_and_not_learnt() -> None:
    tokenizer = tokenizer_of()
    whole = encode(Conversation(THREE_TURNS, "a"), tokenizer, 10_000)
    silent = encode(Conversation(THREE_TURNS, "a", silent=frozenset({2, 4})), tokenizer, 10_000)
    assert whole is not None and silent is not None
    assert silent.tokens.tolist() == whole.tokens.tolist()
    assert silent.learnt == len(tokenizer.turn(THREE_TURNS[6])[1]) < whole.learnt
    last = len(tokenizer.chat(THREE_TURNS[:6])) - 1
    assert np.array_equal(silent.targets[last:], whole.targets[last:])
