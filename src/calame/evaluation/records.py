"""Files with a declared shape: each is a pydantic model, so that what is written is what is documented.

`describe` prints a model's keys as its documentation does; a test holds the two together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from calame.evaluation.intervals import Interval
from calame.run.files import atomic


class Record(BaseModel):
    """Unknown keys, and numbers that are none, are errors when it is read and when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Number(Record):
    """A measured number with its interval."""

    value: float = Field(description="as measured")
    low: float = Field(description="lower end of the 95 % bootstrap interval")
    high: float = Field(description="upper end of it")
    n: int = Field(description="how many things it was measured on")


R = TypeVar("R", bound=Record)


def say_number(number: Number | Interval | None, form: str = ".3f", missing: str = "-") -> str:
    """As `0.123 [0.100, 0.150]`; `missing` where nothing could be measured."""
    if number is None:
        return missing
    return f"{number.value:{form}} [{number.low:{form}}, {number.high:{form}}]"


def number_of(interval: Interval) -> Number | None:
    """None where nothing could be measured: never a number that is none."""
    return None if math.isnan(interval.value) else Number.model_validate(interval.as_json())


def write_record(path: Path, record: Record) -> None:
    with atomic(path, "w") as file:
        file.write(record.model_dump_json(indent=1, by_alias=True) + "\n")


def write_rows(path: Path, rows: Iterable[Record]) -> None:
    with atomic(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row.model_dump(mode="json"), ensure_ascii=False) + "\n")


def read_record(path: Path, kind: type[R]) -> R:
    return kind.model_validate_json(path.read_text(encoding="utf-8"))


def read_lines(path: Path, kind: type[R]) -> Iterator[R]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield kind.model_validate_json(line)


def describe(kind: type[Record]) -> list[str]:
    """A row of a Markdown table for each key: name, meaning, which every key has."""
    fields = kind.model_fields
    assert all(field.description for field in fields.values()), f"{kind.__name__}: a key without a meaning"
    return [f"| `{name}` | {field.description} |" for name, field in fields.items()]
