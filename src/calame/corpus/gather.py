"""Stage corpus/SOURCE: read one source and write down its documents, their keys, and what was set aside.

documents.jsonl.zst   {"id", "text", "group", "language", "license", "metadata"} a line, in the source's order
keys.npy              one record a document: what joining needs, so that the text is not read again
signatures.u4         where near duplicates are looked for: a row a document (dedup/signature.py)
rejects.jsonl.zst     {"place", "reason", "size", "sample"} a line
ledger.json           came = kept + dropped
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from calame.corpus.dedup.signature import SIGNATURES, signature
from calame.corpus.document import Document, content_hash
from calame.corpus.ledger import SourceLedger, Tally
from calame.corpus.read import Reject, SourceReader
from calame.corpus.readers.row import SAMPLE
from calame.corpus.step import Drop, Step, walk
from calame.recipe.dedup import Near
from calame.recipe.errors import refuse
from calame.run.files import atomic, write_json, zstd_writer
from calame.run.progress import Bar, say

KEY = np.dtype([("hash", "V16"), ("group", "u8"), ("bytes", "u4"), ("language", "u1"), ("score", "f4")])


def gather(reader: SourceReader, folder: Path, steps: Sequence[Step] = (), near: Near | None = None) -> None:
    """Write the documents of one source to `folder`, as the steps leave them. Raises `UserError` if there are none."""
    ledger, keys = SourceLedger(), bytearray()
    faults: dict[str, str] = {}
    with (
        zstd_writer(folder / "documents.jsonl.zst") as documents,
        zstd_writer(folder / "rejects.jsonl.zst") as rejects,
        atomic(folder / SIGNATURES) if near else nullcontext() as signatures,
        Bar(f"corpus {reader.name}", None, "bytes") as bar,
    ):
        for item in reader.read():
            if isinstance(item, Reject):
                ledger.came.add(item.size)
                ledger.drop(rule := item.reason.split(":")[0], Tally(1, item.size))
                faults.setdefault(rule, f"{item.place}: {item.reason}")
                _write_line(rejects, vars(item))
                continue
            outcome = walk(item, steps)
            ledger.came.add(outcome.size)
            bar.advance(outcome.size)
            for step, taken in outcome.changes:
                ledger.change(step, Tally(1, taken))
            kept, size = outcome.result, outcome.left
            if isinstance(kept, Drop):
                ledger.drop(kept.rule, Tally(1, size))
                reason = f"{kept.rule}: {kept.detail}"
                _write_line(rejects, vars(Reject(item.metadata["place"], reason, size, outcome.last[:SAMPLE])))
                continue
            ledger.keep(f"read/{kept.language}", Tally(1, size))
            ledger.licenses[kept.license] = ledger.licenses.get(kept.license, 0) + 1
            _write_line(documents, {"id": kept.id, **vars(kept)})
            keys += _key(kept, size, reader.languages)
            if near and signatures:
                signatures.write(signature(kept.text, near))
        if not reader.documents:
            raise _nothing(reader, faults)
    for rule, first in faults.items():
        say(f"  {reader.name}: {ledger.dropped[rule].documents} set aside, {rule} (the first: {first})")
    with atomic(folder / "keys.npy") as file:
        np.save(file, np.frombuffer(bytes(keys), KEY))
    assert ledger.balances()
    write_json(folder / "ledger.json", {**ledger.to_json(), "languages": reader.languages})


def _write_line(file: Any, values: dict[str, Any]) -> None:
    file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")


def _key(document: Document, size: int, languages: list[str]) -> bytes:
    group = int.from_bytes(content_hash(f"{document.source}\t{document.group}")[:8], "little")
    record = np.zeros(1, KEY)
    score = document.metadata.get("score", np.nan)  # of quality, where one was given
    record[0] = (document.hash, group, size, languages.index(document.language), score)
    return record.tobytes()


def _nothing(reader: SourceReader, faults: dict[str, str]) -> Exception:
    if not faults:
        return refuse(f"{reader.key}.from", f"{reader.source.location}: no document in it", remedy="put text there")
    reasons = "; ".join(faults.values())
    return refuse(
        f"{reader.key}.from",
        f"{reader.source.location}: nothing could be used ({reasons})",
        remedy="mend the file, or name its columns and language in the recipe",
    )


def read_documents(folder: Path) -> Iterator[Document]:
    """The documents of a gathered source, in order."""
    yield from map(_document, _lines(folder))


def read_some(folder: Path, wanted: np.ndarray) -> Iterator[tuple[int, Document]]:
    """(row, document) of those that are wanted, in order; `wanted` says so of each row."""
    if wanted.any():
        yield from ((row, _document(line)) for row, line in enumerate(_lines(folder)) if wanted[row])


def _lines(folder: Path) -> Iterator[str]:
    with (folder / "documents.jsonl.zst").open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw)
        yield from io.TextIOWrapper(stream, encoding="utf-8", newline="\n")


def _document(line: str) -> Document:
    values = json.loads(line)
    values.pop("id")
    return Document(**values)


def read_keys(folder: Path) -> np.ndarray:
    """The keys of a gathered source: records of KEY, one a document."""
    return np.load(folder / "keys.npy")
