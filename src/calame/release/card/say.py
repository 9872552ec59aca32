"""Sentences with holes, and records that fill them: a sentence whose record is not there is not said.

The sentences are `texts/LANGUAGE.yaml`, which hold no figure of their own (a test says so). A hole is `{path}` or
`{path:form}`: path leads through the values given for this sentence, else through the records; form says how it reads:

n whole number   k short count   f1 to f4 decimals   g three digits   e powers of ten   p, p0 percent   x times
s duration       b bytes         d date              c as code        w word of `words`    l languages    t text
lang a language   i, ip number with its interval, as decimals or percent
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import yaml

from calame.release.card.numbers import Numbers
from calame.release.records.run import Absent

HOLE = re.compile(r"\{([A-Za-z0-9_./-]+)(?::([a-z0-9]+))?\}")
LANGUAGES = ("en", "fr", "it")
Tree = Mapping[str, Any]
Told = TypeVar("Told")


class Written(str):
    """Text that is Markdown already."""


@cache
def texts(language: str) -> Tree:
    file = resources.files("calame.release.card") / "texts" / f"{language}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


class Say:
    """Speaks one language about one tree of records."""

    def __init__(self, records: Tree, language: str):
        self.records, self.language = records, language
        self.texts = texts(language)
        self.numbers = Numbers(self.texts["numbers"])

    def __call__(self, key: str, at: Tree | None = None, **values: Any) -> str | None:
        """The sentence of a dotted key. None where one of its records is not there."""
        try:
            return self.fill(_at(self.texts, key), {**(at or {}), **values})
        except Absent:
            return None

    def fill(self, template: str, values: Tree) -> str:
        """Raises `Absent`."""
        return HOLE.sub(lambda hole: self.form(self._value(hole[1], values), hole[2] or "t"), template)

    def _value(self, path: str, values: Tree) -> Any:
        try:
            return _at(values, path)
        except Absent:
            return _at(self.records, path)

    def has(self, path: str) -> bool:
        try:
            _at(self.records, path)
        except Absent:
            return False
        return True

    def get(self, path: str, otherwise: Any = None) -> Any:
        try:
            return _at(self.records, path)
        except Absent:
            return otherwise

    def word(self, name: str) -> str:
        """A name of ours in this language; one that the table lacks stays as it is."""
        return self.texts["words"].get(name, escape(name))

    def rows(self, key: str, at: Tree | None = None, **values: Any) -> list[list[str]]:
        """Rows of a table, each a list of cells, as far as all their records are there."""
        found = []
        for cells in _at(self.texts, key).values():
            try:
                found.append([self.fill(cell, {**(at or {}), **values}) for cell in cells])
            except Absent:
                continue
        return found

    def lines(self, key: str, at: Tree | None = None, **values: Any) -> list[str]:
        """The sentences below a key, as far as their records are there."""
        told = [self(f"{key}.{name}", at, **values) for name in _at(self.texts, key)]
        return [line for line in told if line is not None]

    def each(self, make: Callable[..., Told], items: Iterable[Any]) -> list[Told]:
        """What `make` tells of each item (its arguments, where it is a tuple); of a record that is there in part,
        nothing."""
        found = []
        for item in items:
            try:
                found.append(make(*item) if isinstance(item, tuple) else make(item))
            except (Absent, KeyError):
                continue
        return found

    def form(self, value: Any, form: str) -> str:
        if form == "w":
            return self.word(str(value))
        if form == "c":
            return f"`{str(value).replace('`', chr(39))}`"
        if form == "l":
            return self.joined([self.texts["languages"].get(code, code) for code in value])
        if form == "lang":
            return self.texts["languages"].get(value, str(value))
        if form == "d":
            return self.numbers.date(str(value))
        if form in ("i", "ip"):
            return self._interval(value, form)
        if isinstance(value, Written):
            return value
        if form == "t":
            return escape(str(value)) if not isinstance(value, float | int) else self.numbers.plain(value)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise Absent(form)
        return self.numbers.form(value, form)

    def _interval(self, value: Mapping[str, float], form: str) -> str:
        one = "f3" if form == "i" else "p"
        try:
            told = [self.form(value[key], one) for key in ("value", "low", "high")]
        except KeyError:
            raise Absent(form) from None
        return f"{told[0]} {self.numbers.between(told[1], told[2])}"

    def joined(self, parts: Sequence[str]) -> str:
        """a, b and c"""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.texts['and']} {parts[-1]}"


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(tree, Mapping) or key not in tree:
            raise Absent(path)
        tree = tree[key]
    return tree


def escape(text: str) -> str:
    """Text of others as Markdown shows it: one line, no tags, no cells of its own."""
    flat = one_line(text)
    return re.sub(r"([\\`*\[\]|]|(?<!\w)_|_(?!\w))", r"\\\1", flat).replace("<", "&lt;").replace("{", "&#123;")


def one_line(text: str) -> str:
    """With its ends of lines as blanks; no-break spaces stay, which belong to the text."""
    return re.sub(r"[ \t]*[\n\r\t]+[ \t]*", " ", text).strip(" \n\r\t")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """A Markdown table; None without rows. Columns in which nothing stands are left out."""
    if not rows:
        return None
    kept = [n for n in range(len(head)) if any(row[n] for row in rows)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row[n] for n in kept) + " |" for row in lines)


def paragraphs(*parts: str | None) -> str | None:
    """What there is of the parts, a blank line between; None if nothing."""
    there = [part for part in parts if part]
    return "\n\n".join(there) if there else None


def bullets(lines: Sequence[str | None]) -> str | None:
    there = [f"- {line}" for line in lines if line]
    return "\n".join(there) if there else None


def section(title: str, level: int, *parts: str | None) -> str | None:
    """A heading with what stands below it; nothing where nothing does."""
    content = paragraphs(*parts)
    return f"{'#' * level} {title}\n\n{content}" if content else None
