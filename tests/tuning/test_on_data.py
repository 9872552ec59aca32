"""Every file of real instruction data is read: its format found out, each row used or set aside with a reason."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pytest import mark, param

from calame.recipe.tuning import Conversations, Pairs
from calame.run.files import read_json
from calame.tokenizer.policy import CHATML
from calame.tuning.conversations import read_conversations
from calame.tuning.messages import Conversation, Unusable
from calame.tuning.pairs import Pair, read_pairs

DATA = Path(os.environ.get("CALAME_DATA", "")) / "instruct"
FILES: dict[str, dict[str, Any]] = {}
if "CALAME_DATA" in os.environ and (DATA / "MANIFEST.json").is_file():
    FILES = {entry["file"]: entry for entry in read_json(DATA / "MANIFEST.json")["files"]}
PREFERENCES = ("hh-rlhf", "alpaca-eval", "preference")
TREES = ("oasst1-validation-flat",)
FEW = {  # what is left out of a file that is not read whole, with the reason that we know it has
    "en-codealpaca-2k": {"an empty message"},
    "it-squad-alpaca": {"an empty message"},
    "en-foundry-supervised-fine-tuning-tool-calling-stock-toolcall-training": {"it calls tools"},
    "en-foundry-supervised-fine-tuning-tool-calling-stock-toolcall-validation": {"it calls tools"},
    "en-hh-rlhf-harmless-test": {"an empty message", "roles out of order: assistant after assistant"},
    "en-oasst1-validation-flat": {
        "the message that it answers is missing",
        "both answers are the same",
        "no two answers of different rank",
    },
}
pytestmark = [mark.data, mark.skipif(not FILES, reason="needs CALAME_DATA")]


def reasons(found: list[Any]) -> Counter[str]:
    return Counter(item.reason for item in found if isinstance(item, Unusable))


def stem(file: str) -> str:
    return file.split(".")[0]


@mark.parametrize("file", [name for name in FILES if not any(p in name for p in PREFERENCES)] or [param("none")])
def test_conversations_of_every_file_are_read(file: str) -> None:
    keys = Conversations.model_validate({"from": str(DATA / file)})
    found = list(read_conversations("x", keys, ["fr", "it", "en"], 1, CHATML.roles))
    used = [item for item in found if isinstance(item, Conversation)]
    assert set(reasons(found)) <= FEW.get(stem(file), set())
    if not any(tree in file for tree in TREES):
        assert len(found) == FILES[file]["rows"], "none is lost"
    assert len(used) >= 0.5 * len(found) and all(item.learnt for item in used)


@mark.parametrize("file", [name for name in FILES if any(p in name for p in (*PREFERENCES, *TREES))] or [param("none")])
def test_preferences_of_every_file_are_read(file: str) -> None:
    found = list(read_pairs("x", Pairs.model_validate({"from": str(DATA / file)}), ["en"], 1, CHATML.roles))
    used = [item for item in found if isinstance(item, Pair)]
    assert set(reasons(found)) <= FEW.get(stem(file), set()) | {"neither of the two is preferred"}
    assert len(used) >= 0.9 * len(found)
    assert all(item.chosen.messages[:-1] == item.rejected.messages[:-1] for item in used)


def test_tools_may_be_kept_and_are_never_learnt() -> None:
    for file in (name for name in FILES if "toolcall" in name):
        keys = Conversations.model_validate({"from": str(DATA / file), "tools": "keep"})
        found = list(read_conversations("x", keys, ["en"], 1, CHATML.roles))
        assert len(found) == FILES[file]["rows"]
        assert set(reasons(found)) <= {"the assistant says nothing that is to be learnt"}
        with_calls = [item for item in found if isinstance(item, Conversation) and item.silent]
        assert all(not set(item.learnt) & {item.messages[n]["content"] for n in item.silent} for item in with_calls)


@pytest.mark.skipif(not FILES, reason="needs CALAME_DATA")
def test_every_file_is_looked_at() -> None:
    conversations = [name for name in FILES if not any(p in name for p in PREFERENCES)]
    preferences = [name for name in FILES if any(p in name for p in PREFERENCES)]
    assert len(conversations) + len(preferences) == len(FILES) >= 23
