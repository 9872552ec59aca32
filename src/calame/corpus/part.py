"""A part: a few of a source's files, read, taken through the steps and written down, in a folder whole or absent.

documents.jsonl.zst, rejects.jsonl.zst   as in gather.py, of this part alone
keys.bin, signatures.u4                  a record a document, without a header, so that parts are joined by copying
part.json                                the ledger of the part, its first faults, and how many documents were read
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calame.corpus.chain import Chain
from calame.corpus.dedup.signature import SIGNATURES
from calame.corpus.document import Document, content_hash
from calame.corpus.ledger import SourceLedger, Tally
from calame.corpus.read import Reject, SourceReader
from calame.corpus.readers.row import SAMPLE, UNREADABLE
from calame.corpus.step import Drop, walk
from calame.recipe.errors import refuse
from calame.run.files import atomic, read_json, write_json, zstd_writer
from calame.run.stage import PARTS

DOCUMENTS, REJECTS = "documents.jsonl.zst", "rejects.jsonl.zst"
KEYS = "keys.bin"
KEY = np.dtype([("hash", "V16"), ("group", "u8"), ("bytes", "u4"), ("language", "u1"), ("score", "f4")])
PART_BYTES = 32_000_000  # of files; what a kill may cost, against the work of a folder for each small file
BATCH = 500_000  # characters that are worked on together

Item = Document | Reject
MakeChain = Callable[[], Chain]  # travels to other processes in place of the chain


@dataclass(frozen=True)
class Job:
    """One source to be gathered into `folder`. `lots`: the reader's parts that make each part."""

    reader: SourceReader
    lots: tuple[range, ...]
    make_chain: MakeChain
    folder: Path

    def path(self, number: int) -> Path:
        return self.folder / PARTS / f"{number:05d}"

    def size(self, number: int) -> int | None:
        """Bytes of the files of a part, or of the text that is to be made up; None where nobody knows (the hub)."""
        files = self.reader.files
        if not files:
            return self.reader.source.size
        return sum(size_of(files[index]) for index in self.lots[number])


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where it vanished, which is said when it is to be read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def lots_of(reader: SourceReader) -> tuple[range, ...]:
    """Neighbouring files put together until they have PART_BYTES: a function of the files and nothing else."""
    lots, first, size = [], 0, 0
    for index, path in enumerate(reader.files):
        size += size_of(path)
        if size >= PART_BYTES:
            lots.append(range(first, index + 1))
            first, size = index + 1, 0
    whole = len(reader.files) or len(reader.parts())
    return (*lots, range(first, whole)) if first < whole else tuple(lots)


@dataclass
class Worked:
    """What became of some items, in their order: lines and records to be written, and their ledger."""

    written: dict[str, bytearray] = field(default_factory=dict)  # by the name of the file
    ledger: SourceLedger = field(default_factory=SourceLedger)
    faults: dict[str, str] = field(default_factory=dict)  # the first reject of each rule, in words
    read: int = 0  # documents

    def add(self, other: Worked) -> None:
        """Add what became of later items, but for their lines and records, which are in files by then."""
        self.ledger.add(other.ledger)
        for rule, fault in other.faults.items():
            self.faults.setdefault(rule, fault)
        self.read += other.read

    def write(self, name: str, content: bytes) -> None:
        self.written.setdefault(name, bytearray()).extend(content)

    def to_json(self) -> dict[str, Any]:
        """All but lines and records."""
        return {"ledger": self.ledger.to_json(), "faults": self.faults, "read": self.read}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Worked:
        return Worked(ledger=SourceLedger.from_json(data["ledger"]), faults=data["faults"], read=data["read"])


def work(items: Iterable[Item], chain: Chain, languages: Sequence[str]) -> Worked:
    """Take items through the chain. Each is looked at alone: where a source is cut makes no difference."""
    worked = Worked()
    for item in items:
        if isinstance(item, Reject):
            worked.ledger.came.add(item.size)
            _reject(worked, item.reason.split(":")[0], item)
        else:
            worked.read += 1
            _take_through(worked, item, chain, languages)
    return worked


