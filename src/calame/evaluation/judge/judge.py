"""`calame judge`: generations of one model or two, judged by one language model or two, held against people if given.

Writes into a folder: judge.json (the result), verdicts.jsonl or marks.jsonl (every answer), judge_report.md; and keeps
the judges' answers, so that the same command goes on where it was stopped and asks nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from calame.evaluation.judge.agreement import Agreement, agreement, in_words
from calame.evaluation.judge.asking import answers_file
from calame.evaluation.judge.generations import Generation, pair_up, take
from calame.evaluation.judge.marks import Marked, Marks, difference_of_marks, judge_marks
from calame.evaluation.judge.pairs import LABELS, Judgement, Verdict, judge_pairs
from calame.evaluation.judge.people import Labels
from calame.evaluation.judge.rubric import Rubrics
from calame.evaluation.records import Number, Record, say_number, write_record, write_rows
from calame.recipe.errors import UserError, refuse
from calame.run.endpoint import PATIENCE, Endpoint, Model
from calame.run.files import atomic
from calame.run.http import Patience

RESULT, REPORT, VERDICTS, MARKS = "judge.json", "judge_report.md", "verdicts.jsonl", "marks.jsonl"


class Result(Record):
    """judge.json"""

    a: str = Field(description="whose texts are A: a file or a model")
    b: str | None = Field(description="whose texts are B; null where one model alone was marked")
    texts: int = Field(description="pairs, or texts of A, that were to be judged")
    alone: int = Field(description="texts without a partner, left out")
    complete: bool = Field(description="false: a judge could not be asked to the end; the words say why")
    pairs: list[Judgement] = Field(description="of each judge, where pairs were judged")
    marks: list[Marks] = Field(description="of each judge and model, where texts were marked")
    differences: list[Number | None] = Field(description="of each judge: how much higher A's mean mark is than B's")
    judges: Agreement | None = Field(description="between two judges; null where there is one")
    people: list[Agreement] = Field(description="of each judge with the labels that people gave")
    words: list[str] = Field(description="the result in sentences")


@dataclass(frozen=True)
class Task:
    """What is judged: the texts of A, and of B if there is one; `people`: labels that they gave."""

    names: tuple[str, ...]
    texts: Sequence[Sequence[Generation]]
    rubrics: Rubrics
    by: Literal["pairs", "marks"]
    people: Labels = field(default_factory=dict)
    limit: int | None = None


@dataclass
class _Found:
    """What the judges said so far. `labels`: of each judge, for agreement; `errors`: of endpoints that failed."""

    rows: list[Verdict | Marked] = field(default_factory=list)
    pairs: list[Judgement] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)
    differences: list[Number | None] = field(default_factory=list)
    labels: list[dict[tuple[str, ...], Any]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    errors: list[UserError] = field(default_factory=list)


def judge(task: Task, judges: Sequence[Model], folder: Path, patience: Patience = PATIENCE) -> Result:
    """Ask the judges, write the files, return the result. Raises `UserError` where a judge cannot be asked; what had
    been answered by then is written down, and said not to be all."""
    task.rubrics.check([one.language for texts in task.texts for one in texts])
    if task.by == "pairs" and len(task.texts) < 2:
        raise refuse("--by", "pairs need the texts of two models", "marks, or a second file or model")
    ours, theirs = task.texts[0], task.texts[1] if len(task.texts) > 1 else None
    pairs, alone = pair_up(ours, theirs) if theirs is not None else ([], 0)
    pairs = take(pairs, task.limit)
    texts = [[pair.a for pair in pairs], [pair.b for pair in pairs]] if pairs else [take(ours, task.limit)]
    found = _Found()
    for model in judges:
        with Endpoint(model, answers_file(folder, model), patience) as endpoint:
            found.words.append(f"Judge {model.name}:")
            if task.by == "pairs":
                rows, judgement, error = judge_pairs(pairs, endpoint, task.rubrics)
                found.pairs.append(judgement)
                found.words += judgement.words
                found.rows += rows
                found.labels.append({(row.id,): row.verdict for row in rows if row.verdict is not None})
                found.errors += [error] if error else []
            else:
                _mark(texts, endpoint, task.rubrics, found)
    result = _result(task, len(texts[0]), alone, found)
    write_rows(folder / (VERDICTS if task.by == "pairs" else MARKS), found.rows)
    write_record(folder / RESULT, result)
    with atomic(folder / REPORT, "w") as file:
        file.write("\n".join(report_lines(result)) + "\n")
    if found.errors:
        raise found.errors[0]
    return result


def _mark(texts: Sequence[Sequence[Generation]], endpoint: Endpoint, rubrics: Rubrics, found: _Found) -> None:
    """Marks of each model's texts by one judge, and how much they differ."""
    sides: list[list[Marked]] = []
    for of, generations in zip("ab", texts, strict=False):
        rows, marks, error = judge_marks(of, generations, endpoint, rubrics)
        sides.append(rows)
        found.marks.append(marks)
        found.words += marks.words
        found.errors += [error] if error else []
    found.rows += [row for rows in sides for row in rows]
    found.labels.append(
        {(row.of, row.id, name): mark for rows in sides for row in rows for name, mark in (row.marks or {}).items()}
    )
    if len(sides) > 1:
        known = all(marks.mean for marks in found.marks[-2:])
        difference = difference_of_marks(*sides) if known else None
        found.differences.append(difference)
        if difference:
            side = "inside the noise" if difference.low <= 0 <= difference.high else "beyond the noise"
            amount = say_number(difference, "+.2f")
            found.words.append(f"On {difference.n} prompts A's mean mark is {amount} higher than B's: {side}.")


