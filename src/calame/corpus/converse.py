"""Write conversations by asking a language model for question-answer pairs on weighted themes (as RODIN's gen_sft).

Calls are numbered: the theme and the seed of a call follow from its number, and answers are kept on disk. So the same
command does what an uninterrupted one would have done, and asks nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Generator, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calame.corpus.themes import Theme, Themes, read_themes
from calame.recipe.errors import refuse
from calame.run.endpoint import PATIENCE, Endpoint, Message, Model
from calame.run.files import digest, write_json
from calame.run.http import Patience
from calame.run.journal import Journal
from calame.run.loose_json import loads_loose
from calame.run.progress import Bar, say

# RODIN's: pairs a call, and lengths in characters.
VARIANTS = 6
QUESTION, ANSWER = (8, 800), (20, 4000)
EMPTY_CALLS = 30  # in a row that gave nothing new, after which it is given up
SAMPLES = 3  # of what each rule refused, kept in the ledger
NAMES = (("question", "q", "user", "domanda"), ("answer", "a", "assistant", "réponse", "reponse", "risposta"))


@dataclass
class Ledger:
    """Calls, and the pairs that came of them: items = kept + refused by a named rule."""

    calls: int = 0
    unanswered: int = 0
    unreadable: int = 0
    items: int = 0
    kept: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, rule: str, sample: str) -> None:
        self.refused[rule] += 1
        kept = self.samples.setdefault(rule, [])
        if len(kept) < SAMPLES:
            kept.append(" ".join(sample.split())[:200])

    def balances(self) -> bool:
        return self.items == self.kept + self.refused.total()

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "refused": dict(sorted(self.refused.items()))}

    def __str__(self) -> str:
        rules = "".join(f"; {count:,} {rule}" for rule, count in sorted(self.refused.items()))
        calls = f"{self.calls:,} calls ({self.unanswered:,} unanswered, {self.unreadable:,} without pairs)"
        return f"{self.kept:,} of {self.items:,} pairs kept from {calls}{rules}"


@dataclass(frozen=True)
class Call:
    """The `number`th request: which themes' language, and which theme."""

    number: int
    themes: Themes
    theme: Theme


def converse(what: str, to: Path, model: Model, count: int, seed: int = 1, patience: Patience = PATIENCE) -> Ledger:
    """Write `count` conversations to `to`, a line each: {"messages", "language", "register", "theme", "task", "origin",
    "model", "run"}. `what` is a recipe (its languages' shipped themes) or a file of themes.

    A file that holds some already is gone on with; nothing in it comes twice. Raises `UserError`.
    """
    themes = read_themes(what)
    run = _run(themes, model, seed)
    ledger, book = Ledger(), to.with_name(f"{to.name}.ledger.json")
    cache = to.with_name(f".{to.name}.answers.jsonl")
    remembered = cache.is_file()
    with Journal(to) as journal, Endpoint(model, cache, patience) as endpoint:
        there = _There(journal, run if remembered else None)
        endpoint.check()
        answers = _answers(endpoint, themes, seed, ledger)
        try:
            with Bar("converse", count, "conversations") as bar, closing(answers):
                for call, question, reply in _kept(answers, ledger, there.strangers):
                    if question not in there:
                        journal.add({**_row(call, question, reply), "model": model.name, "run": run})
                    bar.advance(1)
                    if ledger.kept + len(there.strangers) >= count:
                        break
        finally:
            assert ledger.balances()
            write_json(book, ledger.to_json())
        say(f"  {endpoint.cost()}")
    return ledger


def _run(themes: Sequence[Themes], model: Model, seed: int) -> str:
    """Stands for all that decides what a run of this command writes."""
    asked = [model.url, model.name, model.temperature, model.max_tokens, VARIANTS]
    return digest([[part.model_dump() for part in themes], asked, seed])[:16]


class _There:
    """The questions that a file held before. `strangers` are those that this run will not make again: of other themes
    or another model, or of answers that are not remembered (run None)."""

    def __init__(self, journal: Journal, run: str | None):
        self.known: set[str] = set()
        self.strangers: set[str] = set()
        for row in journal.rows():
            if row.get("messages"):
                key = _normal(row["messages"][0]["content"])
                self.known.add(key)
                if run is None or row.get("run") != run:
                    self.strangers.add(key)

    def __contains__(self, question: str) -> bool:
        return _normal(question) in self.known