def _take_through(worked: Worked, document: Document, chain: Chain, languages: Sequence[str]) -> None:
    outcome, ledger = walk(document, chain.steps), worked.ledger
    kept, size = outcome.result, outcome.left
    ledger.came.add(outcome.size)
    for step, taken in outcome.changes:
        ledger.change(step, Tally(1, taken))
    if isinstance(kept, Drop):
        reason = f"{kept.rule}: {kept.detail}"
        _reject(worked, kept.rule, Reject(document.metadata["place"], reason, size, outcome.last[:SAMPLE]))
        return
    ledger.keep(f"read/{kept.language}", Tally(1, size))
    ledger.credit(kept)
    worked.write(DOCUMENTS, _line({"id": kept.id, **vars(kept)}))
    worked.write(KEYS, _key(kept, size, languages).tobytes())
    if chain.sign is not None:
        worked.write(SIGNATURES, chain.sign(kept.text).astype("<u4").tobytes())


def _reject(worked: Worked, rule: str, reject: Reject) -> None:
    worked.ledger.drop(rule, Tally(1, reject.size))
    worked.ledger.show(rule, reject)
    worked.faults.setdefault(rule, f"{reject.place}: {reject.reason}")
    worked.write(REJECTS, _line(vars(reject)))


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _key(document: Document, size: int, languages: Sequence[str]) -> np.ndarray:
    group = int.from_bytes(content_hash(f"{document.source}\t{document.group}")[:8], "little")
    score = document.metadata.get("score", np.nan)  # of quality, where one was given
    return np.array((document.hash, group, size, languages.index(document.language), score), KEY)


def items_of(job: Job, number: int, most: int | None = None) -> Iterator[Item]:
    """What the files of a part hold, up to the document number `most`."""
    for index in job.lots[number]:
        if most == 0:
            return
        for item in job.reader.read_part(index, most):
            if isinstance(item, Reject) and item.reason.startswith(UNREADABLE):  # it was there when the work began
                raise refuse(
                    f"{job.reader.key}.from",
                    f"{item.place}: {item.reason}",
                    remedy="put it back, and the same command goes on with it; what was done stays",
                )
            if most is not None:
                most -= isinstance(item, Document)
            yield item


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Neighbouring items, about BATCH characters of them together."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.text if isinstance(item, Document) else item.sample)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def write_part(job: Job, number: int, worked: Iterable[Worked], advance: Callable[[int], None]) -> None:
    """Write down a part, under a temporary name until it is whole. `advance` is told of bytes that came."""
    path = job.path(number)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        write_json(temporary / "part.json", _write(temporary, worked, advance))
        if not path.is_dir():  # else another process, left over from a killed run, was faster with the same
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def forget_unfinished(job: Job) -> None:
    """Remove what killed processes of this machine left half-written; those of other machines may be at work."""
    for folder in (job.folder / PARTS).glob(f".*.{socket.gethostname()}.*.new"):
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, parts: Iterable[Worked], advance: Callable[[int], None]) -> dict[str, Any]:
    total = Worked()
    with ExitStack() as stack:
        files = {name: stack.enter_context(zstd_writer(folder / name)) for name in (DOCUMENTS, REJECTS)}
        for worked in parts:
            for name, content in worked.written.items():
                if name not in files:
                    files[name] = stack.enter_context(atomic(folder / name))
                files[name].write(content)
            total.add(worked)
            advance(worked.ledger.came.bytes)
    assert total.ledger.balances()
    return total.to_json()


def make_part(job: Job, number: int, chain: Chain, advance: Callable[[int], None]) -> None:
    """Read, work on and write down a part in this process; nothing to do where it is there already."""
    if not job.path(number).is_dir():
        languages = job.reader.languages
        write_part(job, number, (work(b, chain, languages) for b in batches(items_of(job, number))), advance)


def came_of(job: Job, number: int) -> int:
    """Bytes that a finished part brought."""
    return read_json(job.path(number) / "part.json")["ledger"]["came"]["bytes"]
