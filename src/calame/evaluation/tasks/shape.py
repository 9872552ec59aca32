"""The shapes of tasks: what a row of each holds, how it is asked in each language, and by what it is scored. They are
data (`shapes/*.yaml`; docs/evaluation-benchmarks.md says what each key means)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from calame.recipe.errors import refuse
from calame.run.files import digest

FILTERS: dict[str, Callable[[str], str]] = {
    "clause": lambda text: text.strip().rstrip(".!?…"),  # a sentence that goes on
    "small": lambda text: text[:1].lower() + text[1:],
}
SLOT = re.compile(r"\{(\w+)(?:\|(\w+))?\}")


def fill(template: str, values: Mapping[str, Any]) -> str:
    """A template with each `{field}`, or `{field|filter}`, in its place."""

    def put(slot: re.Match[str]) -> str:
        text = str(values[slot[1]])
        return FILTERS[slot[2]](text) if slot[2] else text

    return SLOT.sub(put, template)


@dataclass(frozen=True)
class Shape:
    """How a row of a task is asked, in one language.

    kind: what scores it (`kinds.py`). fields: what a row holds, {name: sort of value} (`items.py`). context,
    continuation: templates; what is asked for is the continuation. options: the name of the field that holds them,
    names of fields, or the options themselves (`words`). metrics: the first is the headline. parts: a field by which
    the result is split as well. shots: whether examples before an item make sense.
    """

    name: str
    language: str
    kind: str
    category: str
    fields: Mapping[str, str]
    metrics: tuple[str, ...]
    context: str = ""
    continuation: str = ""
    options: str | tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    answer: str | int = 0
    references: str = ""
    stop: str = ""
    tokens: int = 0
    parts: str = ""
    shots: bool = False
    reason: str = ""
    variants: tuple[tuple[Mapping[str, Any], Shape], ...] = ()

    def of_row(self, row: Mapping[str, Any]) -> Shape:
        """The way in which a row is asked."""
        fitting = (shape for when, shape in self.variants if all(row.get(key) == value for key, value in when.items()))
        return next(fitting, self)

    @property
    def template(self) -> str:
        """What tells one way of asking from another: it travels with the numbers."""
        return f"{self.name}/{self.language} {digest(self._asked())[:8]}"

    def _asked(self) -> list[Any]:
        asked = [self.kind, self.context, self.continuation, self.options, self.words, self.stop, self.tokens]
        return [*asked, *(shape._asked() for _, shape in self.variants)]


def shape_names() -> list[str]:
    files = resources.files("calame.evaluation.tasks") / "shapes"
    return sorted(file.name.removesuffix(".yaml") for file in files.iterdir() if file.name.endswith(".yaml"))


@cache
def _read(name: str) -> dict[str, Any]:
    path = resources.files("calame.evaluation.tasks") / "shapes" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def shape_of(name: str, language: str, where: str, own: Mapping[str, str]) -> Shape:
    """A shape in a language. `own`: templates that take the place of the shape's.

    Raises `UserError` naming `where` for a shape, or a language, that is not known."""
    if name not in shape_names():
        raise refuse(where, f"type {name!r} is no shape of tasks", ", ".join(shape_names()))
    data = dict(_read(name))
    variants = [] if own else data.pop("variants", [])
    base = {key: value for key, value in data.items() if key != "variants"}
    return replace(
        _shape(name, language, where, base | own),
        variants=tuple((v["when"], _shape(name, language, where, base | _without_when(v))) for v in variants),
    )


def _without_when(variant: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variant.items() if key != "when"}


def _shape(name: str, language: str, where: str, data: Mapping[str, Any]) -> Shape:
    def said(key: str) -> Any:
        return _in(data.get(key, ""), language, key, name, where)

    options, listed = said("options"), data.get("options")
    words = tuple(options) if isinstance(listed, dict) else ()
    spoken = {"context": said("context"), "continuation": said("continuation"), "words": words}
    spoken["options"] = () if words else tuple(options) if isinstance(options, list) else options
    return Shape(name=name, language=language, **{**data, **spoken, "metrics": tuple(data["metrics"])})


def _in(value: Any, language: str, key: str, name: str, where: str) -> Any:
    """A key's value in a language; of a value without languages, the value."""
    if not isinstance(value, dict):
        return value
    if language not in value:
        raise refuse(
            where,
            f"shape {name} is not asked in {language!r}",
            ", ".join(value),
            f"give the task a {key} of its own, in its language" if key != "options" else "another shape",
        )
    return value[language]