def _kept(
    answers: Iterator[tuple[Call, str | None]], ledger: Ledger, strangers: Set[str]
) -> Iterator[tuple[Call, str, str]]:
    """(call, question, answer) of each pair that no rule refuses and that did not come before. Raises `UserError` where
    nothing comes any more."""
    made = set(strangers)
    empty = 0
    for call, answer in answers:
        before = ledger.kept
        for question, reply in _pairs(answer, ledger):
            rule = _rule(question, reply, call.themes.doubts)
            if rule or _normal(question) in made:
                ledger.refuse(rule or "the same question", f"{question} -> {reply}")
                continue
            made.add(_normal(question))
            ledger.kept += 1
            yield call, question, reply
        empty = 0 if ledger.kept > before else empty + 1
        if empty == EMPTY_CALLS:
            found = f"{EMPTY_CALLS} answers in a row gave nothing new ({ledger})"
            raise refuse("converse", found, remedy="look at the samples above, try another model, or more themes")


def _answers(
    endpoint: Endpoint, themes: Sequence[Themes], seed: int, ledger: Ledger
) -> Generator[tuple[Call, str | None]]:
    """What the model said to each call, in the order of the calls; None where it did not answer."""
    asked = ((call, _messages(call), seed * 1_000_003 % 2**31 + call.number) for call in _calls(themes, seed))
    for call, answer in endpoint.ask_all(asked):
        ledger.calls += 1
        if answer.fault:
            ledger.unanswered += 1
            if ledger.unanswered <= SAMPLES:
                say(f"  call {call.number}: {answer.fault}")
        yield call, None if answer.fault else answer.text


def _calls(themes: Sequence[Themes], seed: int) -> Iterator[Call]:
    """Without end: languages in turn, themes by their weight."""
    number = 0
    while True:
        of = themes[number % len(themes)]
        chance = random.Random(f"{seed}/{number}")
        (theme,) = chance.choices(of.themes, [theme.weight for theme in of.themes])
        yield Call(number, of, theme)
        number += 1


def _messages(call: Call) -> list[Message]:
    return [{"role": "user", "content": call.themes.prompt(call.theme, VARIANTS)}]


def _pairs(answer: str | None, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """The question-answer pairs of an answer, whatever list or object they stand in; counted as items."""
    if answer is None:
        return
    data = loads_loose(answer)
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if lists else [data]
    if not data:
        ledger.unreadable += 1
        if ledger.unreadable <= SAMPLES:
            say(f"  no JSON in an answer: {' '.join(answer.split())[:200]}")
        return
    for item in data:
        ledger.items += 1
        pair = [_value(item, names) for names in NAMES]
        if None in pair:
            ledger.refuse("not a question with an answer", json.dumps(item, ensure_ascii=False))
            continue
        question, reply = pair
        yield str(question), str(reply)


def _value(item: Any, names: Sequence[str]) -> str | None:
    found = (item.get(name) for name in names) if isinstance(item, dict) else ()
    return next((value.strip() for value in found if isinstance(value, str) and value.strip()), None)


def _rule(question: str, answer: str, doubts: Sequence[str]) -> str:
    """The rule that a pair breaks; empty if none."""
    if not QUESTION[0] <= len(question) <= QUESTION[1]:
        return f"a question not of {QUESTION[0]} to {QUESTION[1]} characters"
    if not ANSWER[0] <= len(answer) <= ANSWER[1]:
        return f"an answer not of {ANSWER[0]} to {ANSWER[1]} characters"
    if question.count("?") + question.count("？") >= 2:
        return "several questions in one"
    text = f"{question} {answer}".lower().replace("’", "'")
    if any(re.search(rf"(?<!\w){re.escape(doubt)}(?!\w)", text) for doubt in doubts):
        return "the model thinks aloud, doubts or speaks of itself"
    return ""


def _normal(question: str) -> str:
    """sha256 of the letters and digits of a question, without accents and case."""
    letters = unicodedata.normalize("NFKD", question.casefold())
    return hashlib.sha256("".join(sign for sign in letters if sign.isalnum()).encode()).hexdigest()


def _row(call: Call, question: str, answer: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    theme = call.theme
    about = {"language": call.themes.language, "register": theme.register_, "theme": theme.theme, "task": theme.task}
    return {"messages": messages, **about, "origin": "synthetic"}
