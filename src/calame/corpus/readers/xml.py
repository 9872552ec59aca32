"""XML files, by their root: dumps of MediaWiki, and texts of the law as DILA publishes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from calame.corpus.readers import law, wiki
from calame.corpus.readers.content import CHUNK
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import Damaged, Row

Event = tuple[str, Element]


def read(opened: Opened) -> Iterator[Row]:
    """A row an article of a wiki at FILE#ARTICLE; one row of a text of the law."""
    events = _events(opened.file)
    _, root = next(events)
    if local(root.tag) == "mediawiki":
        yield from wiki.pages(events, root, opened.name)
        return
    if local(root.tag) in law.KNOWN:
        for _ in events:
            pass
    yield law.row(root, opened.name)


def _events(file: BinaryIO) -> Iterator[Event]:
    """Beginnings and ends of elements as the file is read. Raises `Damaged` where it is no XML or ends too early."""
    parser = XMLPullParser(("start", "end"))
    try:
        while chunk := file.read(CHUNK):
            parser.feed(chunk)
            yield from parser.read_events()  # type: ignore[misc]
        parser.close()
        yield from parser.read_events()  # type: ignore[misc]
    except ParseError as error:
        raise Damaged(f"not XML: {error}") from None


def local(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]
