"""Validation slices (language x source): whole documents, frozen, known by one hash of exactly which.

BOS: a document begins with it by the tokenizer's policy. It is given and never asked for, and windows that begin within
a document have none, as rows in training. Without BOS the first token of a document is given, and its bytes do not
count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calame.recipe.errors import Problem, UserError
from calame.recipe.slices import OOD, Mixed, slice_name
from calame.run.files import digest
from calame.shards.read import Shard
from calame.shards.windows import Windows, lay_out_windows
from calame.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Slice:
    """bytes: (documents,) UTF-8 bytes of the text that is asked for. eos: the id whose prediction is not a byte of any
    text. hash: of the documents' content hashes."""

    name: str
    windows: Windows
    bytes: np.ndarray
    eos: int
    hash: str

    @property
    def ood(self) -> bool:
        """Whether its source is never trained on."""
        return self.name.startswith(OOD)


def slices_of(
    shards: Sequence[Shard],
    tokenizer: Tokenizer,
    context: int,
    stride: int | None = None,
    tokens: int | None = None,
    ood: Collection[str] = (),
) -> list[Slice]:
    """All validation documents of each slice, or as many as reach `tokens`, in the order of their hashes (neighbours in
    a source are alike). stride: as in windows.py; left out: no overlap. ood: sources that are never trained on."""
    found = []
    for shard in shards:
        for code, language in enumerate(shard.languages):
            chosen = _chosen(shard, np.flatnonzero(shard.index["language"] == code), tokens)
            if len(chosen):
                documents = [np.asarray(shard.tokens[shard.starts[d] : shard.starts[d + 1]]) for d in chosen]
                name = slice_name(language, shard.name, shard.name in ood)
                records = shard.index[chosen]
                hashes = [bytes(content) for content in records["hash"]]
                found.append(make_slice(name, documents, records["bytes"], hashes, tokenizer, context, stride))
    return found


def make_slice(
    name: str,
    documents: Sequence[np.ndarray],
    sizes: Sequence[int] | np.ndarray,
    hashes: Sequence[bytes],
    tokenizer: Tokenizer,
    context: int,
    stride: int | None = None,
) -> Slice:
    """documents: each as (BOS) text EOS. sizes: bytes of their texts. hashes: of their contents, in an order that
    means nothing."""
    special, known = tokenizer.special, np.zeros(len(sizes), np.int64)
    if not tokenizer.beginning:
        known[:] = [tokenizer.first_bytes(int(tokens[0])) if len(tokens) > 1 else 0 for tokens in documents]
    windows = lay_out_windows(documents, context, stride or context, special.pad)
    which = digest([content.hex() for content in hashes])
    return Slice(name, windows, np.asarray(sizes, np.int64) - known, special.eos, which)


def _chosen(shard: Shard, documents: np.ndarray, tokens: int | None) -> np.ndarray:
    """Of these documents, those that are taken, in the shard's order."""
    if tokens is None:
        return documents
    hashes = np.ascontiguousarray(shard.index["hash"][documents]).view("<u8")[::2]  # its first half is enough
    drawn = documents[np.argsort(hashes, kind="stable")]
    reached = np.cumsum(np.diff(shard.starts)[drawn])
    return np.sort(drawn[: int(np.searchsorted(reached, tokens)) + 1])


def check_weights(slices: Iterable[str], mixed: Mixed) -> None:
    """Raises `UserError` where declared weights and the slices that there is text of are not the same."""
    if not isinstance(mixed, Mapping):
        return
    there = [name for name in slices if not name.startswith(OOD)]
    problems = []
    if gone := [name for name in mixed if name not in there]:
        problems.append(Problem("evaluation.mixed", f"no validation text of {', '.join(gone)}", ", ".join(there)))
    if missing := [name for name in there if name not in mixed]:
        problems.append(
            Problem("evaluation.mixed", f"no weight for {', '.join(missing)}", remedy="give it one; 0 leaves it out")
        )
    if problems:
        raise UserError(problems)
