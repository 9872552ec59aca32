"""Dumps of MediaWiki (Wikipedia, Wikisource): `pages-articles.xml`, export format 0.10 and 0.11."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from calame.corpus.readers.row import Row
from calame.corpus.wikitext import plain


def pages(events: Iterator[tuple[str, Element]], root: Element, name: str) -> Iterator[Row]:
    """A row an article at FILE#ARTICLE with `text`, `title`, `id` and `group`, its number. Pages of other namespaces
    (talk, templates, categories) and redirects are named."""
    for event, element in events:
        if event == "end" and element.tag.rpartition("}")[2] == "page":  # some exports name no namespace
            yield _row(element, name)
            root.clear()  # what was read is forgotten


def _row(page: Element, name: str) -> Row:
    space = page.tag.removesuffix("page")
    title, number = page.findtext(f"{space}title", ""), page.findtext(f"{space}id", "")
    place = f"{name}#{number}"
    markup = page.findtext(f"{space}revision/{space}text") or ""
    size = len(markup.encode("utf-8", "surrogatepass"))
    namespace = page.findtext(f"{space}ns", "0")
    if namespace != "0":
        return Row(None, place, f"not an article: namespace {namespace}", size, title)
    if page.find(f"{space}redirect") is not None:
        return Row(None, place, "redirect", size, title)
    return Row({"text": plain(markup), "title": title, "id": number, "group": place}, place)
