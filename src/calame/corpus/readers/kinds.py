"""The kinds of files that are read, by the end of their names, and how each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from calame.corpus.readers import archive, html, json_lines, tables, text, warc, xml
from calame.corpus.readers.content import COMPRESSIONS, open_content
from calame.corpus.readers.opened import Cut, Opened
from calame.corpus.readers.row import Damaged, Row

READERS: dict[str, Callable[[Opened], Iterator[Row]]] = {
    ".txt": text.read,
    ".md": text.read,
    ".csv": tables.read_csv,
    ".jsonl": json_lines.read,
    ".html": html.read,
    ".htm": html.read,
    ".warc": warc.read,
    ".wet": warc.read,
    ".xml": xml.read,
    ".tar": archive.read,
    ".arrow": tables.read_arrow,
    ".parquet": tables.read_parquet,  # which compresses by itself
}
TEXT_KINDS = (".txt", ".md")
JSON_KINDS = tuple(f".jsonl{end}" for end in COMPRESSIONS)
ENCODED_KINDS = (*TEXT_KINDS, ".csv")  # those whose encoding is the recipe's to say; the others say it themselves
KINDS = (*(f"{kind}{end}" for kind in READERS for end in COMPRESSIONS if kind != ".parquet"), ".parquet", ".tgz")
KINDS_IN_WORDS = f"{', '.join(READERS)} (all but .parquet also as {', '.join(COMPRESSIONS[1:])})"


def kind_of(path: Path, kinds: tuple[str, ...] = KINDS) -> str | None:
    return next((kind for kind in kinds if path.name.lower().endswith(kind)), None)


def read_rows(path: Path, encoding: str = "utf-8", cut: Cut | None = None, name: str = "") -> Iterator[Row]:
    """The rows of a file in their order. `cut` says what of a text file is a row, `name` stands for the file in places
    and groups. Where a file cannot be read on, the last row says so: what was read before is kept."""
    name = name or path.name
    place = ""
    damage = None
    content, file = open_content(path)
    with file:
        try:
            for row in _reader(path)(Opened(path, content, file, name, encoding, cut)):
                place = row.place
                yield row
        except Damaged as found:
            damage = found
    damage = content.damage or damage  # a format that ends too early is what a content that does looks like
    if damage:
        after = f"after {place}" if place else "from its beginning"
        yield Row(None, f"{name} {after}", f"{damage.rule}: {after}: {damage}", damage.unread)


def _reader(path: Path) -> Callable[[Opened], Iterator[Row]]:
    kind = (kind_of(path) or ".txt").replace(".tgz", ".tar")
    return next(reader for base, reader in READERS.items() if kind.startswith(base))
