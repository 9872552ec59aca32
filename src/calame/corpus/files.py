"""Which files a location means, and the raw rows that each kind of file holds."""

from __future__ import annotations

import codecs
import csv
import fnmatch
import gzip
import json
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from calame.recipe.errors import Problem, UserError, refuse

PASSAGE_BYTES = 8_000
SAMPLE = 200  # characters of a rejected record that are kept
TEXT_KINDS = (".txt", ".md")
ENCODED_KINDS = (*TEXT_KINDS, ".csv")  # those whose encoding is the recipe's to say; the others are UTF-8 by definition
JSON_KINDS = (".jsonl", ".jsonl.zst", ".jsonl.gz")
KINDS = (*TEXT_KINDS, ".csv", *JSON_KINDS, ".parquet")
DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)  # what reading a damaged archive raises
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Row:
    """One record of a file. `values` is None for a broken record, whose `fault`, size in bytes and `sample` remain."""

    values: dict[str, Any] | None
    place: str
    fault: str = ""
    size: int = 0
    sample: str = ""


def find_files(location: str, exclude: Sequence[str], key: str, kinds: tuple[str, ...] = KINDS) -> list[Path]:
    """The files of a location (file, folder, pattern), sorted by name; hidden ones are left out.

    Raises `UserError` naming `key` when there is none.
    """
    path, anchor = Path(location), anchor_of(location)
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [p for p in path.rglob("*") if p.is_file()]
    elif any(sign in location for sign in "*?["):
        found = [p for p in anchor.glob(str(path.relative_to(anchor))) if p.is_file()]
    else:
        raise refuse(
            key, f"{location}: no such file or folder", remedy="check the path; it is meant from the recipe's folder"
        )
    seen = [p for p in found if p == path or not any(part.startswith(".") for part in p.relative_to(anchor).parts)]
    wanted = [p for p in seen if not any(fnmatch.fnmatch(p.name, pattern) for pattern in exclude)]
    kept = sorted(p for p in wanted if kind_of(p, kinds))
    if not kept:
        what = f"{len(wanted)} files, none of them of a kind that can be read" if wanted else "no files"
        left_out = f" ({len(seen) - len(wanted)} left out by `exclude`)" if len(seen) > len(wanted) else ""
        raise refuse(
            key,
            f"{location}: {what}{left_out}",
            f"files ending in {', '.join(kinds)}",
            "put text there, or correct the path or `exclude`",
        )
    return kept


def anchor_of(location: str) -> Path:
    """The folder from which a location's files are named: itself, or the deepest one that holds what is meant."""
    path = Path(location)
    return path if path.is_dir() else next((parent for parent in path.parents if parent.is_dir()), path.parent)


def name_in(location: str, path: Path) -> str:
    """A file's name within its location: the same wherever the whole lies, and different for different files.

    Names that are not UTF-8 (archives of older systems) are written with escapes.
    """
    name = path.relative_to(anchor_of(location)).as_posix()
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def kind_of(path: Path, kinds: tuple[str, ...] = KINDS) -> str | None:
    return next((kind for kind in kinds if path.name.lower().endswith(kind)), None)


def check_encoding(files: Sequence[Path], encoding: str, key: str) -> None:
    """Raises `UserError` naming every text file that is not in the encoding, before anything is written."""
    try:
        " ".encode(encoding)
    except LookupError:
        raise refuse(
            f"{key}.encoding", f"no encoding is called {encoding!r}", "utf-8, cp1252, latin-1, utf-16..."
        ) from None
    faults = {path: fault for path in files if kind_of(path, ENCODED_KINDS) and (fault := _fault(path, encoding))}
    remedy = f"convert it, or say how it is written: {key}.encoding=cp1252 (or latin-1, utf-16...)"
    problems = [Problem(str(path), fault, encoding, remedy) for path, fault in list(faults.items())[:10]]
    if len(faults) > 10:
        problems.append(Problem(key, f"and {len(faults) - 10} more files that are not {encoding}"))
    if problems:
        raise UserError(problems)


