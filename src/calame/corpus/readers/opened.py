"""A file that is being read, and how the recipe wants it read."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from calame.corpus.readers.content import Content

Cut = Literal["file", "passage", "empty-line"]


@dataclass(frozen=True)
class Opened:
    """`file` is the content with a buffer; `name` stands for the file in places and groups."""

    path: Path
    content: Content
    file: BinaryIO
    name: str
    encoding: str = "utf-8"
    cut: Cut | None = None  # what of a text file is a document; None for what its kind is for

    def text(self, newline: str | None = None) -> io.TextIOWrapper:
        """The content as text, without a byte order mark. Bytes that are not in the encoding become lone surrogates,
        so that only the text that holds them is lost."""
        encoding = "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding
        return io.TextIOWrapper(self.file, encoding, "surrogateescape", newline)
