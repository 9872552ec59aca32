"""A file's content, decompressed on the way: what can be read is read, and what stopped it is remembered.

A reader of a format sees an ordinary stream of bytes that ends where nothing more can be read; whether that was the
end of the file is what `Content.damage` says afterwards.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from calame.corpus.readers.row import UNREADABLE, Damaged

CHUNK = 1 << 20  # bytes
PIECE = 4 << 10  # bytes of compressed content at a time: the most that a hostile one grows to is some 100 MB
WINDOW = 1 << 31  # bytes that zstd may look back: what `zstd --long=31` writes


def _zstd() -> Any:
    return zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()


DECODERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    ".tgz": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    ".zst": _zstd,
}
COMPRESSIONS = ("", ".gz", ".zst", ".xz", ".bz2")
FAULTS = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError)  # of the decoders


class Content(io.RawIOBase):
    """The bytes in a file, whatever it is compressed with, as a stream that is read once. It never raises."""

    def __init__(self, path: Path):
        self.path = path
        self.damage: Damaged | None = None
        self._read = 0  # bytes of the file that were turned into content
        self._chunks = self._decoded()
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        self._chunks.close()
        super().close()

    def _decoded(self) -> Generator[bytes, None, None]:
        """Chunks of content until the file ends or cannot be read on."""
        size = 0
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                new = DECODERS.get(self.path.suffix.lower())
                yield from self._frames(file, new) if new else self._plain(file)
            if self._read < size:
                raise EOFError("it became shorter while it was read")
        except OSError as error:
            self.damage = Damaged(error.strerror or error, UNREADABLE, size - self._read)
        except EOFError as error:
            self.damage = Damaged(error, unread=size - self._read)

    def _plain(self, file: BinaryIO) -> Iterator[bytes]:
        while chunk := file.read(CHUNK):
            self._read += len(chunk)
            yield chunk

    def _frames(self, file: BinaryIO, new: Callable[[], Any]) -> Iterator[bytes]:
        """Frame by frame: the libraries' own readers take a file that ends within a frame for a whole one, or lose
        what they had read of it."""
        decoder, rest, frames = None, b"", 0
        while piece := rest or file.read(PIECE):
            rest = b""
            if frames and decoder is None and not piece.strip(b"\0"):  # padding, which may stand after a frame
                self._read += len(piece)
                continue
            decoder = decoder or new()
            try:
                yield from _decompressed(decoder, piece)
            except FAULTS as error:
                raise EOFError(error) from None
            if decoder.eof:
                rest, decoder, frames = decoder.unused_data, None, frames + 1
            self._read += len(piece) - len(rest)
        if decoder is not None or not frames:
            raise EOFError("it ends too early")


def _decompressed(decoder: Any, piece: bytes) -> Iterator[bytes]:
    """What a piece grows to; of bz2, where 200 bytes may be 200 MB, and of xz no more than a chunk at a time."""
    if not hasattr(decoder, "needs_input"):
        yield decoder.decompress(piece)
        return
    yield decoder.decompress(piece, CHUNK)
    while not (decoder.eof or decoder.needs_input):
        yield decoder.decompress(b"", CHUNK)


def open_content(path: Path) -> tuple[Content, io.BufferedReader]:
    """A file's content, and the same with a buffer: `read`, `readline`. Neither raises; see `Content.damage`."""
    content = Content(path)
    return content, io.BufferedReader(content, CHUNK)


def skip_line(file: BinaryIO) -> int:
    """Bytes up to and with the next line end, which are read and forgotten."""
    size = 0
    while part := file.readline(CHUNK):
        size += len(part)
        if part.endswith(b"\n"):
            break
    return size
