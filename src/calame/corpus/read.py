"""From a source of the recipe to documents: rows become documents, or are set aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calame.corpus import petit_monde
from calame.corpus.columns import Texts, column, number_in
from calame.corpus.document import Document
from calame.corpus.files import check_encoding, find_files, name_in
from calame.corpus.readers.kinds import read_rows
from calame.corpus.readers.row import SAMPLE, Row
from calame.recipe.corpus import CODE, Source
from calame.recipe.errors import UserError, refuse
from calame.run.progress import say

LANGUAGE_COLUMNS = ("language", "lang")
ORIGIN_COLUMNS = ("source", "url", "author")  # where and whose a text is: kept for attribution


@dataclass(frozen=True)
class Reject:
    """A record that gave no document: where it stood, why, its size in bytes, and its beginning."""

    place: str
    reason: str
    size: int
    sample: str = ""


class SourceReader:
    """Reads one source. `key` is its place in the recipe, for messages. `detect`: the documents' language is found out
    later, so that none is asked for."""

    def __init__(self, name: str, source: Source, languages: Sequence[str], seed: int, detect: bool = False):
        self.name, self.source, self.detect = name, source, detect
        self.languages = [*languages, CODE] if source.language == CODE else list(languages)
        self.seed = seed if source.seed is None else source.seed
        self.key = f"corpus.sources.{name}"
        self.documents = 0
        self.texts = Texts(source)
        self._columns = list(self._named())
        self.files: list[Path] = []
        if source.location.startswith("builtin:"):
            self._world()  # to know at once that there is such a world
        elif not source.location.startswith("hub:"):
            self.files = find_files(source.location, source.exclude, f"{self.key}.from")
        # Taken down once: a folder that vanishes while it is read would change them.
        self._parts = [name_in(source.location, path) for path in self.files] or [source.location]

    def _world(self) -> Iterator[dict[str, Any]]:
        languages = [self.source.language] if self.source.language else self.languages
        return builtin_rows("prose", self.key, self.seed, self.source.size or 0, languages)

    def parts(self) -> list[str]:
        """What can be read each on its own, in order: the names of the files, or the source as a whole."""
        return self._parts

    def check(self) -> None:
        """Raises `UserError` naming all files that are not in their encoding: to be called once, before reading."""
        check_encoding(self.files, self.source.encoding, self.key)

    def read(self) -> Iterator[Document | Reject]:
        """Documents and rejects of all parts in order, `limit` kept. Raises `UserError` where nothing can be read."""
        self.check()
        self.documents = 0
        for index in range(len(self._parts)):
            left = None if self.source.limit is None else self.source.limit - self.documents
            if left == 0:
                return
            for item in self.read_part(index, left):
                self.documents += isinstance(item, Document)
                yield item

    def read_part(self, index: int, most: int | None = None) -> Iterator[Document | Reject]:
        """The documents and rejects of one part in its order, up to the document number `most`.

        What it gives depends on nothing but the part. The recipe's `limit` holds over all parts: who reads them apart
        gives each what those before have left of it. Raises `UserError` where the first part lacks a column that
        the recipe names: then the name is wrong, not the row.
        """
        documents = 0
        for row in self._rows(index):
            if row.lost:
                say(f"  WARNING {self.name}: {row.place}: {row.fault}")
            item = self._document(row, must_have=index == 0 and not documents)
            if isinstance(item, Reject) and not item.size:
                item = replace(item, size=_size(row))
            documents += isinstance(item, Document)
            yield item
            if documents == most:
                return

    def _rows(self, index: int) -> Iterator[Row]:
        if self.source.location.startswith("builtin:"):
            for number, values in enumerate(self._world()):
                yield Row(values, f"petit-monde:{number}")
        elif self.source.location.startswith("hub:"):
            from calame.corpus.hub import hub_rows

            yield from hub_rows(self.source.location.removeprefix("hub:"), self.source, self.key)
        else:
            yield from read_rows(self.files[index], self.source.encoding, self.source.document, self._parts[index])

    def _document(self, row: Row, must_have: bool) -> Document | Reject:
        values = row.values
        if values is None:
            return Reject(row.place, row.fault, row.size, row.sample)
        for key, name in self._columns:
            try:
                column(values, name)
            except KeyError:
                if must_have:
                    raise self._missing(key, name, row) from None
                return Reject(row.place, f"no column {name}", 0, _writable(", ".join(map(str, values)))[:SAMPLE])
        try:
            text = self.texts.of(values)
            score = None if self.source.score is None else number_in(values, self.source.score)
        except ValueError as error:
            texts = [value for _, name in self._columns if isinstance(value := column(values, name), str)]
            size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
            return Reject(row.place, str(error), size, ascii(texts[0] if texts else values)[:SAMPLE])
        if not text:
            return Reject(row.place, "empty", 0)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            size = len(text.encode("utf-8", "surrogatepass"))
            return Reject(row.place, "not Unicode text (lone surrogates)", size, ascii(text[:SAMPLE]))
        language = self.source.language or self._language(values)
        if language not in self.languages and not self.detect:
            reason = f"language not in languages: {_writable(language)}" if language else "no language in its column"
            return Reject(row.place, reason, size, text[:SAMPLE])
        group = column(values, self.source.group) if self.source.group else values.get("group")
        group = row.place if group is None or group == "" else _writable(group)  # 0 is a group like any other
        license_ = self.source.license or _writable(values.get("license") or "not stated")
        metadata: dict[str, Any] = {name: _writable(values[name]) for name in ORIGIN_COLUMNS if values.get(name)}
        metadata |= {"place": row.place} if score is None else {"place": row.place, "score": score}
        return Document(text, self.name, group, language, license_, metadata)

    def _named(self) -> Iterator[tuple[str, str]]:
        """The columns that a row must have, each with the key that names it."""
        for name in self.texts.columns:
            yield "text" if self.source.template is None else "template", name
        for key in ("group", "score"):
            if name := getattr(self.source, key):
                yield key, name

    def _missing(self, key: str, name: str, row: Row) -> UserError:
        """The first row already lacks a column: the name is wrong, not the row."""
        assert row.values is not None
        return refuse(
            f"{self.key}.{key}",
            f"{row.place} has no column {name!r}",
            f"its columns: {', '.join(map(str, row.values)) or 'none'}",
            f"name the column that holds it, e.g. {self.key}.{key}=COLUMN",
        )

    def _language(self, values: dict[str, Any]) -> str:
        """The row's language; empty where its column is. Raises `UserError` where nothing says the language."""
        columns = [name for name in LANGUAGE_COLUMNS if name in values]
        if columns:
            return next((str(values[name]) for name in columns if values[name]), "")
        if self.detect or len(self.languages) == 1:
            return "" if self.detect else self.languages[0]
        raise refuse(
            f"{self.key}.language",
            "missing, and the rows have no column language or lang",
            ", ".join(self.languages),
            "say which language this source is in",
        )


def builtin_rows(part: str, key: str, seed: int, size: int, languages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of the built-in world. Raises `UserError` naming `key` for a size or a language that it does not have."""
    try:
        return petit_monde.rows(part, seed=seed, size=size, languages=languages)
    except ValueError as error:
        raise refuse(f"{key}.from", f"builtin:petit-monde: {error}") from None


def _size(row: Row) -> int:
    """Bytes of a record that gave no text: of its values as JSON, but for the group that a reader made up; of a broken
    one, of what could be read."""
    if row.values is None or row.size:
        return row.size
    values = {name: value for name, value in row.values.items() if value != row.place}
    return len(json.dumps(values, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))


def _writable(value: object) -> str:
    """A value as text that can be written as UTF-8, whatever it held."""
    return str(value).encode("utf-8", "backslashreplace").decode()
