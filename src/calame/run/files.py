"""Files that are whole or absent: atomic writes, content hashes, and a plain word when the disk is full."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from calame.recipe.errors import UserError, refuse
from calame.recipe.units import say_bytes

# What a full disk is called by those who do not raise OSError with its number: safetensors and tokenizers, numpy.
FULL = re.compile(r"No space left on device|Disk quota exceeded|^[0-9]+ requested and [0-9]+ written$")
TOO_LARGE = "File too large"
YOUNG = 2.0  # seconds; some disks do not tell times apart that are closer


@contextmanager
def atomic(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open `path` for writing under a temporary name; it takes its place, flushed to disk, only at the end."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with explain_full_disk(path), temporary.open(mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def zstd_writer(path: Path) -> Iterator[IO[bytes]]:
    """An atomically written zstd stream; its bytes do not depend on how it was written to."""
    with atomic(path) as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False) as writer:
        yield writer


@contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turns "no space left" into a message that says what is missing and what is safe."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        code = error.errno if isinstance(error, OSError) else None
        if code in (errno.ENOSPC, errno.EDQUOT) or FULL.search(str(error)):
            raise full_disk(path) from None
        if code == errno.EFBIG or TOO_LARGE in str(error):
            remedy = "ulimit -f unlimited, or a file system without that limit; what was finished is kept"
            raise refuse(str(path), "a file may not become as large there", remedy=remedy) from None
        raise


def full_disk(path: Path) -> UserError:
    """The error for a disk without room; what was complete before stays complete."""
    room = path if path.is_dir() else path.parent
    left = say_bytes(shutil.disk_usage(room).free) if room.exists() else "nothing"
    return refuse(
        str(path),
        f"the disk is full ({left} left)",
        remedy="free some space, or give another folder by execution.runs=FOLDER; "
        "what was finished is kept, and the same command goes on from there",
    )


def write_json(path: Path, value: object) -> None:
    with atomic(path, "w") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


def write_json_lines(path: Path, rows: Iterable[object]) -> None:
    """A JSON value a line."""
    with atomic(path, "w") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def digest(value: object) -> str:
    """sha256 of a value's canonical JSON, as 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Hashes:
    """Content hashes of the user's files, remembered by size and times of change so that big ones are read once.

    The time of change that the system keeps (ctime) counts too: copies and archives set the other one (mtime) back.
    """

    def __init__(self, memory: Path):
        self.memory = memory
        self.known: dict[str, str] = read_json(memory) if memory.is_file() else {}
        self.fresh = False

    def of(self, path: Path) -> str:
        stat = path.stat()
        key = f"{path.resolve()}\t{stat.st_size}\t{stat.st_mtime_ns}\t{stat.st_ctime_ns}\t{stat.st_ino}"
        if key in self.known:
            return self.known[key]
        found = file_digest(path)
        if time.time() - stat.st_ctime > YOUNG:  # else it might change once more within the same tick of the clock
            self.known[key] = found
            self.fresh = True
        return found

    def save(self) -> None:
        if self.fresh:
            write_json(self.memory, self.known)
