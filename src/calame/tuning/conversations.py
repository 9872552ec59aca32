"""Read sets of conversations. What cannot be used is set aside with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from calame.corpus.readers.row import Row
from calame.recipe.tuning import Conversations, Words
from calame.tokenizer.policy import ROLES
from calame.tuning.formats import detect, messages_in
from calame.tuning.messages import Conversation, Unusable, to_conversation
from calame.tuning.rows import license_of, rows_of, sample_of, up_to, with_format, without_format
from calame.tuning.trees import best_branch, plant


def read_conversations(
    name: str, keys: Conversations, languages: Sequence[str], seed: int, roles: Sequence[str] = ROLES
) -> Iterator[Conversation | Unusable]:
    """The conversations of one set. roles: those that the chat format can write. Raises `UserError` where there is
    nothing to read, or no such column."""
    rows = rows_of(f"sft.conversations.{name}", keys, "dialogues", languages, seed)
    return up_to(keys.limit, _conversations(name, keys, rows, roles))


def _conversations(
    name: str, keys: Conversations, rows: Iterator[Row | Unusable], roles: Sequence[str]
) -> Iterator[Conversation | Unusable]:
    items = with_format(name, keys.format, rows, detect)
    for item in items:
        if isinstance(item, Unusable):
            yield item
        elif item[1] == "tree":  # a tree is whole once all its rows are read
            yield from _trees(name, keys, without_format(chain([item], items)), roles)
        else:
            yield from _of_row(name, keys, *item, roles)


def _of_row(
    name: str, keys: Conversations, row: Row, kind: str, roles: Sequence[str]
) -> Iterator[Conversation | Unusable]:
    assert row.values is not None
    license_, sample = license_of(keys, row.values), sample_of(row.values)
    try:
        for messages in messages_in(row.values, kind, keys):
            yield _made(name, keys, messages, row.place, license_, sample, roles)
    except ValueError as fault:
        yield Unusable(row.place, str(fault), sample)


def _trees(
    name: str, keys: Conversations, rows: Iterator[Row | Unusable], roles: Sequence[str]
) -> Iterator[Conversation | Unusable]:
    """The best branch of each tree."""
    for item in plant(rows):
        if isinstance(item, Unusable):
            yield item
        else:
            license_, sample = license_of(keys, item.values), sample_of(item.values)
            yield _made(name, keys, best_branch(item), item.place, license_, sample, roles)


def _made(
    name: str, keys: Conversations, messages: object, place: str, license_: str, sample: str, roles: Sequence[str]
) -> Conversation | Unusable:
    try:
        conversation = to_conversation(messages, name, place, license_, roles, tools=keys.tools == "keep")
    except ValueError as fault:
        return Unusable(place, str(fault), sample)
    reason = length_fault(conversation, keys.answers)
    return Unusable(place, reason, sample) if reason else conversation


def length_fault(conversation: Conversation, wanted: Words) -> str:
    """Which limit an answer of a conversation breaks, or an empty string."""
    words = [len(answer.split()) for answer in conversation.learnt]
    if wanted.least and min(words) < wanted.least:
        return f"an answer of less than {wanted.least} words"
    if wanted.most and max(words) > wanted.most:
        return f"an answer of more than {wanted.most} words"
    return ""
