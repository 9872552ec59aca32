"""Preferences of every format: the two sides of a pair, and why a row is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import mark

from builders import tokenizer_of
from calame.recipe.tuning import Pairs
from calame.shards.rows import IGNORE
from calame.tuning.dpo import encode_pair
from calame.tuning.gather import TOO_LONG
from calame.tuning.messages import Unusable
from calame.tuning.pairs import Pair, read_pairs

ASKED = {"role": "user", "content": "q"}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def read(folder: Path, rows: list[Any], **keys: Any) -> list[Pair | Unusable]:
    path = folder / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(read_pairs("p", Pairs.model_validate({"from": str(path), **keys}), ["fr"], 1))


def sides(item: Pair | Unusable) -> tuple[list[str], str, str]:
    assert isinstance(item, Pair), item
    prompt = [message["content"] for message in item.prompt]
    return prompt, item.chosen.messages[-1]["content"], item.rejected.messages[-1]["content"]


@mark.parametrize(
    "row",
    (
        {"prompt": "q", "chosen": "a", "rejected": "b"},
        {"question": "q", "chosen": "a", "rejected": "b"},
        {"prompt": [ASKED], "chosen": [answer("a")], "rejected": [answer("b")]},
        {"prompt": "q", "chosen": [ASKED, answer("a")], "rejected": [ASKED, answer("b")]},
        {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
        {"instruction": "q", "output_1": "a", "output_2": "b", "preference": 1},
        {"instruction": "q", "output_1": "b", "output_2": "a", "preference": 1.93},
        {
            "input": {"messages": [ASKED]},
            "preferred_output": [answer("a")],
            "non_preferred_output": [answer("b")],
        },
    ),
)
def test_pairs_of_every_format_are_found_out_by_their_columns(row: dict[str, Any], tmp_path: Path) -> None:
    (found,) = read(tmp_path, [row])
    assert sides(found) == (["q"], "a", "b")


def test_a_system_and_earlier_turns_are_part_of_the_prompt_and_not_learnt(tmp_path: Path) -> None:
    talk = "\n\nHuman: q\n\nAssistant: c\n\nHuman: r\n\nAssistant: {}"
    rows = [{"chosen": talk.format("a"), "rejected": talk.format("b")}]
    (found,) = read(tmp_path, rows)
    assert isinstance(found, Pair) and sides(found) == (["q", "c", "r"], "a", "b")
    assert found.chosen.silent == found.rejected.silent == {1}
    (found,) = read(tmp_path, [{"system": "s", "question": "q", "chosen": "a", "rejected": "b"}])
    assert sides(found) == (["s", "q"], "a", "b")


@mark.parametrize(
    ("row", "reason"),
    (
        ({"prompt": "q", "chosen": "a", "rejected": "a "}, "both answers are the same"),
        ({"prompt": "q", "chosen": "a", "rejected": ""}, "an empty message"),
        ({"prompt": "q", "chosen": "a", "rejected": None}, "a message without text"),
        ({"prompt": "q", "chosen": [ASKED], "rejected": [ASKED, answer("b")]}, "the assistant says nothing"),
        ({"chosen": "once upon a time", "rejected": "b"}, "no dialogue of Human and Assistant"),
        (
            {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: r\n\nAssistant: b"},
            "the two dialogues part before their last answer",
        ),
        ({"instruction": "q", "output_1": "a", "output_2": "b", "preference": 1.5}, "neither of the two is preferred"),
        ({"instruction": "q", "output_1": "a", "output_2": "b", "preference": "1"}, "a preference that is no number"),
        ({"text": "a"}, "columns of no format: text"),
    ),
)
def test_why_a_row_is_no_pair(row: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path, [row])
    assert isinstance(found, Unusable) and found.reason.startswith(reason) and found.place == "p.jsonl:1"


def test_ranked_siblings_are_pairs(tmp_path: Path) -> None:
    def message(id_: str, parent: str | None, role: str, rank: int | None = None) -> dict[str, Any]:
        return {"message_id": id_, "parent_id": parent, "role": role, "text": id_, "rank": rank}

    rows = [
        message("q", None, "prompter"),
        message("worst", "q", "assistant", 2),
        message("best", "q", "assistant", 0),
        message("middle", "q", "assistant", 1),
        message("r", "middle", "prompter"),
        message("second", "r", "assistant", 1),
        message("first", "r", "assistant", 0),
        message("unranked", "r", "assistant"),
        message("alone", None, "prompter"),
    ]
    *found, left = read(tmp_path, rows)
    assert sorted(map(sides, found)) == [(["q"], "best", "worst"), (["q", "middle", "r"], "first", "second")]
    assert isinstance(left, Unusable) and left.reason == "no two answers of different rank"


def test_the_answers_alone_are_learnt_and_a_long_pair_is_left_out(tmp_path: Path) -> None:
    tokenizer = tokenizer_of()
    (pair,) = read(tmp_path, [{"prompt": "Où est la mer ?", "chosen": "Dans la lune.", "rejected": "Le soleil chante"}])
    assert isinstance(pair, Pair)
    encoded = encode_pair(pair, tokenizer, 200)
    assert isinstance(encoded, list)
    prompt = tokenizer.chat(pair.prompt)
    for side, example in zip((pair.chosen, pair.rejected), encoded, strict=True):
        said = [*tokenizer.encode(side.messages[-1]["content"]), tokenizer.special.turn_end]
        assert example.tokens[: len(prompt)].tolist() == prompt
        assert example.targets[example.targets != IGNORE].tolist() == said
        assert (example.targets[: len(prompt) - 1] == IGNORE).all()
    longest = max(len(example.tokens) for example in encoded)
    shorter = encode_pair(pair, tokenizer, longest - 1)
    assert isinstance(shorter, Unusable) and shorter.reason == TOO_LONG


def test_limits_filters_and_licences_are_those_of_conversations(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"q{n}", "chosen": "a", "rejected": "b", "kind": k, "license": "CC0"} for n, k in enumerate("xyxx")
    ]
    found = read(tmp_path, rows, include={"kind": ["x"]}, limit=2)
    assert [isinstance(item, Pair) for item in found] == [True, False, True]
    assert all(item.chosen.license == "CC0" for item in found if isinstance(item, Pair))
