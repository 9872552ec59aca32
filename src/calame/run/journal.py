"""A file of JSON lines that grows by one flushed line at a time: what was added survives a kill and a power cut."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from calame.recipe.errors import refuse
from calame.run.files import explain_full_disk


class Journal:
    """`with Journal(path) as journal: journal.add({...})`; `rows()` gives what is in it. One process at a time; its
    threads may share it. A last line that was cut off by a kill is taken away when the file is opened; other lines
    that are no JSON objects are passed over, their number is `damaged`."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.damaged = path, 0
        self._lock = threading.Lock()
        self._file = path.open("a+b")
        _claim(self._file, path)
        self._cut_last()

    def _cut_last(self) -> None:
        """Take away what stands after the last line end."""
        size = left = self._file.seek(0, os.SEEK_END)
        while left:
            step = min(left, 1 << 16)
            self._file.seek(left - step)
            if (found := self._file.read(step).rfind(b"\n")) >= 0:
                left = left - step + found + 1
                break
            left -= step
        if left < size:
            self._file.truncate(left)

    def rows(self) -> Iterator[dict[str, Any]]:
        for _, row in self.places():
            yield row

    def places(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each row with the position at which `at` finds it again."""
        self.damaged, at = 0, 0
        with self.path.open("rb") as file:
            for line in file:
                row = _parse(line)
                if row is None:
                    self.damaged += 1
                else:
                    yield at, row
                at += len(line)

    def at(self, place: int) -> dict[str, Any]:
        with self.path.open("rb") as file:
            file.seek(place)
            return json.loads(file.readline())

    def add(self, row: dict[str, Any]) -> int:
        """Write a row down and flush it to the disk; returns its position."""
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        with self._lock, explain_full_disk(self.path):
            place = self._file.seek(0, os.SEEK_END)
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            return place

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _claim(file: IO[bytes], path: Path) -> None:
    """Two processes that write one journal would each pay for the same answers."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise refuse(str(path), "another process is writing it", remedy="wait for it, or give another file") from None
    except OSError:  # a network disk without locks
        return
