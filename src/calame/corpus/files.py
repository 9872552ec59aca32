"""Which files a location means, their names, and whether they are in their encoding."""

from __future__ import annotations

import codecs
import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path

from calame.corpus.readers.content import CHUNK
from calame.corpus.readers.kinds import ENCODED_KINDS, KINDS, KINDS_IN_WORDS, kind_of
from calame.recipe.errors import Problem, UserError, refuse


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
            f"files ending in {KINDS_IN_WORDS if kinds is KINDS else ', '.join(kinds)}",
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
    begin = waiting = 0  # position of what the decoder has not yet decoded
    try:
        with path.open("rb") as file:
            while True:
                chunk = file.read(CHUNK)
                waiting = len(decoder.getstate()[0])
                decoder.decode(chunk, not chunk)
                if not chunk:
                    return ""
                begin += len(chunk)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        return f"not {encoding}: byte 0x{byte:02X} at position {begin - waiting + error.start:,}"
    except OSError:
        return ""  # the reader says so, and reads the other files
