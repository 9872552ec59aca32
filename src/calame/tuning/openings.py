"""Conversations up to where the assistant is to answer: rows of a prompt, or of whole conversations less their last
answer. What cannot be used is set aside with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.recipe.tuning import Conversations
from calame.tokenizer.policy import ASSISTANT
from calame.tuning.formats import detect, messages_in
from calame.tuning.messages import ROLE_OF, Unusable, to_conversation
from calame.tuning.pairs import prompt_of
from calame.tuning.rows import rows_of, sample_of

NO_LANGUAGE = "no language in its column language, and none by --language"
NO_PROMPT = "neither a prompt nor a conversation in it"
TWICE = "a prompt that came before"


@dataclass(frozen=True)
class Opening:
    """Messages in our spelling, the last of them the user's, and their language."""

    messages: tuple[dict[str, str], ...]
    language: str


def read_openings(path: Path, language: str | None, roles: Sequence[str]) -> Iterator[Opening | Unusable]:
    """The openings of a file, each once. language: of rows that name none; roles: those that the chat format can
    write."""
    keys = Conversations.model_validate({"from": str(path)})
    seen = set()
    for row in rows_of("--prompts", keys, "dialogues", (), 0):
        if isinstance(row, Unusable):
            yield row
            continue
        assert row.values is not None
        sample = sample_of(row.values)
        spoken = row.values.get("language") or row.values.get("lang") or language
        try:
            messages = _messages(row.values, keys, row.place, roles)
        except ValueError as fault:
            yield Unusable(row.place, str(fault), sample)
            continue
        key = tuple((message["role"], message["content"]) for message in messages)
        if not isinstance(spoken, str):
            yield Unusable(row.place, NO_LANGUAGE, sample)
        elif key in seen:
            yield Unusable(row.place, TWICE, sample)
        else:
            seen.add(key)
            yield Opening(messages, spoken)


def _messages(
    values: Mapping[str, Any], keys: Conversations, place: str, roles: Sequence[str]
) -> tuple[dict[str, str], ...]:
    """What an answer would make a conversation of. Raises `ValueError` saying why the row holds no such thing."""
    kind = detect(values)
    if kind == "tree":
        raise ValueError("a message of a tree, and no whole conversation")
    asked = prompt_of(values) if kind is None else next(messages_in(values, kind, keys))
    if not asked:
        raise ValueError(NO_PROMPT)
    last = asked[-1]
    role = last.get("role", last.get("from")) if isinstance(last, Mapping) else None
    before = asked[:-1] if ROLE_OF.get(str(role).lower()) == ASSISTANT else asked
    answered = [*before, {"role": ASSISTANT, "content": "any"}]  # checked as dpo will read it, with an answer
    return to_conversation(answered, "--prompts", place, roles=roles).messages[:-1]
