"""JSON lines: an object with columns a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from calame.corpus.readers.content import skip_line
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, Row, sample_of, too_long

LENIENT = json.JSONDecoder(strict=False)  # takes tabs, line ends and NUL bytes as they are within a string


def read(opened: Opened) -> Iterator[Row]:
    """A row an object, at FILE:LINE; of several that are glued on one line the second stands at FILE:LINE.2."""
    number = 0
    while line := opened.file.readline(LONGEST + 1):
        number += 1
        place = f"{opened.name}:{number}"
        if len(line) > LONGEST:
            yield too_long("line", place, len(line) + skip_line(opened.file), sample_of(line))
        elif line := line.removeprefix(codecs.BOM_UTF8).strip():
            yield from _objects(line, place)


def _objects(line: bytes, place: str) -> Iterator[Row]:
    try:
        # JSON may spell halves of characters, and so may bytes: the reader of texts names them.
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        yield Row(None, place, f"broken line: {error}", len(line), sample_of(line))
        return
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        yield from _one_by_one(text, place)
    else:
        yield _row(values, line, place)


def _one_by_one(text: str, place: str) -> Iterator[Row]:
    """The objects of a line that is not one object: each is read, and the rest that is none is named."""
    number = position = 0
    while position < len(text):
        number += 1
        where = place if number == 1 else f"{place}.{number}"
        rest = text[position:].encode("utf-8", "surrogatepass")
        try:
            values, end = LENIENT.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield Row(None, where, f"broken line: {error}", len(rest), sample_of(rest))
            return
        yield _row(values, rest, where)
        position = len(text) - len(text[end:].lstrip())


def _row(values: object, line: bytes, place: str) -> Row:
    if isinstance(values, dict):
        return Row(values, place)
    return Row(None, place, "broken line: not an object with columns", len(line), sample_of(line))
