"""WARC archives of the web (ISO 28500): pages as HTML, and texts that were already taken out of pages (WET).

Requests, crawl notes and records that point to others are no pages and are passed over; a response that is none
(an image, an error) is named.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from calame.corpus.readers.content import CHUNK
from calame.corpus.readers.html import PAGES, decode, page
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, Damaged, Row, sample_of, too_long

HEADER = 64 << 10  # bytes that a header may take
TEXTS = ("response", "resource", "conversion")  # types of records that may hold a text

Header = dict[str, str]


def read(opened: Opened) -> Iterator[Row]:
    """A row a page at FILE:RECORD, with `text`, `title`, `url` and `group`, its address."""
    number = 0
    while (header := _next_record(opened.file, number)) is not None:
        number += 1
        place = f"{opened.name}:{number}"
        size = int(header["content-length"])
        if header.get("warc-type") not in TEXTS:
            _skip(opened.file, size)
        elif size > LONGEST:
            _skip(opened.file, size)
            yield too_long("page", place, size, header.get("warc-target-uri", ""))
        else:
            block = opened.file.read(size)
            yield _row(header, block, place)
            if len(block) < size:
                raise Damaged(f"record {number} is cut")


def _next_record(file: BinaryIO, number: int) -> Header | None:
    """The header of the next record, by small names; None at the end. Raises `Damaged` where there is none."""
    line = file.readline(HEADER)
    while line and not line.strip():
        line = file.readline(HEADER)
    if not line:
        return None
    header = _fields(file) if line.startswith(b"WARC/") else {}
    if not header.get("content-length", "").isdecimal():
        raise Damaged(f"no record begins after record {number}")
    return header


def _fields(file: BinaryIO) -> Header:
    fields = {}
    while line := file.readline(HEADER).strip():
        name, _, value = line.decode("utf-8", "replace").partition(":")
        fields[name.strip().lower()] = value.strip()
    return fields


def _skip(file: BinaryIO, size: int) -> None:
    while size > 0 and (part := file.read(min(size, CHUNK))):
        size -= len(part)


def _row(header: Header, block: bytes, place: str) -> Row:
    kind, url = header.get("content-type", ""), header.get("warc-target-uri", "").strip("<>")
    body, fault = block, ""
    if kind.startswith("application/http"):
        body, kind, fault = _response(block)
    if not fault and kind.startswith(PAGES):
        return page(decode(body, kind), place, url)
    if not fault and kind.startswith("text/plain"):
        return Row({"text": decode(body, kind or "charset=utf-8"), "url": url, "group": url or place}, place)
    return Row(None, place, fault or f"not a page: {kind or 'of no kind'}", len(block), url)


def _response(block: bytes) -> tuple[bytes, str, str]:
    """Body, kind and fault of an HTTP response."""
    head, _, body = block.partition(b"\r\n\r\n")
    status, _, lines = head.partition(b"\r\n")
    fields = {}
    for line in lines.split(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    code = status.split(b" ")[1:2]
    if code != [b"200"]:
        return b"", "", f"not a page: answered {sample_of(status)}"
    try:
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = _joined(body)
        if fields.get("content-encoding", "").lower() in ("gzip", "deflate"):
            body = _inflated(body)
    except (ValueError, zlib.error) as error:
        return b"", "", f"broken page: {error}"
    return body, fields.get("content-type", "").lower(), ""


def _joined(body: bytes) -> bytes:
    """The chunks of a body that was sent in chunks (RFC 9112, 7.1); many crawlers join them, but keep the header."""
    parts, position = [], 0
    while position < len(body):
        end = body.find(b"\r\n", position)
        if end < 0:
            raise ValueError("it ends within the size of a chunk")
        try:
            size = int(body[position:end].split(b";")[0], 16)
        except ValueError:
            if not parts:
                return body  # joined already
            raise
        if not size:
            break
        parts.append(body[end + 2 : end + 2 + size])
        position = end + 2 + size + 2
    return b"".join(parts)


def _inflated(body: bytes) -> bytes:
    """A compressed body; crawlers that keep it plain keep the header all the same."""
    if body[:2] != b"\x1f\x8b" and body[:1] != b"\x78":
        return body
    decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)
    content = decoder.decompress(body, LONGEST)
    if decoder.unconsumed_tail:
        raise ValueError(f"longer than {LONGEST:,} bytes")
    return content
