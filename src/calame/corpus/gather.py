"""Stage corpus/SOURCE: read one source and write down its documents, their keys, and what was set aside.

documents.jsonl.zst   {"id", "text", "group", "language", "license", "metadata"} a line, in the source's order
keys.npy              one record a document: what joining needs, so that the text is not read again
signatures.u4         where near duplicates are looked for: a row a document (dedup/signature.py)
rejects.jsonl.zst     {"place", "reason", "size", "sample"} a line
ledger.json           came = kept + dropped + what steps took away

The work is done part by part (part.py) by an engine (engine.py): a part that is finished survives whatever happens, and
the files above are the parts in their order, byte for byte the same whoever made them and when.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import zstandard

from calame.corpus.chain import Chain
from calame.corpus.dedup.signature import SIGNATURES
from calame.corpus.document import Document
from calame.corpus.engine import Engine, Local
from calame.corpus.ledger import ORIGINS
from calame.corpus.part import DOCUMENTS, KEYS, REJECTS, Job, MakeChain, Worked, forget_unfinished, lots_of
from calame.corpus.part import KEY as KEY  # the dtype of keys.npy, for those who join
from calame.corpus.read import SourceReader
from calame.recipe.errors import refuse
from calame.run.files import atomic, read_json, write_json
from calame.run.progress import Bar, say
from calame.run.stage import PARTS

NO_CHAIN = Chain  # makes the chain without steps


def gather(reader: SourceReader, folder: Path, make_chain: MakeChain = NO_CHAIN, engine: Engine | None = None) -> None:
    """Write the documents of one source to `folder`, as the steps leave them. Raises `UserError` if there are none."""
    engine = engine or Local(workers=1)
    job = Job(reader, lots_of(reader), make_chain, folder)
    if not (folder / "ledger.json").is_file():  # else killed when all was written but the parts not yet removed
        forget_unfinished(job)
        reader.check()
        try:
            with Bar(f"corpus {reader.name}", None, "bytes") as bar:
                numbers = _make_parts(job, engine, bar)
        except BaseException:
            forget_unfinished(job)
            with suppress(OSError):  # where there are finished parts
                (folder / PARTS).rmdir()
            raise
        _join_parts(job, numbers)
    shutil.rmtree(folder / PARTS)


def _make_parts(job: Job, engine: Engine, bar: Bar) -> Sequence[int]:
    """Make the parts that are not there yet; returns the numbers of all that count."""
    numbers = range(len(job.lots))
    missing = [number for number in numbers if not job.path(number).is_dir()]
    if len(missing) < len(numbers):
        say(f"  {job.reader.name}: {len(numbers) - len(missing)} of {len(numbers)} parts are there already")
    left = job.reader.source.limit
    if left is None:
        engine.make(job, missing, bar.advance)
        return numbers
    # How much of a part is wanted depends on all before it, so that they are made one after the other, on this machine.
    for number in numbers:
        Local(engine.workers).make_one(job, number, left, bar.advance)
        left -= read_json(job.path(number) / "part.json")["read"]
        if not left:
            return range(number + 1)
    return numbers


def _join_parts(job: Job, numbers: Sequence[int]) -> None:
    """Write the source's files from those of its parts. The ledger comes last: where it is, the rest is."""
    reader, folder, whole = job.reader, job.folder, Worked()
    paths = [job.path(number) for number in numbers]
    found = [Worked.from_json(read_json(path / "part.json")) for path in paths]
    for part in found:
        whole.add(part)
    if not whole.ledger.kept:
        shutil.rmtree(folder / PARTS)  # nothing to go on from
        raise _nothing(reader, whole.faults)
    for rule, first in whole.faults.items():
        say(f"  {reader.name}: {whole.ledger.dropped[rule].documents} set aside, {rule} (the first: {first})")
    for name in (DOCUMENTS, REJECTS):
        with atomic(folder / name) as file:
            _copy(paths, name, file)
    rows = sum(tally.documents for tally in whole.ledger.kept.values())
    header = {"descr": np.lib.format.dtype_to_descr(KEY), "fortran_order": False, "shape": (rows,)}
    with atomic(folder / "keys.npy") as file:
        np.lib.format.write_array_header_1_0(file, header)
        _copy(paths, KEYS, file)
    if any((path / SIGNATURES).is_file() for path in paths):
        with atomic(folder / SIGNATURES) as file:
            _copy(paths, SIGNATURES, file)
    assert whole.ledger.balances()
    write_json(folder / "ledger.json", {**whole.ledger.to_json(ORIGINS), "languages": reader.languages})


def _copy(paths: Sequence[Path], name: str, file: IO[bytes]) -> None:
    """The files of a name in all parts, one after the other; one that kept nothing may have none."""
    for path in paths:
        if (path / name).is_file():
            with (path / name).open("rb") as part:
                shutil.copyfileobj(part, file, 1 << 20)


def _nothing(reader: SourceReader, faults: dict[str, str]) -> Exception:
    if not faults:
        return refuse(f"{reader.key}.from", f"{reader.source.location}: no document in it", remedy="put text there")
    reasons = "; ".join(faults.values())
    return refuse(
        f"{reader.key}.from",
        f"{reader.source.location}: nothing could be used ({reasons})",
        remedy="mend the file, or name its columns and language in the recipe",
    )


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a .jsonl.zst file, which may be several frames one after the other."""
    with path.open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        yield from io.TextIOWrapper(stream, encoding="utf-8", newline="\n")


def read_documents(folder: Path) -> Iterator[Document]:
    """The documents of a gathered source, in order."""
    yield from map(_document, read_lines(folder / DOCUMENTS))


def read_some(folder: Path, wanted: np.ndarray) -> Iterator[tuple[int, Document]]:
    """(row, document) of those that are wanted, in order; `wanted` says so of each row."""
    rows = np.flatnonzero(wanted)
    if len(rows):
        lines = enumerate(islice(read_lines(folder / DOCUMENTS), int(rows[-1]) + 1))
        yield from ((row, _document(line)) for row, line in lines if wanted[row])


def _document(line: str) -> Document:
    values = json.loads(line)
    values.pop("id")
    return Document(**values)


def read_keys(folder: Path) -> np.ndarray:
    """The keys of a gathered source: records of KEY, one a document."""
    return np.load(folder / "keys.npy")
