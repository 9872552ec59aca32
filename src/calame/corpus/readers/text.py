"""Plain text: a file as one text, cut into passages, or what stands between its empty lines (as in CC100)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from calame.corpus.readers.content import CHUNK, DECODERS
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, SAMPLE, Damaged, Row, too_long

PASSAGE_BYTES = 8_000
EMPTY_LINES = re.compile(r"\n\s*\n")
NOT_DECODED = re.compile("[\udc80-\udcff]")


def read(opened: Opened) -> Iterator[Row]:
    """`text` and `group` of the whole file at FILE, or of each piece at FILE#NUMBER."""
    cut = opened.cut or ("empty-line" if opened.path.suffix.lower() in DECODERS else "file")
    pieces = _decoded(opened)
    if cut == "file":
        texts = [(opened.name, _joined(pieces))]
    else:
        paragraphs = split(pieces) if cut == "empty-line" else gathered(split(pieces), PASSAGE_BYTES)
        texts = ((f"{opened.name}#{number}", text) for number, text in enumerate(paragraphs))
    for place, text in texts:
        if text or not opened.content.damage:  # of a file of which nothing could be read there is no empty text
            yield _row(text, place, opened.encoding, "text" if cut == "file" else "passage")


def _decoded(opened: Opened) -> Iterator[str]:
    with opened.text() as file:
        try:
            first = file.read(CHUNK).removeprefix("\ufeff")
            yield first
            while piece := file.read(CHUNK):
                yield piece
        except UnicodeDecodeError as error:
            raise Damaged(f"not {opened.encoding}: {error}") from None


def _row(text: str | int, place: str, encoding: str, what: str) -> Row:
    if isinstance(text, int):
        return too_long(what, place, text, "")
    if fault := NOT_DECODED.search(text):
        reason = f"not in its encoding: byte 0x{ord(fault.group()) - 0xDC00:02X} in {encoding}"
        return Row(None, place, reason, _size(text), ascii(text[:SAMPLE]))
    return Row({"text": text, "group": place}, place)


def _joined(pieces: Iterable[str]) -> str | int:
    """A text of several pieces; only its size in bytes where it is longer than what is read."""
    kept, size = [], 0
    for piece in pieces:
        size += _size(piece)
        kept.append(piece)
        if size > LONGEST:
            kept.clear()
    return size if size > LONGEST else "".join(kept)


def split(pieces: Iterable[str]) -> Iterator[str | int]:
    """What stands between empty lines, of a text that comes in pieces; only the size in bytes of what is too long.

    A text gives at least one, if an empty one.
    """
    rest, dropped, given = "", 0, False  # what was not yet given; bytes of it that are too many to be kept
    start = 0  # where in the rest an empty line may begin
    for piece in pieces:
        rest += piece
        end = len(rest.rstrip())  # an empty line at the end may go on in the next piece
        done, last = [], rest[:end]
        if EMPTY_LINES.search(rest, start, end):
            *done, last = EMPTY_LINES.split(last)
        for paragraph in done:
            yield dropped + _size(paragraph) if dropped else paragraph
            dropped, given = 0, True
        after = rest[end:]
        rest, start = last + after, len(last)
        if dropped or len(rest) > LONGEST:
            dropped, rest, start = dropped + _size(last), after, 0
    if dropped or rest or not given:
        yield dropped or rest


def gathered(paragraphs: Iterable[str | int], size: int) -> Iterator[str | int]:
    """Paragraphs joined to pieces of about `size` characters; a longer paragraph stays whole."""
    piece: list[str] = []
    length = 0
    for paragraph in paragraphs:
        if piece and (isinstance(paragraph, int) or length + len(paragraph) > size):
            yield "\n\n".join(piece)
            piece, length = [], 0
        if isinstance(paragraph, int):
            yield paragraph
            continue
        piece.append(paragraph)
        length += len(paragraph)
    if piece:
        yield "\n\n".join(piece)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
