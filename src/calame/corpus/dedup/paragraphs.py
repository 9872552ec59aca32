"""Repeated paragraphs: what stood in an earlier document already goes from the later ones.

A paragraph is what stands between two line feeds. After this, none of at least `least` characters stands in two
documents, so none can stand in training and in validation.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from xxhash import xxh3_64_intdigest

from calame.corpus.decisions import REPEATED, edits_path
from calame.corpus.dedup.shingles import distinct
from calame.corpus.pool import Pool
from calame.recipe.dedup import Paragraphs
from calame.run.files import zstd_writer
from calame.run.progress import Bar

RULE = "repeated paragraphs"
GAP = re.compile(r"\n{3,}")


def drop_paragraphs(pool: Pool, keys: Paragraphs, folder: Path) -> None:
    """Edit the kept documents; one that keeps too little becomes REPEATED."""
    repeated = _repeated(pool, keys.least, folder)
    seen = np.zeros(len(repeated), bool)
    kept = pool.kept
    total = int(pool.keys["bytes"][kept].sum(dtype=np.uint64))
    with ExitStack() as stack:
        bar = stack.enter_context(Bar("corpus repeated paragraphs", total, "bytes"))
        writers: dict[str, IO[bytes]] = {}
        for number, document in pool.documents(kept):
            bar.advance(int(pool.keys["bytes"][number]))
            lines = document.text.split("\n")
            places = _find(repeated, _hashes(lines, keys.least))
            goes = places >= 0
            goes[goes] = seen[places[goes]]
            text = _without(lines, goes) if goes.any() else document.text
            if goes.any() and len(text) < keys.left:
                pool.decisions[number] = REPEATED
                continue  # what else it holds was not seen: nobody reads it here
            seen[places[places >= 0]] = True
            if goes.any():
                name, row = pool.place(number)
                if name not in writers:
                    writers[name] = stack.enter_context(zstd_writer(edits_path(folder, name)))
                writers[name].write(json.dumps({"row": row, "text": text}, ensure_ascii=False).encode() + b"\n")
                pool.edit(number, text, RULE)


def _repeated(pool: Pool, least: int, folder: Path) -> np.ndarray:
    """The hashes, ascending, of paragraphs that stand in several kept documents. 8 bytes of memory a paragraph."""
    path = folder / ".paragraphs.tmp"
    try:
        with path.open("wb") as file:
            for _, document in pool.documents(pool.kept):
                hashes = _hashes(document.text.split("\n"), least)
                file.write(distinct(hashes[hashes > 0]).tobytes())
        everything = np.fromfile(path, np.uint64)
    finally:
        path.unlink(missing_ok=True)
    everything.sort()
    return distinct(everything[1:][everything[1:] == everything[:-1]])


def _hashes(lines: list[str], least: int) -> np.ndarray:
    """(lines) what stands for each paragraph, its spaces made equal; 0 for those that are too short to count."""
    plain = (" ".join(line.split()) if len(line) >= least else "" for line in lines)
    return np.array([xxh3_64_intdigest(line.encode()) | 1 if len(line) >= least else 0 for line in plain], np.uint64)


def _find(repeated: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """(lines) each hash's place among the repeated ones, -1 where it is none of them."""
    if not len(repeated):
        return np.full(len(hashes), -1)
    places = np.minimum(np.searchsorted(repeated, hashes), len(repeated) - 1)
    return np.where(repeated[places] == hashes, places, -1)


def _without(lines: list[str], goes: np.ndarray) -> str:
    """The text of the other lines; paragraphs stay parted by one empty line where there were two gaps."""
    text = "\n".join(line for line, gone in zip(lines, goes, strict=True) if not gone)
    return GAP.sub("\n\n", text).strip()
