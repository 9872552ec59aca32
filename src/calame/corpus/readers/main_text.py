"""The main text of a page: trafilatura says where it begins and ends, the page's own structure what stands between.

Alone, trafilatura loses headings and first paragraphs where it falls back on another method, and keeps menus that no
tag names (measured on tests/corpus/pages). So menus are taken out before, and its answer is used as the range of the
main text, in which every block stays that is not made of links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from calame.corpus.readers.pruned import HEADINGS, prune
from calame.recipe.errors import refuse

FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)  # YAML, of generators of sites
OTHERS = """
    address article blockquote body caption center dd details div dl dt figcaption figure header hgroup hr legend li
    main ol p pre section summary table tbody tfoot thead tr ul
"""
BLOCKS = {*HEADINGS, *OTHERS.split()}
CELLS = ("td", "th")
LINKED = 0.6  # a block of which more is links is a menu or a reference, unless it is code
KNOWN_WORDS = 4  # a block that is to be found again in trafilatura's answer has so many words
SHORT = 30  # words: a longer block is never taken for a notice
NOTICE = re.compile(
    r"\bcookie (?:policy|settings|preferences|notice)|\b(?:use|uses|store|storing)\b.{0,20}\bcookies?\b"
    r"|\bprivacy policy|\ball rights reserved|\bterms (?:and conditions|of (?:use|service))\b|\bbuy me a coffee"
    r"|\b(?:gestion|utilis\w+|politique|accept\w+|supprimer)\b.{0,30}\bcookies\b|\btous droits réservés"
    r"|\bmentions légales"
    r"|\bconditions générales d.utilisation|\bpolitique de confidentialité|\bdonnées personnelles\s*$"
    r"|\b(?:usa|usiamo|utilizza|utilizziamo|accett\w+)\b.{0,30}\bcookie\b"
    r"|\binformativa (?:sulla privacy|estesa|(?:sui )?cookie)|\btutti i diritti riservati"
    r"|\bnote legali\s*$|\bpubblicità\s*$|^\s*(?:publicité|advertisement|pubblicità)\s*$",
    re.IGNORECASE,
)


@dataclass
class Block:
    """A paragraph, heading, item or row: its tag, its text, and how many characters of it are links."""

    tag: str
    pieces: list[str] = field(default_factory=list)
    linked: int = 0

    @cached_property
    def text(self) -> str:
        whole = "".join(self.pieces)
        if self.tag == "pre":
            return whole.strip("\n")
        lines = [re.sub(r"[ \t\r\f]+", " ", line).strip(" |") for line in whole.split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    @property
    def level(self) -> int:
        return HEADINGS.index(self.tag) + 1 if self.tag in HEADINGS else 0


def main_text(html: str) -> str:
    """The main text: paragraphs parted by an empty line, items and rows of tables by a line end. Empty if there is
    none. Raises `UserError` where trafilatura is not installed."""
    try:
        import lxml.etree
        import lxml.html
        import trafilatura
    except ImportError:
        raise refuse(
            "corpus.sources", "reading HTML needs the package trafilatura", remedy="pip install 'calame[corpus]'"
        ) from None
    html = FRONT_MATTER.sub("", html)
    try:
        tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), lxml.html.HTMLParser(encoding="utf-8"))
    except (lxml.etree.LxmlError, ValueError):
        return ""
    prune(tree)
    blocks = [block for block in _blocks(tree) if block.text]
    answer = trafilatura.extract(
        lxml.html.tostring(tree, encoding="unicode"), include_comments=False, favor_recall=True
    )
    return _written(_chosen(blocks, _words(answer or "")))


def _blocks(tree: Any) -> Iterator[Block]:
    body = tree.find("body")
    block = Block("body")
    for found in _walked(tree if body is None else body, "body", False):
        if isinstance(found, Block):
            yield block
            block = found
        else:
            text, linked = found
            block.pieces.append(text)
            block.linked += len(text.strip()) if linked else 0
    yield block


def _walked(element: Any, tag: str, linked: bool) -> Iterator[Block | tuple[str, bool]]:
    """Texts of an element, each with whether it is of a link, and where another block begins, an empty one."""
    linked = linked or element.tag == "a"
    if element.tag == "br":
        yield "\n", False
    elif element.tag in CELLS:
        yield " | ", False
    apart = element.tag in BLOCKS or (element.tag in CELLS and any(child.tag in BLOCKS for child in element))
    if apart:
        tag = "pre" if tag == "pre" else element.tag
        yield Block(tag)
    if element.text:
        yield _as_shown(element.text, tag), linked
    for child in element:
        if isinstance(child.tag, str):
            yield from _walked(child, tag, linked)
            if child.tag in BLOCKS:
                yield Block(tag)
        if child.tail:
            yield _as_shown(child.tail, tag), linked


def _as_shown(text: str, tag: str) -> str:
    return text if tag == "pre" else re.sub(r"[ \t\r\n\f]+", " ", text)


def _chosen(blocks: list[Block], answer: str) -> list[Block]:
    """The blocks from the first to the last that the answer holds, with the heading above; menus and notices out."""
    blocks = [block for block in blocks if not _is_junk(block)]
    known = [_is_known(block, answer) for block in blocks]
    if True not in known:
        return []
    first, last = known.index(True), len(known) - 1 - known[::-1].index(True)
    above = [n for n in range(first) if blocks[n].level]
    highest = min((blocks[n].level for n in above), default=0)
    first = next((n for n in reversed(above) if blocks[n].level == highest), first)
    return _without_bare_headings(blocks[first : last + 1])


def _is_known(block: Block, answer: str) -> bool:
    words = _words(block.text)
    return words.count(" ") >= KNOWN_WORDS - 1 and words in answer


def _is_junk(block: Block) -> bool:
    text = block.text
    if not block.level and block.tag != "pre" and block.linked > LINKED * len(text):
        return True
    return text.count(" ") < SHORT and bool(NOTICE.search(text))


def _without_bare_headings(blocks: list[Block]) -> list[Block]:
    """Headings under which nothing stands are left out: what stood there was a menu."""
    kept: list[Block] = []
    for block in reversed(blocks):
        below = kept[-1].level if kept else 7
        if not block.level or below == 0 or block.level < below < 7:
            kept.append(block)
    return kept[::-1]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _written(blocks: list[Block]) -> str:
    parts: list[str] = []
    last = ""
    for block in blocks:
        if parts:
            parts.append("\n" if block.tag == last and block.tag in ("li", "tr", "dd", "dt") else "\n\n")
        parts.append(block.text)
        last = block.tag
    return "".join(parts)
