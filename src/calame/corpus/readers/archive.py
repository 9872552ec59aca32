"""Tar archives of XML, as DILA publishes the law: file by file, as they come."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from calame.corpus.readers import law
from calame.corpus.readers.content import CHUNK
from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, Damaged, Row, too_long

BLOCK = tarfile.BLOCKSIZE
LONG_NAME, EXTENDED = (tarfile.GNUTYPE_LONGNAME,), (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


def read(opened: Opened) -> Iterator[Row]:
    """A row a file of the archive, at ARCHIVE/FILE."""
    for name, size, file in _members(opened.file):
        place = f"{opened.name}/{name}"
        if not name.lower().endswith(".xml"):
            yield Row(None, place, "not a kind that is read from archives: only .xml is", size)
        elif size > LONGEST:
            yield too_long("page", place, size, "")
        else:
            content = file.read(size)
            if len(content) < size:
                raise Damaged(f"it ends within {name}")
            yield law.parse(content, place)


class _Member:
    """The content of one file of an archive: what is not read of it is passed over."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.left = file, size

    def read(self, size: int) -> bytes:
        content = self.file.read(min(size, self.left))
        self.left -= len(content)
        return content

    def skip(self, padding: int) -> bool:
        """Go to the next member; False where the archive ends before."""
        self.left += padding
        while self.left and self.read(CHUNK):
            pass
        return not self.left


def _members(file: BinaryIO) -> Iterator[tuple[str, int, _Member]]:
    """Name, size and content of each file. Raises `Damaged` where the archive is: the library ends there in silence."""
    last, long_name = "", ""
    while True:
        block = file.read(BLOCK)
        if not any(block) and len(block) == BLOCK:
            return  # the mark of the end
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise Damaged(f"{error} {f'after {last}' if last else 'at its beginning'}") from None
        member, padding = _Member(file, header.size), -header.size % BLOCK
        if header.type in (*LONG_NAME, *EXTENDED) and header.size <= LONGEST:
            content = member.read(header.size)
            long_name = _path(content, extended=header.type in EXTENDED) or long_name
        elif header.isfile():
            last = (long_name or header.name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            long_name = ""
            yield last, header.size, member
        if not member.skip(padding):
            raise Damaged(f"it ends within {last}")


def _path(content: bytes, extended: bool) -> str:
    """A name that does not fit into a header: as GNU writes it, or among the records of POSIX (`LENGTH path=NAME`)."""
    if not extended:
        return content.rstrip(b"\0").decode("utf-8", "surrogateescape")
    position = 0
    while b" " in content[position:]:
        length, _, record = content[position:].partition(b" ")
        if not length.isdigit() or not int(length):
            break
        record = record[: int(length) - len(length) - 2]
        if record.startswith(b"path="):
            return record.removeprefix(b"path=").decode("utf-8", "surrogateescape")
        position += int(length)
    return ""
