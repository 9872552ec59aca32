"""Items of a task: the rows of its file, each looked at before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.corpus.readers.kinds import read_rows
from calame.evaluation.tasks.shape import Shape, fill
from calame.recipe.errors import refuse


@dataclass(frozen=True)
class Item:
    """A row: its id, or its place in the file; its values; and how it is asked."""

    id: str
    values: Mapping[str, Any]
    shape: Shape

    def context(self, option: str = "") -> str:
        return fill(self.shape.context, {**self.values, "option": option})

    def continuation(self, option: str = "") -> str:
        """`option`: the one that is asked for; of questions that are answered freely, an answer."""
        return fill(self.shape.continuation, {**self.values, "option": option, "answer": option})

    @property
    def options(self) -> list[str]:
        if self.shape.words:
            return list(self.shape.words)
        if isinstance(self.shape.options, str):
            return list(self.values[self.shape.options])
        return [self.values[name] for name in self.shape.options]

    @property
    def right(self) -> int:
        """Which of the options is right."""
        answer = self.shape.answer
        return answer if isinstance(answer, int) else int(self.values[answer])

    @property
    def references(self) -> list[str]:
        """The answers that are right."""
        found = self.values[self.shape.references]
        return list(found) if isinstance(found, list) else [found]

    @property
    def example(self) -> str:
        """The item with its right answer, as it shows how the task is done."""
        right = self.references[0] if self.shape.references else self.options[self.right]
        return self.context(right) + self.continuation(right)

    @property
    def texts(self) -> set[str]:
        """What it asks, and of what: two items that have one of these in common are not independent."""
        asked = [name for name, sort in self.shape.fields.items() if sort == "text" and name != self.shape.references]
        return {self.values[name] for name in asked}


def read_values(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and values of each row. Raises `UserError` for a line that is none."""
    for row in read_rows(path):
        if row.values is None:
            raise refuse(str(path), f"{row.place}: {row.fault}")
        yield row.place, dict(row.values)


MOST_FAULTY = 0.01  # share of a file's rows that may be no items; more is no oversight


@dataclass(frozen=True)
class Items:
    """The items of a file, and what is wrong with the rows that are none, in words."""

    items: list[Item]
    faults: list[str]


def read_items(path: Path, shape: Shape) -> Items:
    """Raises `UserError` where a row is no item of the shape, unless that is one row in a hundred: such rows are left
    out, and told."""
    found, wanted = Items([], []), shape.fields
    for place, values in read_values(path):
        asked = shape.of_row(values)
        if wrong := [fault for name, sort in asked.fields.items() if (fault := _fault(values, name, sort, asked))]:
            found.faults.append(f"{place}: {'; '.join(wrong)}")
            wanted = asked.fields
        else:
            found.items.append(Item(str(values.get("id", place)), values, asked))
    rows = len(found.items) + len(found.faults)
    if not rows:
        raise refuse(str(path), "no items", "a row a line")
    if len(found.faults) > MOST_FAULTY * rows:
        more = f" (and {len(found.faults) - 1} more rows)" if len(found.faults) > 1 else ""
        allowed = ", ".join(f"{name} ({SORTS[sort]})" for name, sort in wanted.items())
        raise refuse(str(path), f"{found.faults[0]}{more}", allowed)
    return found


SORTS = {
    "text": "a text",
    "texts": "a list of texts",
    "option": "the number of the right option, from 0",
    "flag": "0 or 1",
}


def _fault(values: Mapping[str, Any], name: str, sort: str, shape: Shape) -> str:
    """What is wrong with a field, in words; empty if nothing is."""
    value: Any = values.get(name)
    if value is None:
        return f"no {name}"
    if sort == "text" and not (isinstance(value, str) and value.strip()):
        return f"{name} is no text, or an empty one"
    if sort == "texts":
        least = 2 if shape.kind == "options" else 1
        texts = value if isinstance(value, list) else []
        if len(texts) < least or not all(isinstance(text, str) and text.strip() for text in texts):
            return f"{name} is no list of {least} texts and more, none of them empty"
    if sort == "option" and not _below(value, _number_of_options(values, shape)):
        return f"{name} is {value!r}, none of {_number_of_options(values, shape)} options"
    if sort == "flag" and not _below(value, 2):
        return f"{name} is {value!r}"
    return ""


def _below(value: Any, number: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < number


def _number_of_options(values: Mapping[str, Any], shape: Shape) -> int:
    options = values.get(shape.options) if isinstance(shape.options, str) else shape.words or shape.options
    return len(options) if isinstance(options, list | tuple) else 0
