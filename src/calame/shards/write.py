"""Stage shards/SOURCE: documents become tokens on disk.

train.bin, validation.bin   tokens, unsigned 16 bit (32 for a large vocabulary): BOS text EOS, document by document (BOS
                            by the tokenizer's policy)
train.npy, validation.npy   the document index: one record of INDEX a document
header.json                 format, tokenizer hash, dtype, counts and content hashes
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions
from calame.corpus.gather import read_keys
from calame.corpus.kept import Kept, read_kept
from calame.run.files import atomic, file_digest, read_json, write_json
from calame.run.progress import Bar
from calame.shards.read import FORMAT, INDEX
from calame.tokenizer.tokenizer import Tokenizer

SPLITS = {TRAIN: "train", VALIDATION: "validation"}
AT_ONCE = 4_000_000  # characters that are encoded together


def write_shards(
    name: str, source: Path, joined: Path, tokenizer: Tokenizer, folder: Path, injected: Path | None = None
) -> None:
    """Encode the kept documents of one source into `folder`; `injected`: the injector's, where there is one."""
    decisions, keys = read_decisions(joined, name), read_keys(source)
    languages = read_json(source / "ledger.json")["languages"]
    dtype = np.dtype("u2" if tokenizer.size <= 1 << 16 else "u4")
    total = int(keys["bytes"][np.isin(decisions, list(SPLITS))].sum(dtype=np.uint64))
    with ExitStack() as stack:
        writers = {
            decision: _SplitWriter(stack.enter_context(atomic(folder / f"{split}.bin")), tokenizer, dtype)
            for decision, split in SPLITS.items()
        }
        bar = stack.enter_context(Bar(f"shards {name}", total, "bytes"))
        batch: list[Kept] = []
        characters = 0
        for kept in read_kept(source, joined, name, injected):
            batch.append(kept)
            characters += len(kept.document.text)
            if characters > AT_ONCE:
                bar.advance(_encode(batch, writers, languages))
                batch, characters = [], 0
        bar.advance(_encode(batch, writers, languages))
    for decision, split in SPLITS.items():
        with atomic(folder / f"{split}.npy") as file:
            np.save(file, np.array(writers[decision].index, INDEX))
    write_json(
        folder / "header.json",
        {
            "format": FORMAT,
            "source": name,
            "tokenizer": tokenizer.hash,
            "dtype": dtype.name,
            "languages": languages,
            "splits": {
                split: {
                    "documents": len(writers[decision].index),
                    "tokens": writers[decision].tokens,
                    "sha256": file_digest(folder / f"{split}.bin"),
                }
                for decision, split in SPLITS.items()
            },
        },
    )


class _SplitWriter:
    """Appends documents to one token file and remembers their index records."""

    def __init__(self, file: IO[bytes], tokenizer: Tokenizer, dtype: np.dtype):
        self.file, self.tokenizer, self.dtype = file, tokenizer, dtype
        self.index: list[tuple] = []
        self.tokens = 0

    def add(self, kept: Kept, ids: list[int], languages: list[str]) -> int:
        """Append a document as these ids; returns its bytes of text."""
        document, size = kept.document, len(kept.document.text.encode())
        tokens = np.array([*self.tokenizer.beginning, *ids, self.tokenizer.special.eos], self.dtype)
        self.index.append((self.tokens, size, languages.index(document.language), kept.row, document.hash))
        self.file.write(tokens.tobytes())
        self.tokens += len(tokens)
        return size


def _encode(batch: list[Kept], writers: Mapping[int, _SplitWriter], languages: list[str]) -> int:
    """Encode and write a batch; returns its bytes of text."""
    tokenizer = next(iter(writers.values())).tokenizer
    encoded = tokenizer.encode_many([kept.document.text for kept in batch])
    return sum(writers[kept.split].add(kept, ids, languages) for kept, ids in zip(batch, encoded, strict=True))