def _fault(path: Path, encoding: str) -> str:
    """The first byte of a file that is not in the encoding, in words; empty if all of it is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    begin = 0  # position of what the decoder has not yet decoded
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, not chunk)
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                return f"not {encoding}: byte 0x{byte:02X} at position {begin - waiting + error.start:,}"
            if not chunk:
                return ""
            begin += len(chunk)


def read_rows(path: Path, encoding: str = "utf-8", cut: bool = False, name: str = "") -> Iterator[Row]:
    """The rows of a file in their order; text files give one row, or one a passage when `cut`.

    `name` stands for the file in places and groups. Raises `UserError` for a file that is damaged as a whole.
    """
    name = name or path.name
    reader: dict[str, Callable[[], Iterator[Row]]] = {
        ".txt": lambda: _text(path, encoding, cut, name),
        ".md": lambda: _text(path, encoding, cut, name),
        ".csv": lambda: _csv(path, encoding, name),
        ".jsonl": lambda: _json_lines(path, _plain_lines, name),
        ".jsonl.gz": lambda: _json_lines(path, _gzip_lines, name),
        ".jsonl.zst": lambda: _json_lines(path, _zstd_lines, name),
        ".parquet": lambda: _parquet(path, name),
    }
    return reader[kind_of(path) or ".txt"]()


def unix_lines(text: str) -> str:
    """Line ends of every system as newlines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text(path: Path, encoding: str, cut: bool, name: str) -> Iterator[Row]:
    text = unix_lines(path.read_bytes().decode(encoding).removeprefix("\ufeff"))
    if not cut:
        yield Row({"text": text, "group": name}, name)
        return
    for number, passage in enumerate(passages(text)):
        place = f"{name}#{number}"
        yield Row({"text": passage, "group": place}, place)


def passages(text: str, size: int = PASSAGE_BYTES) -> Iterator[str]:
    """Cut a text at blank lines into pieces of about `size` characters; a longer paragraph stays whole."""
    piece: list[str] = []
    length = 0
    for paragraph in re.split(r"\n\s*\n", text):
        if piece and length + len(paragraph) > size:
            yield "\n\n".join(piece)
            piece, length = [], 0
        piece.append(paragraph)
        length += len(paragraph)
    if piece:
        yield "\n\n".join(piece)


def _plain_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _gzip_lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from file


def _zstd_lines(path: Path) -> Iterator[bytes]:
    left = b""
    for content in _zstd_content(path):
        *lines, left = (left + content).split(b"\n")
        yield from lines
    if left:
        yield left


def _zstd_content(path: Path) -> Iterator[bytes]:
    """Frame by frame, since the library's own reader takes a file that ends within a frame for a whole one."""
    frame = None
    with path.open("rb") as file:
        rest = b""
        while chunk := rest or file.read(CHUNK):
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(chunk)
            rest = frame.unused_data
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends too early")


def _json_lines(path: Path, lines: Callable[[Path], Iterable[bytes]], name: str) -> Iterator[Row]:
    number = 0
    try:
        for number, line in enumerate(lines(path), 1):
            if line.strip():
                yield _json_row(line, f"{name}:{number}")
    except DAMAGES as error:
        raise refuse(
            str(path), f"damaged after line {number}: {' '.join(str(error).split())}", remedy="fetch or write it again"
        ) from None


def _json_row(line: bytes, place: str) -> Row:
    sample = line.decode("utf-8", "backslashreplace")[:SAMPLE]
    try:
        values = json.loads(line)
    except ValueError as error:
        return Row(None, place, f"broken line: {error}", len(line), sample)
    if not isinstance(values, dict):
        return Row(None, place, "broken line: not an object with columns", len(line), sample)
    return Row(values, place)


def _csv(path: Path, encoding: str, name: str) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding=encoding, newline="") as file:
        if file.read(1) != "\ufeff":  # a byte order mark, which most programs put at the beginning
            file.seek(0)
        reader = csv.DictReader(file)
        try:
            for values in reader:
                place = f"{name}:{reader.line_num}"
                if None in values or None in values.values():
                    sample = str(list(values.values()))
                    fault = "broken line: not as many fields as the header"
                    yield Row(None, place, fault, len(sample.encode()), sample[:SAMPLE])
                else:
                    yield Row(dict(values), place)
        except csv.Error as error:
            raise refuse(str(path), f"not CSV after line {reader.line_num}: {error}", remedy="mend the file") from None


def _parquet(path: Path, name: str) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                number += 1
                yield Row(values, f"{name}:{number}")
    except (pyarrow.ArrowException, OSError) as error:
        raise refuse(
            str(path), f"not a whole Parquet file: {' '.join(str(error).split())}", remedy="fetch or write it again"
        ) from None
