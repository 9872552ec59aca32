"""The rows of a set to tune on: of files, of the hub, or of the built-in world; filtered by the values of columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from calame.corpus import petit_monde
from calame.corpus.columns import column
from calame.corpus.files import find_files
from calame.corpus.hub import hub_rows
from calame.corpus.readers.kinds import read_rows
from calame.corpus.readers.row import SAMPLE, Row
from calame.recipe.errors import refuse
from calame.recipe.tuning import RowSet
from calame.run.progress import say
from calame.tuning.messages import NOT_STATED, Unusable

T = TypeVar("T")
KINDS = (".jsonl", ".jsonl.zst", ".jsonl.gz", ".json", ".csv", ".parquet")


def rows_of(where: str, keys: RowSet, part: str, languages: Sequence[str], seed: int) -> Iterator[Row | Unusable]:
    """The rows that the set's filters leave, and why the others are set aside. `where`: the set's key in the recipe;
    `part`: of the built-in world. Raises `UserError` where there is nothing to read, or no such column."""
    first = True
    for row in _all_rows(where, keys, part, languages, seed):
        if row.values is None:
            yield Unusable(row.place, row.fault.split(":")[0], row.sample)
            continue
        if first:
            _check_columns(where, keys, row)
            first = False
        reason = left_out(keys, row.values)
        yield Unusable(row.place, reason, sample_of(row.values)) if reason else row


def with_format(
    name: str, kind: str | None, rows: Iterator[Row | Unusable], detect: Callable[[Mapping[str, Any]], str | None]
) -> Iterator[tuple[Row, str] | Unusable]:
    """Each row with its format: the one that is given, or that of the first row whose columns speak for one, said
    aloud; rows before it are set aside."""
    for row in rows:
        if isinstance(row, Unusable) or row.values is None:
            yield row if isinstance(row, Unusable) else Unusable(row.place, row.fault)
            continue
        if kind is None and (kind := detect(row.values)) is not None:
            say(f"  {name}: rows of the format {kind}, by their columns")
        if kind is None:
            columns = ", ".join(map(str, row.values)) or "none"
            yield Unusable(row.place, f"columns of no format: {columns}", sample_of(row.values))
        else:
            yield row, kind


def without_format(items: Iterable[tuple[Row, str] | Unusable]) -> Iterator[Row | Unusable]:
    return (item if isinstance(item, Unusable) else item[0] for item in items)


def up_to(most: int | None, items: Iterator[T | Unusable]) -> Iterator[T | Unusable]:
    """The items, those that are set aside among them, up to the usable one number `most`."""
    count = 0
    for item in items:
        yield item
        count += not isinstance(item, Unusable)
        if count == most:
            return


def _all_rows(where: str, keys: RowSet, part: str, languages: Sequence[str], seed: int) -> Iterator[Row]:
    if keys.location == "builtin:petit-monde":
        own_seed = seed if keys.seed is None else keys.seed
        rows = petit_monde.rows(part, seed=own_seed, size=keys.size or 0, languages=languages)
        yield from (Row(row, f"petit-monde:{number}") for number, row in enumerate(rows))
    elif keys.location.startswith("hub:"):
        yield from hub_rows(keys.location.removeprefix("hub:"), keys, where)
    else:
        for path in find_files(keys.location, (), f"{where}.from", KINDS):
            yield from _read_list(path) if path.suffix == ".json" else read_rows(path)


def _read_list(path: Path) -> Iterator[Row]:
    """A JSON file that is one list of rows, as Alpaca and ShareGPT are published."""
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        rows = None
        fault = f"broken file: {error}"
    else:
        fault = "broken file: not a list of rows"
    if not isinstance(rows, list):
        yield Row(None, path.name, fault)
        return
    for number, values in enumerate(rows, 1):
        good = isinstance(values, dict)
        yield Row(values if good else None, f"{path.name}:{number}", "" if good else "broken row: no columns")


def _check_columns(where: str, keys: RowSet, row: Row) -> None:
    """The first row lacks a column that is filtered by: the name is wrong, not the row."""
    assert row.values is not None
    for filter_ in ("include", "exclude"):
        for name in getattr(keys, filter_):
            try:
                column(row.values, name)
            except KeyError:
                columns = ", ".join(map(str, row.values)) or "none"
                found = f"{row.place} has no column {name!r}"
                raise refuse(f"{where}.{filter_}", found, f"its columns: {columns}") from None


def left_out(keys: RowSet, values: Mapping[str, Any]) -> str:
    """By which filter a row is left out, or an empty string."""
    for name, wanted in keys.include.items():
        if _value(values, name) not in wanted:
            return f"left out by include: {name}"
    for name, unwanted in keys.exclude.items():
        if _value(values, name) in unwanted:
            return f"left out by exclude: {name}"
    return ""


def _value(values: Mapping[str, Any], name: str) -> str:
    try:
        return str(column(values, name))
    except KeyError:
        return ""


def license_of(keys: RowSet, values: Mapping[str, Any]) -> str:
    return keys.license or str(values.get("license") or NOT_STATED)


def sample_of(values: Mapping[str, Any]) -> str:
    """The beginning of a row, as text that can be written whatever it holds."""
    text = json.dumps(values, ensure_ascii=False, default=str)[:SAMPLE]
    return text.encode("utf-8", "backslashreplace").decode()
