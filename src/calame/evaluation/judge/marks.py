"""Marks by a rubric: each text alone, a whole mark for each criterion."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from calame.evaluation.intervals import difference_interval, mean_interval
from calame.evaluation.judge.asking import Asked, ask
from calame.evaluation.judge.generations import Generation
from calame.evaluation.judge.pairs import LEAST
from calame.evaluation.judge.rubric import Rubric, Rubrics
from calame.evaluation.judge.verdict import parse_marks
from calame.evaluation.records import Number, Record, number_of, say_number
from calame.recipe.errors import UserError
from calame.run.endpoint import Endpoint


class Marked(Record):
    """One text, by one judge: a line of marks.jsonl."""

    judge: str = Field(description="model that judged")
    of: str = Field(description="a or b: whose text")
    id: str = Field(description="of the prompt")
    language: str = Field(description="of the prompt")
    prompt: str = Field(description="what the text follows")
    text: str = Field(description="what was judged")
    marks: dict[str, int] | None = Field(description="by criterion; null: no readable answer")
    reason: str = Field(description="what the judge said")


class Marks(Record):
    """The marks that one judge gave to one model's texts."""

    of: str = Field(description="a or b")
    asked: Asked = Field(description="what became of the questions")
    texts: int = Field(description="that have marks")
    criteria: dict[str, Number] = Field(description="mean mark by criterion; empty: too few texts have marks")
    mean: Number | None = Field(description="of all criteria; null: too few texts have marks")
    languages: dict[str, Number] = Field(description="the same by language")
    words: list[str] = Field(description="the result in sentences")


def judge_marks(
    of: str, generations: Sequence[Generation], endpoint: Endpoint, rubrics: Rubrics
) -> tuple[list[Marked], Marks, UserError | None]:
    """The marks of each text, what they come to, and the error of an endpoint that failed on the way."""
    known: dict[str, Rubric] = {}
    for one in generations:
        rubric = rubrics.of(one.language)
        assert rubric is not None, "languages were checked"
        known[one.id] = rubric
    questions = [(one, known[one.id].ask_marks(one.prompt, one.text)) for one in generations]
    found, asked, error = ask(
        endpoint, questions, lambda one, text: parse_marks(text, known[one.id].criteria, known[one.id].scale)
    )
    said = {one.id: marks for one, marks in found}
    rows = [_marked(endpoint.model.name, of, one, said.get(one.id)) for one in generations]
    return rows, marks_of(of, rows, asked), error


def _marked(judge: str, of: str, one: Generation, said: tuple[dict[str, int], str] | None) -> Marked:
    marks, reason = said or (None, "")
    return Marked(
        judge=judge,
        of=of,
        id=one.id,
        language=one.language,
        prompt=one.prompt,
        text=one.text,
        marks=marks,
        reason=reason,
    )


def mean_mark(row: Marked) -> float:
    """Over the criteria of one text that has marks."""
    assert row.marks is not None
    return sum(row.marks.values()) / len(row.marks)


def marks_of(of: str, rows: Sequence[Marked], asked: Asked) -> Marks:
    """Mean marks with intervals over the texts."""
    held = [row for row in rows if row.marks is not None]
    enough = len(held) >= max(1, LEAST * len(rows))
    counted = held if enough else []
    criteria = {name: _mean([row.marks[name] for row in counted if row.marks]) for name in _criteria(counted)}
    languages = sorted({row.language for row in counted})
    mean = _mean([mean_mark(row) for row in counted]) if counted else None
    return Marks(
        of=of,
        asked=asked,
        texts=len(held),
        criteria=criteria,
        mean=mean,
        languages={
            language: _mean([mean_mark(row) for row in counted if row.language == language]) for language in languages
        },
        words=_words(of, len(rows), len(held), mean, criteria, asked),
    )


def _criteria(rows: Sequence[Marked]) -> list[str]:
    """Those that every text was marked by: rubrics of several languages may differ."""
    common = [set(row.marks or ()) for row in rows]
    return sorted(set.intersection(*common)) if common else []


def _mean(values: Sequence[float]) -> Number:
    found = number_of(mean_interval(values))
    assert found is not None
    return found


def difference_of_marks(ours: Sequence[Marked], theirs: Sequence[Marked]) -> Number | None:
    """How much higher our mean marks are, on the prompts where both have marks; None where there are none."""
    other = {row.id: row for row in theirs if row.marks is not None}
    both = [(mean_mark(row), mean_mark(other[row.id])) for row in ours if row.marks is not None and row.id in other]
    if not both:
        return None
    return number_of(difference_interval([one for one, _ in both], [two for _, two in both]))


def _words(
    of: str, texts: int, marked: int, mean: Number | None, criteria: dict[str, Number], asked: Asked
) -> list[str]:
    words = [f"Not all was asked: {asked.stopped}"] if asked.stopped else []
    if texts > marked:
        reasons = ", ".join(f"{count} {why}" for why, count in asked.faults.items()) or "not asked"
        words.append(f"{texts - marked} of {texts} texts of {of.upper()} have no marks ({reasons}) and are left out.")
    if mean is None:
        return [*words, f"{marked} of {texts} texts with marks is too little for a mean: none is given."]
    parts = ", ".join(f"{name} {number.value:.2f}" for name, number in criteria.items())
    return [
        *words,
        f"{of.upper()}: mean mark {say_number(mean, '.2f')} of {marked} texts ({parts}).",
    ]
