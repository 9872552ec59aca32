"""A source's tokens, opened from disk without reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calame.recipe.errors import refuse
from calame.run.files import read_json
from calame.tokenizer.tokenizer import Tokenizer, check_hash

FORMAT = 1
INDEX = np.dtype([("start", "u8"), ("bytes", "u4"), ("language", "u1"), ("row", "u8"), ("hash", "V16")])


class Shard:
    """One split (train, validation) of one source.

    tokens: (all tokens,) memory map, unsigned
    starts: (documents + 1,) int64, where each document begins in `tokens`
    index: (documents,) records with bytes, language, row, hash
    """

    def __init__(self, folder: Path, split: str, tokenizer: Tokenizer):
        header = read_json(folder / "header.json")
        if header["format"] != FORMAT:
            raise refuse(
                str(folder),
                f"shards of format {header['format']}, this version reads {FORMAT}",
                remedy="make them again: calame run RECIPE --only shards --force",
            )
        check_hash(header["tokenizer"], tokenizer, f"shards {folder}")
        self.name: str = header["source"]
        self.languages: list[str] = header["languages"]
        self.index = np.load(folder / f"{split}.npy")
        total = header["splits"][split]["tokens"]
        path = folder / f"{split}.bin"
        dtype = np.dtype(header["dtype"])
        if path.stat().st_size != total * dtype.itemsize:
            raise refuse(
                str(path),
                f"{path.stat().st_size:,} bytes, not the {total * dtype.itemsize:,} of its header",
                remedy="make it again: calame run RECIPE --only shards --force",
            )
        self.tokens = np.memmap(path, dtype, "r") if total else np.zeros(0, dtype)
        self.starts = np.append(self.index["start"], np.uint64(total)).astype(np.int64)

    @property
    def documents(self) -> int:
        return len(self.index)

    def lengths(self, grain: int = 1) -> np.ndarray:
        """(documents,) tokens, each document's count rounded up to a multiple of `grain`."""
        return -(-np.diff(self.starts) // grain) * grain

    def tokens_by_language(self, grain: int = 1) -> dict[str, int]:
        """Tokens, by `lengths`, of each language that there is text in."""
        sums = np.bincount(self.index["language"], self.lengths(grain), len(self.languages))
        return {language: int(n) for language, n in zip(self.languages, sums, strict=True) if n}

    def document_id(self, document: int) -> str:
        """The id under which the corpus knows a document."""
        return f"{self.name}/{bytes(self.index['hash'][document]).hex()}"
