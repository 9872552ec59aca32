"""The recipe's keys as a list, for messages and for people; and the recipes that come with the package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from calame.recipe.schema import Recipe


def shipped_recipes() -> list[str]:
    """Names of the recipes inside the package."""
    names = [file.name for file in resources.files("calame.recipes").iterdir()]
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def describe_shipped() -> Iterator[str]:
    """A line a shipped recipe: its name and description."""
    for name in shipped_recipes():
        text = (resources.files("calame.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
        yield f"{name:<20} {(yaml.safe_load(text) or {}).get('description', '')}"


def describe_keys() -> Iterator[str]:
    """A line a key: name, default, meaning; execution keys are marked, all others are result keys."""
    for key, field in all_keys():
        default = "required" if field.is_required() else "" if field.default is None else f"[{field.default}]"
        mark = " (execution)" if key.startswith("execution.") else ""
        yield f"{key:<44} {default} {field.description or ''}{mark}".rstrip()


def all_keys(model: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a recipe, dotted; NAME stands for a name of the user's own."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section = _section_of(field.annotation)
        if section is None:
            yield key, field
        else:
            named = _is_named(field.annotation)
            yield from all_keys(section, f"{key}.NAME." if named else f"{key}.")


def known_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand in the section at `path`."""
    model: type[BaseModel] | None = Recipe
    named = False  # whether the next part is a name of the user's own
    for part in path:
        if named or model is None:
            named = False
            continue
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        model = _section_of(field.annotation) if field else None
        named = field is not None and _is_named(field.annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section inside an annotation such as `Sft | None` or `dict[Name, Source]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((s for a in getattr(annotation, "__args__", ()) if (s := _section_of(a)) is not None), None)


def _is_named(annotation: Any) -> bool:
    """Whether the sections of an annotation have names of the user's own, as in `dict[Name, Phase] | None`."""
    inside = getattr(annotation, "__args__", ())
    return getattr(annotation, "__origin__", None) is dict or any(map(_is_named, inside))
