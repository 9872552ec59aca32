"""Reading conversations: formats by their columns, roles by a table, what is unusable and why, filters, limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, mark, raises

from calame.corpus import petit_monde
from calame.recipe.errors import UserError
from calame.recipe.tuning import Conversations
from calame.tokenizer.policy import CHATML
from calame.tuning import rows as rows_
from calame.tuning.conversations import read_conversations
from calame.tuning.messages import Conversation, Unusable, to_conversation

GOOD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "name": "x"}]}
SAID = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
TOOLS = [
    {"role": "user", "content": "a"},
    CALL,
    {"role": "tool", "content": "12"},
    {"role": "assistant", "content": "b"},
]


def said(role: Any, content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "a"}, {"role": role, "content": content}]


def turns(*roles: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": role} for role in roles]


@mark.parametrize(
    ("messages", "fault"),
    (
        (None, "no list of messages"),
        ("a: b", "no list of messages"),
        ([], "no message in it"),
        (["a", "b"], "a message without text"),
        ([None], "a message without text"),
        (said("assistant", None), "a message without text"),
        (said("assistant", ["b"]), "a message without text"),
        ([{"role": "user", "content": "a"}, {"role": "assistant"}], "a message without text"),
        (said("narrator", "b"), "unknown role 'narrator'"),
        (said(["assistant"], "b"), "unknown role ['assistant']"),
        (said(None, "b"), "unknown role None"),
        (said("assistant", " \n "), "an empty message"),
        (said("assistant", "half \ud83d"), "not Unicode text (lone surrogates)"),
        (turns("user"), "the assistant says nothing"),
        (turns("assistant"), "roles out of order: assistant first"),
        (turns("user", "user", "assistant"), "roles out of order: user after user"),
        (turns("user", "assistant", "assistant"), "roles out of order: assistant after assistant"),
        (turns("user", "system", "assistant"), "roles out of order: system after user"),
        (turns("system", "assistant"), "roles out of order: assistant after system"),
        (TOOLS, "it calls tools"),
        ([SAID[0], {**SAID[1], "weight": 0}], "the assistant says nothing that is to be learnt"),
    ),
)
def test_why_messages_are_no_conversation(messages: Any, fault: str) -> None:
    with raises(ValueError) as refused:
        to_conversation(messages, "s")
    assert str(refused.value) == fault


@mark.parametrize("spelled", ({"from": "human"}, {"role": "User"}, {"role": "prompter"}))
@mark.parametrize("answering", ({"from": "gpt"}, {"role": "ASSISTANT"}, {"role": "bot"}))
@mark.parametrize("text", ("content", "text", "value"))
def test_roles_and_texts_of_any_spelling_are_ours(spelled: dict, answering: dict, text: str) -> None:
    found = to_conversation([{**spelled, text: "a"}, {**answering, text: "b"}], "s")
    assert found.messages == SAID and not found.silent


def test_tools_are_kept_unlearnt_where_that_is_asked_for() -> None:
    found = to_conversation(TOOLS, "s", roles=CHATML.roles, tools=True)
    assert [m["role"] for m in found.messages] == ["user", "assistant", "tool", "assistant"]
    assert found.silent == {1} and found.learnt == ["b"]
    assert json.loads(found.messages[1]["content"]) == CALL["tool_calls"]
    with raises(ValueError, match="role 'tool' is none of the chat format's"):
        to_conversation(TOOLS, "s", tools=True)


def test_parts_of_text_are_joined_and_weight_0_is_silent() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [said("user", "")[0], {"role": "assistant", "content": parts, "weight": 0}, *SAID]
    found = to_conversation(messages, "s")
    assert found.messages[1]["content"] == "a\nb" and found.silent == {1}


def read(path: Path, **keys: Any) -> list[Conversation | Unusable]:
    return list(read_conversations("a", Conversations.model_validate({"from": str(path), **keys}), ["fr"], 1))


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def talks(found: list[Conversation | Unusable]) -> list[tuple[str, ...]]:
    return [tuple(m["content"] for m in item.messages) for item in found if isinstance(item, Conversation)]


@mark.parametrize(
    ("row", "wanted"),
    (
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, ("a", "b")),
        ({"conversation": [{"role": "user", "text": "a"}, {"role": "assistant", "text": "b"}]}, ("a", "b")),
        ({"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, "sab"),
        ({"instruction": "a", "input": "", "output": "b"}, ("a", "b")),
        ({"instruction": "a", "input": "i", "output": "b"}, ("a\n\ni", "b")),
        ({"instruction": "a", "response": "b"}, ("a", "b")),
        ({"instruction": "a", "instances": [{"input": "i", "output": "b"}]}, ("a\n\ni", "b")),
        (
            {"question": "a", "answers": {"x": "un", "y": "deux"}, "correct_answers": ["y"]},
            ("a\nx) un\ny) deux", "y) deux"),
        ),
        ({"user": "a", "assistant": "b"}, ("a", "b")),
        ({"prompt": "a", "answer": "b"}, ("a", "b")),
        ({"question": "a", "answer": "b", "system_prompt": "s"}, ("s", "a", "b")),
    ),
)
def test_rows_of_every_format_are_found_out_by_their_columns(row: dict, wanted: Any, tmp_path: Path) -> None:
    assert talks(read(write(tmp_path / "r.jsonl", [row]))) == [tuple(wanted)]


def test_any_two_columns_are_a_question_and_an_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", [{"q": "a", "r": "b"}, {"q": "c"}])
    assert all(isinstance(item, Unusable) for item in read(path))
    found = read(path, format="flat", user="q", assistant="r")
    assert talks(found) == [("a", "b")] and isinstance(found[1], Unusable)


def test_a_declared_format_is_taken(tmp_path: Path) -> None:
    both = {"messages": GOOD["messages"], "instruction": "c", "output": "d"}
    path = write(tmp_path / "r.jsonl", [both])
    assert talks(read(path)) == [("a", "b")]
    assert talks(read(path, format="alpaca")) == [("c", "d")]


def test_json_lists_and_csv_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps([{"instruction": "a", "output": "b"}, "odd"]))
    (tmp_path / "r.csv").write_text("question,answer\na,b\n")
    first = read(tmp_path / "r.json")
    assert talks(first) == [("a", "b")] and isinstance(first[1], Unusable) and first[1].place == "r.json:2"
    assert talks(read(tmp_path / "r.csv")) == [("a", "b")]
    (tmp_path / "bad.json").write_text('{"a": 1}')
    assert [type(item) for item in read(tmp_path / "bad.json")] == [Unusable]


def test_rows_are_read_in_order_and_the_unusable_named_by_their_place(tmp_path: Path) -> None:
    bad = {"messages": said("narrator", "b")}
    found = read(write(tmp_path / "talks.jsonl", [GOOD, "{broken", bad, {"messages": said("assistant", "c")}]))
    assert [type(item) for item in found] == [Conversation, Unusable, Unusable, Conversation]
    first, broken, stranger, last = found
    assert isinstance(first, Conversation) and isinstance(last, Conversation)
    assert (first.messages, first.place, last.place) == (SAID, "talks.jsonl:1", "talks.jsonl:4")
    assert isinstance(broken, Unusable) and isinstance(stranger, Unusable)
    assert (broken.place, broken.reason) == ("talks.jsonl:2", "broken line")
    assert (stranger.place, stranger.reason) == ("talks.jsonl:3", "unknown role 'narrator'")
    assert "narrator" in stranger.sample


def test_a_limit_counts_what_can_be_used(tmp_path: Path) -> None:
    path = write(tmp_path / "talks.jsonl", [{"messages": []}, GOOD, GOOD, GOOD])
    assert [type(item) for item in read(path, limit=2)] == [Unusable, Conversation, Conversation]


def test_columns_filter_rows(tmp_path: Path) -> None:
    rows = [{**GOOD, "type": kind, "meta": {"n": n}} for n, kind in enumerate("abca")]
    path = write(tmp_path / "r.jsonl", rows)
    kept = [item.place for item in read(path, include={"type": ["a", "b"]}) if isinstance(item, Conversation)]
    assert kept == ["r.jsonl:1", "r.jsonl:2", "r.jsonl:4"]
    found = read(path, include={"type": ["a"]}, exclude={"meta.n": ["3"]})
    reasons = [item.reason if isinstance(item, Unusable) else "" for item in found]
    assert reasons == ["", "left out by include: type", "left out by include: type", "left out by exclude: meta.n"]
    with raises(UserError, match=r"sft\.conversations\.a\.exclude: r\.jsonl:1 has no column 'sorce'"):
        read(path, exclude={"sorce": ["x"]})


def test_answers_of_other_lengths_are_left_out(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": " ".join(["mot"] * n)} for n in (1, 2, 3, 4)]
    found = read(write(tmp_path / "r.jsonl", rows), answers={"least": 2, "most": 3})
    reasons = [item.reason if isinstance(item, Unusable) else "" for item in found]
    assert reasons == ["an answer of less than 2 words", "", "", "an answer of more than 3 words"]


def test_the_licence_is_the_sets_or_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", [{**GOOD, "license": "CC0"}, GOOD])
    assert [item.license for item in read(path) if isinstance(item, Conversation)] == ["CC0", "not stated"]
    assert [item.license for item in read(path, license="MIT") if isinstance(item, Conversation)] == ["MIT", "MIT"]


def test_the_best_branch_of_a_tree_is_a_conversation(tmp_path: Path) -> None:
    def message(id_: str, parent: str | None, role: str, rank: int | None = None) -> dict[str, Any]:
        return {"message_id": id_, "parent_id": parent, "role": role, "text": id_, "rank": rank}

    rows = [
        message("q", None, "prompter"),
        message("bad", "q", "assistant", 1),
        message("good", "q", "assistant", 0),
        message("more", "good", "prompter"),
        message("end", "more", "assistant"),
        message("unanswered", "end", "prompter"),
        message("lost", "nowhere", "assistant", 0),
        message("alone", None, "prompter"),
    ]
    found = read(write(tmp_path / "r.jsonl", rows))
    assert talks(found) == [("q", "good", "more", "end")]
    reasons = {item.reason for item in found if isinstance(item, Unusable)}
    assert reasons == {"the message that it answers is missing", "the assistant says nothing"}


def test_what_is_not_there_is_refused_by_its_key(tmp_path: Path) -> None:
    with raises(UserError, match=r"^sft\.conversations\.a\.from: "):
        read(tmp_path / "nowhere")


def test_sets_of_the_hub_are_read(monkeypatch: MonkeyPatch) -> None:
    asked = []

    def hub_rows(name: str, keys: Any, key: str) -> Iterator[Any]:
        asked.append((name, keys.subset, keys.revision, key))
        yield rows_.Row(GOOD, f"{name}:1")

    monkeypatch.setattr(rows_, "hub_rows", hub_rows)
    keys = Conversations.model_validate({"from": "hub:some/set", "subset": "fr", "revision": "abc"})
    assert [type(item) for item in read_conversations("a", keys, ["fr"], 1)] == [Conversation]
    assert asked == [("some/set", "fr", "abc", "sft.conversations.a")]


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
