"""Conversations up to where the assistant answers: of prompts and of whole conversations; the others with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calame.tokenizer.policy import ROLES
from calame.tuning.messages import Unusable
from calame.tuning.openings import NO_LANGUAGE, NO_PROMPT, TWICE, Opening, read_openings
from support import conversation, write_lines


def read(folder: Path, *rows: Any, language: str | None = "fr") -> list[Opening | str]:
    write_lines(folder / "p.jsonl", list(rows))
    found = read_openings(folder / "p.jsonl", language, ROLES)
    return [item.reason if isinstance(item, Unusable) else item for item in found]


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_prompts_and_conversations_end_with_the_users_message(tmp_path: Path) -> None:
    once = [said("user", "a"), said("assistant", "b"), said("user", "c")]
    found = read(
        tmp_path,
        {"prompt": "Où ?"},
        {"question": "Dove?", "language": "it"},
        {"prompt": "Qui ?", "system": "Sois bref."},
        {"prompt": [said("user", "Quand ?")]},
        {"question": "Combien ?", "answer": "Trois."},
        {"instruction": "Compte.", "input": "1, 2", "output": "3"},
        conversation("Pourquoi ?", "Parce que."),
        {"messages": [*once, said("assistant", "d")], "lang": "en"},
        {"conversations": [{"from": "human", "value": "Comment ?"}, {"from": "gpt", "value": "Ainsi."}]},
    )
    assert [one if isinstance(one, str) else [m["content"] for m in one.messages] for one in found] == [
        ["Où ?"],
        ["Dove?"],
        ["Sois bref.", "Qui ?"],
        ["Quand ?"],
        ["Combien ?"],
        ["Compte.\n\n1, 2"],
        ["Pourquoi ?"],
        ["a", "b", "c"],
        ["Comment ?"],
    ]
    assert [one.language for one in found if isinstance(one, Opening)] == ["fr", "it", *["fr"] * 5, "en", "fr"]


def test_what_is_no_opening_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    rows = [
        {"text": "Il était une fois."},
        {"prompt": "  "},
        {"prompt": 3},
        {"messages": [said("assistant", "a")]},
        {"messages": [said("user", "a"), said("narrator", "b")]},
        {"system": "Sois bref."},
        {"message_id": "1", "parent_id": None, "role": "prompter", "text": "a"},
        {"prompt": "Où ?"},
        conversation("Où ?", "Là."),
    ]
    assert read(tmp_path, *rows) == [
        NO_PROMPT,
        "an empty message",
        "a message without text",
        "roles out of order: assistant first",
        "unknown role 'narrator'",
        "roles out of order: assistant after system",
        "a message of a tree, and no whole conversation",
        Opening((said("user", "Où ?"),), "fr"),
        TWICE,
    ]
    assert read(tmp_path, {"prompt": "Où ?"}, language=None) == [NO_LANGUAGE]
