"""Sets that the catalogue names: rows of our own, in the columns that an entry claims, are read by its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest import MonkeyPatch, mark, raises

from calame.corpus.catalogue_page import describe_entry
from calame.recipe.catalogue import catalogue
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.tuning import Conversations, Pairs
from calame.tuning import rows as rows_
from calame.tuning.conversations import read_conversations
from calame.tuning.messages import Conversation, Unusable
from calame.tuning.pairs import Pair, read_pairs
from support import Toy

LISTED = [{"role": "user", "text": "a"}, {"role": "assistant", "text": "b"}]
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {  # a row that is read, and one that the system leaves out
    "everyday-conversations-fr": [{"user": "a", "assistant": "b"}],
    "community-alignment-fr": [
        {"conversation": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    ],
    "french-instruct": [
        {"conversation": LISTED, "source": "WikiHow FR", "context": ""},
        {"conversation": LISTED, "source": "Evol Instruct (translated)", "context": ""},
    ],
    "french-alpaca": [{"instruction": "a", "input": "", "output": "b"}],
    "french-prompts": [
        {"prompt": "a", "answer": "b", "type": "human_chatgpt"},
        {"prompt": "a", "answer": "b", "type": "other"},
    ],
    "physics-qa-fr": [{"question": "a", "answer": "b"}],
}
PAIRS = {
    "distilabel-orca-dpo": {"system": "", "input": "a", "chosen": "b", "rejected": "c"},
    "truthy-dpo": {"system": "s", "prompt": "a", "chosen": "b", "rejected": "c"},
    "french-instruct-dpo": {"prompt": "a", "chosen": "b", "rejected": "c"},
}


def serve(monkeypatch: MonkeyPatch, found: list[dict[str, Any]]) -> None:
    def hub_rows(name: str, keys: Any, key: str) -> Iterator[Any]:
        yield from (rows_.Row(row, f"{name}:{n}") for n, row in enumerate(found, 1))

    monkeypatch.setattr(rows_, "hub_rows", hub_rows)


@mark.parametrize("name", CONVERSATIONS)
def test_klovis_six_sets_are_read_as_klovis_reads_them(name: str, monkeypatch: MonkeyPatch) -> None:
    serve(monkeypatch, CONVERSATIONS[name])
    first, *others = read_conversations(name, Conversations.model_validate(catalogue()[name].keys), ["fr"], 1)
    assert isinstance(first, Conversation)
    assert [m["content"] for m in first.messages] == ["a", "b"]
    assert all(isinstance(item, Unusable) and item.reason.startswith("left out by") for item in others)


@mark.parametrize("name", PAIRS)
def test_sets_of_preferences_are_read(name: str, monkeypatch: MonkeyPatch) -> None:
    serve(monkeypatch, [PAIRS[name]])
    (found,) = read_pairs(name, Pairs.model_validate(catalogue()[name].keys), ["fr"], 1)
    assert isinstance(found, Pair)
    assert (found.chosen.messages[-1]["content"], found.rejected.messages[-1]["content"]) == ("b", "c")


def test_a_recipe_calls_them_by_name_and_its_own_keys_win(toy: Toy) -> None:
    sft = {"conversations": {"six": {"from": "catalogue:french-instruct", "limit": 10}, "mine": {"from": "chat.jsonl"}}}
    dpo = {"pairs": {"orca": {"from": "catalogue:distilabel-orca-dpo"}}, "batch": 512}
    recipe, derived = load_recipe(toy.recipe(sft=sft, dpo=dpo))
    assert recipe.sft and recipe.dpo
    found = recipe.sft.conversations["six"]
    assert (found.location, found.format, found.limit) == ("hub:angeluriot/french_instruct", "messages", 10)
    assert "Evol Instruct (translated)" in found.exclude["source"] and found.license == "not known here"
    assert recipe.dpo.pairs["orca"].location == "hub:argilla/distilabel-intel-orca-dpo-pairs"
    assert ("sft.conversations.six.from", "catalogue:french-instruct") in {(n.key, n.reason) for n in derived}


@mark.parametrize(
    ("keys", "words"),
    (
        ({"sft__conversations": {"x": {"from": "catalogue:wikipedia-fr-2022"}}}, "text is for corpus.sources"),
        ({"dpo": {"pairs": {"x": {"from": "catalogue:french-alpaca"}}}}, "conversations are for sft.conversations"),
        ({"sft__conversations": {"x": {"from": "catalogue:rodin-gen-sft"}}}, "is not published"),
        ({"sft__conversations": {"x": {"from": "catalogue:french-alpacas"}}}, "did you mean french-alpaca"),
    ),
)
def test_what_cannot_be_tuned_on_is_refused_with_a_way_out(toy: Toy, keys: dict[str, Any], words: str) -> None:
    with raises(UserError, match=words):
        load_recipe(toy.recipe(**keys))


def test_an_entrys_page_says_where_it_belongs() -> None:
    page = "\n".join(describe_entry("french-prompts"))
    assert "sft: {conversations: {french-prompts: {from: catalogue:french-prompts}}}" in page
    assert "dpo: {pairs: {truthy-dpo: {from: catalogue:truthy-dpo}}}" in "\n".join(describe_entry("truthy-dpo"))
