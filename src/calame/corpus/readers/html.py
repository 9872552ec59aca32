"""HTML to text: the pages as rows, their encoding and title. What of a page is its text, `main_text.py` decides."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from html import unescape

from calame.corpus.readers.main_text import main_text
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, SAMPLE, Row, too_long

PAGES = ("text/html", "application/xhtml+xml")  # what pages are called on the web
CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([a-z0-9_:.-]+)", re.IGNORECASE)
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
HEAD = 1024  # bytes in which a page may say its encoding (HTML standard, 13.2.3.2)
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


def read(opened: Opened) -> Iterator[Row]:
    """The page at FILE, with `text`, `title` and `group`."""
    content = opened.file.read(LONGEST + 1)
    if len(content) > LONGEST:
        yield too_long("page", opened.name, opened.path.stat().st_size, "")
    else:
        yield page(decode(content), opened.name)


def page(html: str, place: str, url: str = "") -> Row:
    """A page as a row; a fault where there is no main text in it."""
    text = main_text(html)
    if not text:
        return Row(None, place, "no main text", len(html.encode("utf-8", "replace")), html[:SAMPLE])
    return Row({"text": text, "title": title(html), "url": url, "group": url or place}, place)


def decode(content: bytes, kind: str = "") -> str:
    """A page's characters. Its encoding is, in the order of the HTML standard: the mark at its beginning, what the
    header `kind` says, what the page says, UTF-8 where it is that, else Windows-1252."""
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    for words in (kind, content[:HEAD].decode("latin-1")):
        if said := CHARSET.search(words):
            encoding = _known(said.group(1))
            if encoding:
                return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _known(encoding: str) -> str:
    """The encoding that a page means by a name (latin-1 means Windows-1252, 4.2 of the Encoding standard)."""
    try:
        name = codecs.lookup(encoding).name
        " ".encode(name)
    except (LookupError, UnicodeError):
        return ""
    return "cp1252" if name in ("iso8859-1", "ascii") else name


def title(html: str) -> str:
    found = TITLE.search(html)
    return " ".join(unescape(found.group(1)).split()) if found else ""
