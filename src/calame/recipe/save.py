"""Write a recipe as resolved: every default and derived value present, each derived one with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from calame.recipe.derived import Derived
from calame.recipe.schema import Recipe


def resolved_yaml(recipe: Recipe, derived: Sequence[Derived]) -> str:
    """The whole recipe as YAML that `load_recipe` reads back to the same recipe."""
    reasons = {note.key: note for note in derived}
    data = recipe.model_dump(by_alias=True, mode="json")
    return "\n".join(["# as resolved: all values, also those that were not written", *_lines(data, "", reasons)]) + "\n"


def _lines(data: dict[str, Any], prefix: str, notes: dict[str, Derived]) -> Iterator[str]:
    indent = "  " * prefix.count(".")
    for key, value in data.items():
        note = notes.get(prefix + key)
        if isinstance(value, dict) and value:
            yield f"{indent}{_scalar(key)}:" + (f"  # derived: {note.reason}" if note else "")
            yield from _lines(value, f"{prefix}{key}.", notes)
        elif note is not None and note.at_start:
            yield f"{indent}# {key}: {_scalar(note.value)}  # settled at the first start: {note.reason}"
        elif value is not None:
            yield f"{indent}{_scalar(key)}: {_scalar(value)}" + (f"  # derived: {note.reason}" if note else "")


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")  # not strip(): a no-break space at the end is text
