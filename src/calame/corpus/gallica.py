"""Texts of Gallica, the French national library's digital collection: found by SRU queries, read in their text mode.

gallica.jsonl holds one document a line and is its own memory: the same command goes on after what is in it.
The interface (SRU 1.2, at most 50 records an answer) is described at api.bnf.fr; RODIN's pace is kept.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from calame.recipe.catalogue import Gallica
from calame.recipe.errors import refuse
from calame.run.http import HttpError, Patience, fetch
from calame.run.journal import Journal
from calame.run.progress import Bar, say

PAUSE = 1.1  # seconds from one request to the next
PAGE, REACH = 50, 10_000  # records an answer, and records that a query reaches: the interface's own limits
LEAST = 500  # characters; less is a notice without a text (RODIN's)
RECORD = "{http://www.loc.gov/zing/srw/}record"
DC = "{http://purl.org/dc/elements/1.1/}"


class Found(NamedTuple):
    """A record of an answer."""

    ark: str  # bpt6k...
    url: str
    title: str
    date: str


def fetch_gallica(
    source: Gallica,
    folder: Path,
    most: int | None,
    patience: Patience,
    language: str | None = "fr",
    pause: float = PAUSE,
) -> None:
    """Add documents to folder/gallica.jsonl until there are `most` of them, or the queries give no more. Raises
    `UserError` where the library does not answer."""
    pace = _Pace(patience, pause)
    with Journal(folder / "gallica.jsonl") as texts, Journal(folder / ".without-text.jsonl") as empty:
        known = {row["group"] for row in texts.rows()}
        without = {row["ark"] for row in empty.rows()}
        with Bar("gallica", most, "documents", len(known)) as bar:
            for found in _search(source, pace):
                if most is not None and len(known) >= most:
                    break
                if found.ark in known or found.ark in without:
                    continue
                text = _text(found, pace)
                if len(text) < LEAST:
                    empty.add({"ark": found.ark, "characters": len(text)})
                    without.add(found.ark)
                    continue
                row = {"text": text, "group": found.ark, "title": found.title, "date": found.date, "url": found.url}
                texts.add({**row, "language": language})
                known.add(found.ark)
                bar.advance(1)
    say(f"  gallica: {len(known):,} texts are there; {len(without):,} records had none")


class _Pace:
    """Requests with a pause between them."""

    def __init__(self, patience: Patience, pause: float):
        self.patience, self.pause = patience, pause
        self._last = -pause

    def get(self, url: str) -> bytes:
        wait = self._last + self.pause - time.monotonic()
        if wait > 0:
            self.patience.sleep(wait)
        self._last = time.monotonic()
        return fetch(url, self.patience)


def _search(source: Gallica, pace: _Pace) -> Iterator[Found]:
    """The records of all queries, page by page."""
    for query in source.queries:
        for start in range(1, REACH + 1, PAGE):
            asked = {"operation": "searchRetrieve", "version": "1.2", "query": query}
            asked |= {"startRecord": str(start), "maximumRecords": str(PAGE)}
            url = f"{source.url}/SRU?{urlencode(asked)}"
            try:
                records = list(_records(pace.get(url)))
            except HttpError as error:
                remedy = "try again later; the same command goes on after what is there"
                raise refuse(source.url, error.found, remedy=remedy) from None
            except ElementTree.ParseError as error:
                say(f"  gallica: an answer that is no XML is passed over (records {start} on of {query}: {error})")
                continue
            yield from (found for found in records if found is not None)
            if not records:
                break


def _records(answer: bytes) -> Iterator[Found | None]:
    """The records of an answer; None for one that is not in Gallica itself."""
    for record in ElementTree.fromstring(answer).iter(RECORD):
        urls = [element.text or "" for element in record.iter(f"{DC}identifier")]
        url = next((url for url in urls if "/ark:/" in url), None)
        if url is None:
            yield None
            continue
        title, date = (next((e.text or "" for e in record.iter(f"{DC}{name}")), "") for name in ("title", "date"))
        yield Found(url.rstrip("/").split("/")[-1], url.rstrip("/"), title, date)


def _text(found: Found, pace: _Pace) -> str:
    """A document's text; empty where the library has none to show (403, 404)."""
    try:
        body = pace.get(f"{found.url}.texteBrut")
    except HttpError as error:
        if error.status is not None and not error.passing:
            return ""
        remedy = "try again later; the same command goes on after what is there"
        raise refuse(found.url, error.found, remedy=remedy) from None
    text = body.decode("utf-8", "replace")
    return _Plain.of(text) if "<html" in text[:2000].lower() else text.strip()


class _Plain(HTMLParser):
    """A page of HTML as lines of text: the text mode is such a page."""

    BLOCKS = ("p", "br", "div", "hr", "li", "h1", "h2", "h3", "h4", "tr")
    UNSEEN = ("script", "style", "head", "title")

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.unseen = 0

    @staticmethod
    def of(page: str) -> str:
        parser = _Plain()
        parser.feed(page)
        lines = (" ".join(line.split(" ")).strip() for line in "".join(parser.pieces).split("\n"))
        return "\n".join(line for line in lines if line)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in self.UNSEEN
        if tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in self.UNSEEN
        if tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.pieces.append(data)
