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


def read_items(path: Path, shape: Shape) -> list[Item]:
    """All items of a file. Raises `UserError` naming the first row that is none of the shape."""
    items = []
    for place, values in read_values(path):
        asked = shape.of_row(values)
        faults = [fault for name, sort in asked.fields.items() if (fault := _fault(values, name, sort, asked))]
        if faults:
            wanted = ", ".join(f"{name} ({SORTS[sort]})" for name, sort in asked.fields.items())
            raise refuse(str(path), f"{place}: {'; '.join(faults)}", wanted)
        items.append(Item(str(values.get("id", place)), values, asked))
    if not items:
        raise refuse(str(path), "no items", "a row a line")
    return items


SORTS = {
    "text": "a text",
    "texts": "a list of texts",
    "option": "the number of the right option, from 0",
    "flag": "0 or 1",
}


def _fault(values: Mapping[str, Any], name: str, sort: str, shape: Shape) -> str:
    """What is wrong with a field, in words; empty if nothing is."""
    value = values.get(name)
    if value is None:
        return f"no {name}"
    if sort == "text" and not (isinstance(value, str) and value.strip()):
        return f"{name} is no text, or an empty one"
    if sort == "texts":
        least = 2 if shape.kind == "options" else 1
        texts = value if isinstance(value, list) else []
        if len(texts) < least or not all(isinstance(text, str) and text.strip() for text in texts):
            return f"{name} is no list of {least} texts and more, none of them empty"
    if sort == "option" and not (_whole(value) and 0 <= value < _number_of_options(values, shape)):
        return f"{name} is {value!r}, none of {_number_of_options(values, shape)} options"
    if sort == "flag" and not (_whole(value) and value in (0, 1)):
        return f"{name} is {value!r}"
    return ""


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number_of_options(values: Mapping[str, Any], shape: Shape) -> int:
    options = values.get(shape.options) if isinstance(shape.options, str) else shape.words or shape.options
    return len(options) if isinstance(options, list | tuple) else 0