def _result(task: Task, number: int, alone: int, found: _Found) -> Result:
    between = _common(task, found.labels[0], found.labels[1]) if len(found.labels) > 1 else None
    people = [_common(task, labels, task.people) for labels in found.labels] if task.people else []
    words = [*found.words, *([in_words("The two judges", between)] if between else [])]
    words += [in_words(f"Judge {place} and people", agreed) for place, agreed in enumerate(people, 1)]
    return Result(
        a=task.names[0],
        b=task.names[1] if len(task.names) > 1 else None,
        texts=number,
        alone=alone,
        complete=not found.errors,
        pairs=found.pairs,
        marks=found.marks,
        differences=found.differences,
        judges=between,
        people=people,
        words=words,
    )


def _common(task: Task, ours: Labels, theirs: Labels) -> Agreement:
    """Agreement on what both have labelled: verdicts, or marks in their order."""
    keys = [key for key in ours if key in theirs]
    mine, other = [ours[key] for key in keys], [theirs[key] for key in keys]
    if task.by == "pairs":
        return agreement(mine, other, LABELS)
    return agreement(mine, other, range(min([*mine, *other], default=0), max([*mine, *other], default=0) + 1), True)


def report_lines(result: Result) -> Iterator[str]:
    """judge_report.md"""
    yield f"# Judged: {result.a}" + (f" against {result.b}" if result.b else "")
    yield ""
    yield from (f"- {word}" for word in result.words)
    for judgement in result.pairs:
        yield f"\n## Pairs, judge {judgement.asked.model}\n"
        yield "| texts | pairs | A wins | B wins | ties | A's win rate |\n| --- | --: | --: | --: | --: | --- |"
        for name, part in (("all", judgement.overall), *judgement.languages.items()):
            rate = say_number(part.a_win_rate, missing="too few")
            yield f"| {name} | {part.pairs} | {part.a_wins} | {part.b_wins} | {part.ties} | {rate} |"
    for marks in result.marks:
        yield f"\n## Marks of {marks.of.upper()}, judge {marks.asked.model}\n"
        yield "| what | mean mark |\n| --- | --- |"
        for name, number in (*marks.criteria.items(), ("all", marks.mean), *marks.languages.items()):
            yield f"| {name} | {say_number(number, missing='too few')} |"
