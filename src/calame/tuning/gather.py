"""All conversations of a recipe as examples, with the account of what became of each set: conversations.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.corpus.decisions import TRAIN, read_decisions
from calame.corpus.document import Document
from calame.corpus.kept import read_kept
from calame.recipe.errors import refuse
from calame.recipe.schema import Recipe
from calame.recipe.tuning import Conversations
from calame.recipe.units import say_count
from calame.run.files import write_json
from calame.run.progress import say
from calame.tokenizer.tokenizer import Tokenizer
from calame.tuning.conversations import read_conversations
from calame.tuning.encode import Example, encode
from calame.tuning.ledger import SetLedger
from calame.tuning.messages import Conversation, Unusable
from calame.tuning.own_text import from_own_text

LEDGER = "conversations.json"
TOO_LONG = "no answer fits into the context"


@dataclass(frozen=True)
class Encoded:
    """A conversation as it is learnt."""

    conversation: Conversation
    example: Example


def gather_examples(
    recipe: Recipe, before: Mapping[str, Path], tokenizer: Tokenizer, folder: Path
) -> list[list[Example]]:
    """Every usable conversation as tokens, each as often as its set says. Raises `UserError` for a set that gives none.

    before: folders of the stages before, by name."""
    assert recipe.sft is not None
    groups: list[list[Example]] = []
    ledgers = {}
    for name, keys in recipe.sft.conversations.items():
        ledger = ledgers[name] = SetLedger(keys.repeat)
        for item in encode_set(recipe, name, before, tokenizer):
            if isinstance(item, Unusable):
                ledger.drop(item)
            else:
                ledger.use(item.conversation.license, item.example)
                groups += [[item.example]] * keys.repeat
        ledger.tell(name)
        times = f", {keys.repeat} times an epoch" if keys.repeat > 1 else ""
        say(f"  {name}: {ledger.used:,} conversations, {say_count(ledger.tokens)} tokens{times}")
        if not ledger.used:
            raise nothing_left(f"sft.conversations.{name}", "conversation", ledger)
    write_json(folder / LEDGER, {name: ledger.to_json() for name, ledger in ledgers.items()})
    return groups


def nothing_left(where: str, what: str, ledger: SetLedger) -> Exception:
    reasons = "; ".join(f"{reason} ({number:,})" for reason, number in ledger.dropped.most_common(6))
    return refuse(
        where,
        f"no {what} in it can be used: {reasons or 'there is none'}",
        "the formats of docs/tuning.md, and filters that leave some",
        "say `format`, or the columns; or leave the set out",
    )


def encode_set(
    recipe: Recipe, name: str, before: Mapping[str, Path], tokenizer: Tokenizer
) -> Iterator[Encoded | Unusable]:
    """The conversations of one set, one after the other, as they are learnt."""
    assert recipe.sft is not None and recipe.sft.context
    for item in _conversations(recipe, name, before, tokenizer):
        if isinstance(item, Unusable):
            yield item
        elif (example := encode(item, tokenizer, recipe.sft.context)) is None:
            yield Unusable(item.place, TOO_LONG, item.messages[0]["content"][:80])
        else:
            yield Encoded(item, example)


def _conversations(
    recipe: Recipe, name: str, before: Mapping[str, Path], tokenizer: Tokenizer
) -> Iterator[Conversation | Unusable]:
    assert recipe.sft is not None
    keys = recipe.sft.conversations[name]
    if keys.location != "own-text":
        return read_conversations(name, keys, recipe.languages, recipe.seed, tokenizer.chat_format.roles)
    wanted = [source for source in recipe.corpus.sources if _may_be_of(keys, source)]
    number = sum(int((read_decisions(before["corpus"], source) == TRAIN).sum()) for source in wanted)
    return from_own_text(_training_documents(wanted, before), keys, recipe.seed, name, number)


def _may_be_of(keys: Conversations, source: str) -> bool:
    """Whether the set's filters leave documents of a source: of the others none has to be read."""
    return source in keys.include.get("source", [source]) and source not in keys.exclude.get("source", [])


def _training_documents(sources: Sequence[str], before: Mapping[str, Path]) -> Iterator[Document]:
    for source in sources:
        for _, split, document in read_kept(before[f"corpus/{source}"], before["corpus"], source):
            if split == TRAIN:
                yield document
