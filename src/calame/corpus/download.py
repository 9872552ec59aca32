"""One file over HTTP, whole or not at all: goes on where it stopped, is checked, and takes its name only then."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from calame.recipe.errors import UserError, refuse
from calame.recipe.units import say_bytes
from calame.run.files import file_digest, read_json, write_json
from calame.run.http import Attempts, HttpError, Patience, as_http_error, open_url
from calame.run.progress import Bar

CHUNK = 1 << 20  # bytes
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}  # by hexadecimal digits


class Sum(NamedTuple):
    """A checksum: the algorithm's name, and its value in hexadecimal digits."""

    algorithm: str
    digest: str

    @staticmethod
    def measure(path: Path, algorithm: str) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()


def sum_of(text: str) -> Sum:
    """ALGORITHM:HEX as the catalogue writes it."""
    algorithm, _, digest = text.partition(":")
    return Sum(algorithm, digest.lower())


def sum_in(listing: str, name: str) -> Sum | None:
    """The checksum of a file in a list as md5sum and sha1sum write it: HEX, two spaces (or a star), NAME."""
    found = re.search(rf"^([0-9a-fA-F]{{32,128}})[ \t]+\*?(?:\./)?{re.escape(name)}\s*$", listing, re.MULTILINE)
    return Sum(ALGORITHMS[len(found[1])], found[1].lower()) if found and len(found[1]) in ALGORITHMS else None


def download(url: str, path: Path, expected: Sum | None, patience: Patience) -> tuple[int, str]:
    """Fetch `url` to `path`; its size in bytes and its sha256. Raises `HttpError` where the server does not give it,
    `UserError` where the disk is full or the checksum is wrong twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for last in (False, True):
        _fill(url, part, patience)
        found = Sum.measure(part, expected.algorithm) if expected else ""
        if expected is None or found == expected.digest:
            break
        _forget(part)  # a part of another version, or a fault on the way: once more from the beginning
        if last:
            raise refuse(
                url,
                f"its {expected.algorithm} is {found}, twice",
                expected.digest,
                "the server's file or its list of checksums is wrong: try later",
            )
    size, digest = part.stat().st_size, file_digest(part)
    part.replace(path)
    _forget(part)
    return size, digest


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _memory(part).unlink(missing_ok=True)


def _memory(part: Path) -> Path:
    """What identifies the version that a part belongs to."""
    return part.with_name(f".{part.name}.json")


def _fill(url: str, part: Path, patience: Patience) -> None:
    """Make `part` the whole file."""
    attempts = Attempts(patience)
    have = part.stat().st_size if part.is_file() else 0
    with Bar(part.name.removesuffix(".part"), None, "bytes", have) as bar:
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                _fill_on(url, part, patience, bar)
                return
            except HttpError as error:
                if part.is_file() and part.stat().st_size > before:
                    attempts.progressed()
                attempts.failed(error)


def _fill_on(url: str, part: Path, patience: Patience, bar: Bar) -> None:
    """One request for what is missing. Raises `HttpError` where the connection ends too early."""
    have = part.stat().st_size if part.is_file() else 0
    version = read_json(_memory(part)) if _memory(part).is_file() else {}
    if have and version.get("url") != url:
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and version.get("validator"):
        headers["If-Range"] = version["validator"]  # a file that has changed is sent from its beginning
    try:
        answer = open_url(url, patience, headers=headers)
    except HttpError as error:
        if error.status != 416 or not have:
            raise
        if have == version.get("size"):
            return
        _forget(part)  # more is there than the server has
        raise HttpError(url, 416, error.found, passing=True) from None
    with answer:
        start = _start(answer)
        if start not in (0, have):
            raise HttpError(url, answer.status, f"sent from byte {start}, not {have}", passing=False)
        length = answer.headers.get("Content-Length")
        size = start + int(length) if length else None
        write_json(_memory(part), {"url": url, "validator": _validator(answer), "size": size})
        bar.total, bar.done = size, start
        _check_room(part, size, start)
        _append(answer, url, part, start, bar)
    if size is not None and part.stat().st_size != size:
        raise HttpError(url, None, f"the connection ended at byte {part.stat().st_size} of {size}", passing=True)


def _append(answer: http.client.HTTPResponse, url: str, part: Path, start: int, bar: Bar) -> None:
    try:
        with part.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            while chunk := _read(answer, url):
                file.write(chunk)
                bar.advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(part) from None
        raise


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return answer.read1(CHUNK)
    except Exception as error:
        raise as_http_error(url, error) from None


def _start(answer: http.client.HTTPResponse) -> int:
    """The position of the first byte that is sent; 0 where the server sends the whole file whatever was asked."""
    if answer.status != 206:
        return 0
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _validator(answer: http.client.HTTPResponse) -> str | None:
    """What If-Range may hold: a strong entity tag, or the date of change (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _check_room(part: Path, size: int | None, have: int) -> None:
    if size is not None and size - have > shutil.disk_usage(part.parent).free:
        raise _full(part, size - have)


def _full(part: Path, missing: int | None = None) -> UserError:
    left = say_bytes(shutil.disk_usage(part.parent).free)
    needed = f", {say_bytes(missing)} are needed" if missing else ""
    return refuse(
        str(part),
        f"the disk is full ({left} left{needed})",
        remedy="free some space, or give another folder; what is there is kept, and the same command goes on",
    )
