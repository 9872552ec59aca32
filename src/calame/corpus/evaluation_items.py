"""Evaluation files (.jsonl) as the corpus room reads them: items, and the columns of theirs that hold text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from calame.corpus.files import find_files
from calame.corpus.readers.kinds import JSON_KINDS, read_rows
from calame.recipe.errors import refuse

# Columns that name or sort an item; they hold no text of it.
LABELS = {"id", "lang", "language", "category", "level", "paradigm", "label", "label_text", "license", "source", "url"}


class Item(NamedTuple):
    """One item of an evaluation file: the file's name in the recipe, the item's, and its values as they stand."""

    file: str
    name: str
    values: dict[str, Any]


def read_items(name: str, location: str, key: str) -> Iterator[Item]:
    """The items of an evaluation file. Raises `UserError` naming `key` where there is none or a line is broken."""
    path = item_file(location, key)
    number = 0
    for row in read_rows(path):
        if row.values is None:
            raise refuse(key, f"{row.place}: {row.fault}", "one JSON object a line", "mend the file")
        yield Item(name, str(row.values.get("id", number)), row.values)
        number += 1
    if not number:
        raise refuse(key, f"{location}: no items in it")


def item_file(location: str, key: str) -> Path:
    files = find_files(location, (), key, JSON_KINDS)
    if files != [Path(location)]:
        raise refuse(key, f"{location}: more than a file", f"one file ending in {', '.join(JSON_KINDS)}")
    return files[0]


def texts(values: Mapping[str, Any], fields: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """(column, text) of an item, in its order; a list of texts (choices, answers) gives each, a mapping its values."""
    for column, value in values.items():
        if column in fields if fields else column not in LABELS:
            for text in _strings(value):
                yield column, text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
