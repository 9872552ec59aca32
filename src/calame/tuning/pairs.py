"""Read sets of preferences: a prompt, an answer that is chosen and one that is rejected. Rows are one of

prompt     prompt, chosen, rejected: texts or lists of messages, the prompt in them or not (TRL, UltraFeedback)
dialogues  chosen, rejected: dialogues as one text, "\\n\\nHuman: ...\\n\\nAssistant: ..." (HH-RLHF, Bai et al. 2022)
outputs    instruction, output_1, output_2, preference: 1 the first to 2 the second (AlpacaEval, Li et al. 2023)
messages   input: {messages}, preferred_output, non_preferred_output (OpenAI)
tree       a message a row, siblings with a rank: the best against the worst (OpenAssistant): trees.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from calame.corpus.readers.row import Row
from calame.recipe.tuning import Pairs
from calame.tokenizer.policy import ASSISTANT, ROLES, SYSTEM, USER
from calame.tuning.formats import TREE
from calame.tuning.messages import ROLE_OF, Conversation, Unusable, to_conversation
from calame.tuning.rows import license_of, rows_of, sample_of, up_to, with_format, without_format
from calame.tuning.trees import plant, ranked_pairs

Values = Mapping[str, Any]
PROMPTS = ("prompt", "question", "instruction", "input")
EVEN = 1.5
SPEAKER = re.compile(r"\n\n(Human|Assistant):")


@dataclass(frozen=True)
class Pair:
    """Two conversations that are the same up to their last message, the assistant's: it alone is learnt."""

    chosen: Conversation
    rejected: Conversation

    @property
    def prompt(self) -> tuple[dict[str, str], ...]:
        return self.chosen.messages[:-1]


def read_pairs(
    name: str, keys: Pairs, languages: Sequence[str], seed: int, roles: Sequence[str] = ROLES
) -> Iterator[Pair | Unusable]:
    """The preferences of one set. Raises `UserError` where there is nothing to read, or no such column."""
    rows = rows_of(f"dpo.pairs.{name}", keys, "preferences", languages, seed)
    return up_to(keys.limit, _pairs(name, keys, rows, roles))


def _pairs(name: str, keys: Pairs, rows: Iterator[Row | Unusable], roles: Sequence[str]) -> Iterator[Pair | Unusable]:
    items = with_format(name, keys.format, rows, detect)
    for item in items:
        if isinstance(item, Unusable):
            yield item
        elif item[1] == "tree":
            yield from _of_trees(name, keys, without_format(chain([item], items)), roles)
        else:
            yield _of_row(name, keys, *item, roles)


def detect(values: Values) -> str | None:
    """The format that a row's columns speak for."""
    if {"chosen", "rejected"} <= set(values):
        spoken = isinstance(values["chosen"], str) and not any(name in values for name in PROMPTS)
        return "dialogues" if spoken else "prompt"
    if {"output_1", "output_2", "preference"} <= set(values):
        return "outputs"
    if {"input", "preferred_output", "non_preferred_output"} <= set(values):
        return "messages"
    return "tree" if set(TREE) <= set(values) else None


def _of_row(name: str, keys: Pairs, row: Row, kind: str, roles: Sequence[str]) -> Pair | Unusable:
    assert row.values is not None
    try:
        chosen, rejected = SIDES[kind](row.values)
        return make_pair(chosen, rejected, name, row.place, license_of(keys, row.values), roles)
    except ValueError as fault:
        return Unusable(row.place, str(fault), sample_of(row.values))


def _of_trees(
    name: str, keys: Pairs, rows: Iterator[Row | Unusable], roles: Sequence[str]
) -> Iterator[Pair | Unusable]:
    for item in plant(rows):
        if isinstance(item, Unusable):
            yield item
            continue
        found = list(ranked_pairs(item))
        if not found:
            yield Unusable(item.place, "no two answers of different rank", sample_of(item.values))
        for prompt, best, worst in found:
            license_ = license_of(keys, item.values)
            try:
                yield make_pair([*prompt, best], [*prompt, worst], name, item.place, license_, roles)
            except ValueError as fault:
                yield Unusable(item.place, str(fault), sample_of(item.values))


