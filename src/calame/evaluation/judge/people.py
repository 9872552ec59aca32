"""What people said of the same texts: rows of {"id" or "prompt", "verdict"} or {"id" or "prompt", "marks", "of"}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calame.corpus.readers.kinds import read_rows
from calame.evaluation.judge.generations import prompt_id
from calame.evaluation.judge.pairs import LABELS
from calame.recipe.errors import Problem, UserError

Labels = Mapping[tuple[str, ...], Any]  # a verdict by (id,), or a mark by (a or b, id, criterion)


def read_people(path: Path, by: str) -> Labels:
    """The labels of a file, for `pairs` or `marks`. Raises `UserError` for every row at fault."""
    labels: dict[tuple[str, ...], Any] = {}
    problems: list[Problem] = []
    for row in read_rows(path):
        values = row.values or {}
        named = values.get("id") or (prompt_id(values["prompt"]) if isinstance(values.get("prompt"), str) else None)
        found = dict(_verdict(named, values) if by == "pairs" else _marks(named, values)) if named else {}
        if not found:
            allowed = f"verdict: {', '.join(LABELS)}" if by == "pairs" else "marks: {CRITERION: WHOLE NUMBER}"
            problems.append(
                Problem(row.place, row.fault or "no label of a known prompt", f"id or prompt, and {allowed}")
            )
        labels |= found
    if problems:
        raise UserError(problems[:10])
    return labels


def _verdict(named: Any, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    if values.get("verdict") in LABELS:
        yield (str(named),), values["verdict"]


def _marks(named: Any, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], int]]:
    marks = values.get("marks")
    for criterion, mark in marks.items() if isinstance(marks, Mapping) else ():
        if isinstance(mark, int) and not isinstance(mark, bool):
            yield (str(values.get("of", "a")), str(named), str(criterion)), mark
