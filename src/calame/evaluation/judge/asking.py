"""A judge is asked everything; what it could not be asked any more, or did not answer readably, is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from calame.evaluation.records import Record
from calame.recipe.errors import UserError
from calame.run.endpoint import Answer, Endpoint, Message, Model
from calame.run.progress import Bar, say

T = TypeVar("T")
V = TypeVar("V")
SHOWN = 120  # characters of an answer that could not be read
SAID_ALOUD = 3  # faults of a kind
NOT_ANSWERED, UNREADABLE = "not answered", "no readable verdict"


class Asked(Record):
    """What became of the questions to one judge."""

    endpoint: str = Field(description="address")
    model: str = Field(description="name of the judge")
    questions: int = Field(description="that were to be asked")
    answered: int = Field(description="with a readable verdict")
    faults: dict[str, int] = Field(description="questions without one, by reason")
    stopped: str | None = Field(description="why not all questions were asked; null where all were")


def answers_file(folder: Path, model: Model) -> Path:
    """Where a judge's answers are kept, so that nothing is asked twice."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", model.name)
    return folder / f".answers-{name}.jsonl"


def ask(
    endpoint: Endpoint, questions: Sequence[tuple[T, Sequence[Message]]], parse: Callable[[T, str], V | None]
) -> tuple[list[tuple[T, V | None]], Asked, UserError | None]:
    """What each question was answered, as far as `parse` reads it; what became of all of them; and the error of an
    endpoint that cannot be asked any more: what had been answered before stands."""
    found: list[tuple[T, V | None]] = []
    faults: Counter[str] = Counter()
    error = None
    with Bar(f"judge {endpoint.model.name}", len(questions), "questions") as bar:
        try:
            endpoint.check()
            for what, answer in endpoint.ask_all((what, messages, None) for what, messages in questions):
                verdict = None if answer.fault else parse(what, answer.text)
                if verdict is None:
                    _note(faults, answer)
                found.append((what, verdict))
                bar.advance(1)
        except UserError as stopped:
            error = stopped
    say(f"  {endpoint.cost()}")
    asked = Asked(
        endpoint=endpoint.url,
        model=endpoint.model.name,
        questions=len(questions),
        answered=sum(verdict is not None for _, verdict in found),
        faults=dict(faults),
        stopped=str(error.problems[0]) if error else None,
    )
    return found, asked, error


def _note(faults: Counter[str], answer: Answer) -> None:
    why = NOT_ANSWERED if answer.fault else UNREADABLE
    if faults[why] < SAID_ALOUD:
        say(f"  {why}: {answer.fault or ' '.join(answer.text.split())[:SHOWN]}")
    faults[why] += 1