def make_pair(chosen: Any, rejected: Any, source: str, place: str, license_: str, roles: Sequence[str] = ROLES) -> Pair:
    """Two lists of messages as a pair. Raises `ValueError` saying why they are none."""
    sides = [to_conversation(side, source, place, license_, roles) for side in (chosen, rejected)]
    if any(side.messages[-1]["role"] != ASSISTANT for side in sides):
        raise ValueError("it does not end with an answer")
    if sides[0].messages[:-1] != sides[1].messages[:-1]:
        raise ValueError("the two dialogues part before their last answer")
    if sides[0].messages[-1]["content"].strip() == sides[1].messages[-1]["content"].strip():
        raise ValueError("both answers are the same")
    return Pair(*map(_last_alone, sides))


def _last_alone(side: Conversation) -> Conversation:
    """Of what the assistant says, the last answer alone is learnt."""
    earlier = frozenset(n for n, message in enumerate(side.messages[:-1]) if message["role"] == ASSISTANT)
    return Conversation(side.messages, side.source, side.place, side.license, earlier)


def _prompt_sides(values: Values) -> tuple[Any, Any]:
    asked = prompt_of(values)
    return _answering(asked, values.get("chosen")), _answering(asked, values.get("rejected"))


def prompt_of(values: Values) -> list[Any]:
    """The messages of a row's prompt, a text or a list; its system's message, where there is one, before them."""
    prompt = next((values[name] for name in PROMPTS if name in values), [])
    asked = prompt if isinstance(prompt, list) else [{"role": USER, "content": prompt}]
    system = values.get(SYSTEM)
    return [{"role": SYSTEM, "content": system}, *asked] if isinstance(system, str) and system.strip() else asked


def _answering(asked: list[Any], answer: Any) -> list[Any]:
    """The prompt with an answer: text, or messages that may hold the prompt already."""
    if not isinstance(answer, list):
        return [*asked, {"role": ASSISTANT, "content": answer}]
    first = answer[0].get("role", answer[0].get("from")) if answer and isinstance(answer[0], Mapping) else None
    whole = ROLE_OF.get(str(first).lower()) in (USER, SYSTEM)
    return answer if whole else [*asked, *answer]


def _dialogue_sides(values: Values) -> tuple[Any, Any]:
    return _dialogue(values.get("chosen")), _dialogue(values.get("rejected"))


def _dialogue(text: Any) -> list[dict[str, str]]:
    if not isinstance(text, str):
        raise ValueError("a dialogue that is no text")
    before, *parts = SPEAKER.split(f"\n\n{text.strip()}")
    if before.strip() or not parts:
        raise ValueError("no dialogue of Human and Assistant")
    turns = zip(parts[::2], parts[1::2], strict=True)
    return [{"role": speaker, "content": said.strip()} for speaker, said in turns]


def _output_sides(values: Values) -> tuple[Any, Any]:
    preference = values["preference"]
    if isinstance(preference, bool) or not isinstance(preference, int | float) or not 1 <= preference <= 2:
        raise ValueError("a preference that is no number from 1 to 2")
    if preference == EVEN:
        raise ValueError("neither of the two is preferred")
    asked = [{"role": USER, "content": values.get("instruction")}]
    first, second = (_answering(asked, values.get(name)) for name in ("output_1", "output_2"))
    return (first, second) if preference < EVEN else (second, first)


def _message_sides(values: Values) -> tuple[Any, Any]:
    asked = values.get("input")
    messages = asked.get("messages") if isinstance(asked, Mapping) else None
    chosen, rejected = values.get("preferred_output"), values.get("non_preferred_output")
    if not (isinstance(messages, list) and isinstance(chosen, list) and isinstance(rejected, list)):
        raise ValueError("no lists of messages")
    return [*messages, *chosen], [*messages, *rejected]


SIDES = {
    "prompt": _prompt_sides,
    "dialogues": _dialogue_sides,
    "outputs": _output_sides,
    "messages": _message_sides,
}
