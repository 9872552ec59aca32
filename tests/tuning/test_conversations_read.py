"""Reading conversations: rows of files, what is unusable and why, limits, and the embedded world."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, mark, raises

from calame.corpus import petit_monde
from calame.recipe.errors import UserError
from calame.recipe.schema import Conversations
from calame.tuning.conversations import Conversation, Unusable, fault_of, read_conversations

GOOD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "name": "x"}]}


def said(role: Any, content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "a"}, {"role": role, "content": content}]}


@mark.parametrize(
    ("row", "fault"),
    (
        (GOOD, ""),
        ({"messages": [{"role": "assistant", "content": "b"}]}, ""),
        ({}, "no list of messages (its columns: none)"),
        ({"text": "a", "id": 3}, "no list of messages (its columns: text, id)"),
        ({"messages": []}, "no message in it"),
        ({"messages": "a: b"}, "no list of messages"),
        ({"messages": ["a", "b"]}, "a message without text"),
        ({"messages": [None]}, "a message without text"),
        (said("assistant", None), "a message without text"),
        (said("assistant", ["b"]), "a message without text"),
        ({"messages": [{"role": "assistant"}]}, "a message without text"),
        (said("gpt", "b"), "role 'gpt' is none of system, user, assistant"),
        (said(["assistant"], "b"), "is none of"),
        (said(None, "b"), "role None is none of"),
        (said("assistant", " \n "), "an empty message"),
        (said("assistant", "half \ud83d"), "not Unicode text"),
        (said("user", "b"), "the assistant says nothing"),
    ),
)
def test_why_a_row_is_no_conversation(row: dict[str, Any], fault: str) -> None:
    found = fault_of(row)
    assert found.startswith(fault) or fault in found
    assert bool(found) == bool(fault)


def read(path: Path, **keys: Any) -> list[Conversation | Unusable]:
    return list(read_conversations("a", Conversations.model_validate({"from": str(path), **keys}), ["fr"], 1))


def test_rows_are_read_in_order_and_the_unusable_named_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    rows = [json.dumps(GOOD), "{broken", json.dumps(said("gpt", "b")), json.dumps(said("assistant", "c"))]
    path.write_text("\n".join(rows) + "\n")
    found = read(path)
    assert [type(item) for item in found] == [Conversation, Unusable, Unusable, Conversation]
    first, broken, stranger, last = found
    assert isinstance(first, Conversation) and isinstance(last, Conversation)
    assert first.messages == ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
    assert isinstance(broken, Unusable) and isinstance(stranger, Unusable)
    assert (broken.place, stranger.place) == ("talks.jsonl:2", "talks.jsonl:3")
    assert "broken line" in broken.reason


def test_a_limit_counts_what_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [said("gpt", "b"), GOOD, GOOD, GOOD]))
    assert [type(item) for item in read(path, limit=2)] == [Unusable, Conversation, Conversation]


def test_what_is_not_there_is_refused_by_its_key(tmp_path: Path) -> None:
    with raises(UserError, match=r"^sft\.conversations\.a\.from: "):
        read(tmp_path / "nowhere")
    with raises(UserError, match="hub"):
        list(read_conversations("a", Conversations.model_validate({"from": "hub:some/set"}), ["fr"], 1))


@mark.parametrize(("own", "seed"), ((None, 7), (3, 3)))
def test_the_embedded_world_is_asked_with_its_seed(own: int | None, seed: int, monkeypatch: MonkeyPatch) -> None:
    asked: list[Any] = []

    def rows(part: str, **how: Any) -> Iterator[dict[str, Any]]:
        asked.append((part, how))
        return iter([GOOD])

    monkeypatch.setattr(petit_monde, "rows", rows)
    keys = Conversations.model_validate({"from": "builtin:petit-monde", "size": 1000, "seed": own})
    found = list(read_conversations("a", keys, ["fr", "it"], 7))
    assert [type(item) for item in found] == [Conversation]
    assert asked == [("dialogues", {"seed": seed, "size": 1000, "languages": ["fr", "it"]})]
