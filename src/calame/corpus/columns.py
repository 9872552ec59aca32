"""The columns of a row that the recipe names: the text that they make together, and the number in one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from calame.corpus import markdown, wikitext
from calame.corpus.readers.main_text import main_text
from calame.recipe.corpus import Source, template_parts

MARKUP: dict[str, Callable[[str], str]] = {"html": main_text, "wiki": wikitext.plain, "markdown": markdown.plain}


def column(values: Mapping[str, Any], name: str) -> Any:
    """The value of a column; of `a.b`, where no column has that name, what is called b in a. Raises `KeyError`."""
    if name in values:
        return values[name]
    first, dot, rest = name.partition(".")
    inner = values[first] if dot else None
    if not isinstance(inner, Mapping):
        raise KeyError(name)
    return column(inner, rest)


def number_in(values: Mapping[str, Any], name: str) -> float:
    """The number in a column. Raises `ValueError` naming the fault."""
    value = column(values, name)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"no number in its score column: {ascii(value)[:40]}")
    return number


class Texts:
    """Makes a row's text as the recipe says: of one column or of several, and without its mark-up."""

    def __init__(self, source: Source):
        self.parts = [("", source.text)] if source.template is None else template_parts(source.template)
        self.columns = [name for _, name in self.parts if name]
        self.text, self.markup = source.text, MARKUP.get(source.markup)

    def of(self, values: Mapping[str, Any]) -> str:
        """The text; raises `ValueError` naming the fault where a column holds none. `KeyError` where it is missing."""
        return unix_lines("".join(before + (self._in(values, name) if name else "") for before, name in self.parts))

    def _in(self, values: Mapping[str, Any], name: str) -> str:
        value = column(values, name)
        if isinstance(value, int | float) and len(self.columns) > 1:
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("no text in its text column" + (f": {name}" if len(self.columns) > 1 else ""))
        if self.markup and name == self.text:
            value = self.markup(value)
            if not value:
                raise ValueError("no main text")
        if len(self.columns) > 1 and not value.strip():
            raise ValueError(f"empty: column {name}")
        return value


def unix_lines(text: str) -> str:
    """Line ends of every system as newlines, and none around the text."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
