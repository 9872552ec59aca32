"""Read conversations: rows with `messages: [{role, content}]`. What cannot be used is set aside and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from calame.corpus import petit_monde
from calame.corpus.files import find_files
from calame.corpus.readers.kinds import read_rows
from calame.recipe.errors import refuse
from calame.recipe.schema import Conversations
from calame.tokenizer.policy import ROLES

KINDS = (".jsonl", ".jsonl.zst", ".jsonl.gz", ".parquet")


@dataclass(frozen=True)
class Conversation:
    """Messages in order, each {"role": system|user|assistant, "content": text}; at least one of the assistant's."""

    messages: tuple[dict[str, str], ...]
    source: str


@dataclass(frozen=True)
class Unusable:
    place: str
    reason: str


def read_conversations(
    name: str, keys: Conversations, languages: Sequence[str], seed: int
) -> Iterator[Conversation | Unusable]:
    """The conversations of one source. Raises `UserError` where there is nothing to read."""
    count = 0
    for place, values, fault in _rows(name, keys, languages, seed):
        if count == keys.limit:
            return
        reason = fault or fault_of(values)
        if reason:
            yield Unusable(place, reason)
        else:
            count += 1
            messages = tuple({"role": m["role"], "content": m["content"]} for m in values["messages"])
            yield Conversation(messages, name)


def _rows(
    name: str, keys: Conversations, languages: Sequence[str], seed: int
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(place, values, fault) of each row."""
    where = f"sft.conversations.{name}"
    if keys.location == "builtin:petit-monde":
        own_seed = seed if keys.seed is None else keys.seed
        rows = petit_monde.rows("dialogues", seed=own_seed, size=keys.size or 0, languages=languages)
        yield from ((f"petit-monde:{number}", row, "") for number, row in enumerate(rows))
    elif keys.location.startswith("hub:"):
        raise refuse(
            f"{where}.from",
            "conversations of the hub are not read yet",
            "a file or folder, builtin:petit-monde, own-text",
            "download them first",
        )
    else:
        for path in find_files(keys.location, (), f"{where}.from", KINDS):
            for row in read_rows(path):
                yield row.place, row.values or {}, row.fault


def fault_of(values: dict[str, Any]) -> str:
    """Why a row is no conversation to learn from, or an empty string."""
    messages = values.get("messages")
    if messages == []:
        return "no message in it"
    if not isinstance(messages, list):
        return f"no list of messages (its columns: {', '.join(map(str, values)) or 'none'})"
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return "a message without text"
        if message.get("role") not in ROLES:
            return f"role {message.get('role')!r} is none of {', '.join(ROLES)}"
        if not message["content"].strip():
            return "an empty message"
        if not _is_unicode(message["content"]):
            return "not Unicode text (lone surrogates)"
    if not any(message["role"] == "assistant" for message in messages):
        return "the assistant says nothing"
    return ""


def _is_unicode(text: str) -> bool:
    """JSON can spell halves of characters (lone surrogates), which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
