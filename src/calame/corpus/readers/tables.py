"""Tables: CSV, Parquet and Arrow, a row a record."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

from calame.corpus.readers.opened import Opened
from calame.corpus.readers.row import LONGEST, SAMPLE, UNREADABLE, Damaged, Row

BATCH = 1024  # rows
ARROW_FILE = b"ARROW1\0\0"  # before the stream that an Arrow file holds


def read_csv(opened: Opened) -> Iterator[Row]:
    """A row a record at FILE:LINE, the line it ends on. A quote that is never closed takes no more than LONGEST."""
    csv.field_size_limit(LONGEST)
    with opened.text(newline="") as file:
        lines = _Lines(file)
        reader = csv.DictReader(lines)
        while True:
            lines.size = 0
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield Row(None, f"{opened.name}:{reader.line_num}", f"broken line: {error}", lines.size)
                continue
            except UnicodeDecodeError as error:
                raise Damaged(f"not {opened.encoding}: {error}") from None
            place = f"{opened.name}:{reader.line_num}"
            if values is None:
                return
            if None in values or None in values.values():
                fault = "broken line: not as many fields as the header"
                yield Row(None, place, fault, lines.size, str(list(values.values()))[:SAMPLE])
            else:
                yield Row(dict(values), place)


class _Lines:
    """The lines of a file, each no longer than LONGEST characters, and the bytes that were taken of them."""

    def __init__(self, file: TextIO):
        self.file, self.size = file, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.file.readline(LONGEST)
        if not line:
            raise StopIteration
        self.size += len(line.encode("utf-8", "surrogateescape"))
        return line


def read_parquet(opened: Opened) -> Iterator[Row]:
    """A row a record at FILE:NUMBER. Of a group of rows that is damaged the rest is lost, the next one is read."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(opened.path, page_checksum_verification=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(error) from None
    with file:
        end = 0
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            number, end = end, end + group.num_rows
            try:
                for batch in file.iter_batches(BATCH, row_groups=[index]):
                    yield from _records(batch, opened.name, number)
                    number += len(batch)
            except (pyarrow.ArrowException, OSError) as error:
                lost = group.total_byte_size * (end - number) // group.num_rows
                fault = f"damaged rows: {number + 1:,} to {end:,} cannot be read: {_words(error)}"
                yield Row(None, f"{opened.name}:{number + 1}", fault, lost)


def read_arrow(opened: Opened) -> Iterator[Row]:
    """A row a record at FILE:NUMBER, of an Arrow file or stream. Both are read as a stream, so that one that broke off
    gives what it holds."""
    import pyarrow

    stream, number = _ToTheEnd(opened.file), 0
    try:
        with pyarrow.ipc.open_stream(pyarrow.PythonFile(stream, "r")) as batches:
            for batch in batches:
                for begin in range(0, len(batch), BATCH):
                    part = batch.slice(begin, BATCH)
                    yield from _records(part, opened.name, number)
                    number += len(part)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(error) from None
    if stream.short:
        raise Damaged("it ends without the mark of its end")


class _ToTheEnd:
    """A stream that knows whether more was asked for than there was. What makes an Arrow file of a stream is skipped:
    a word before it, a table of contents after it."""

    closed = False

    def __init__(self, file: BinaryIO):
        self.file, self.short = file, False
        self.first = file.read(len(ARROW_FILE))
        if self.first == ARROW_FILE:
            self.first = b""

    def read(self, size: int) -> bytes:
        content, self.first = self.first[:size], self.first[size:]
        content += self.file.read(size - len(content))
        self.short |= len(content) < size
        return content

    def close(self) -> None:
        pass


def _records(batch: Any, name: str, number: int) -> Iterator[Row]:
    """Rows of a batch of which `number` rows stand before it; of a damaged one, those that are whole."""
    import pyarrow

    try:
        batch.validate(full=True)
    except pyarrow.ArrowInvalid as error:
        if len(batch) > 1:
            for offset in range(len(batch)):
                yield from _records(batch.slice(offset, 1), name, number + offset)
        else:
            yield Row(None, f"{name}:{number + 1}", f"broken row: {_words(error)}")
        return
    for offset, values in enumerate(batch.to_pylist(), number + 1):
        yield Row(values, f"{name}:{offset}")


def _damaged(error: Exception) -> Damaged:
    if isinstance(error, FileNotFoundError):
        return Damaged(error.strerror, UNREADABLE)
    return Damaged(error)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())
