"""Stage tokenizer: draw a sample of the training text, train or adopt, measure on validation text.

tokenizer.json, about.json, fertility.json (by slice of the validation text)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions
from calame.corpus.gather import read_keys
from calame.corpus.kept import read_kept
from calame.recipe import schema
from calame.recipe.errors import UserError, refuse
from calame.recipe.units import say_count
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.tokenizer.adopt import adopt
from calame.tokenizer.measure import fertility
from calame.tokenizer.policy import chat_format
from calame.tokenizer.tokenizer import Tokenizer
from calame.tokenizer.train import SPACE_MARK, train

MEASURED_BYTES = 2_000_000  # of validation text per slice


def prepare(keys: schema.Tokenizer, sources: Mapping[str, Path], joined: Path, folder: Path) -> None:
    """Write the tokenizer and its fertility to `folder`."""
    if keys.location:
        tokenizer = adopt(keys.location, chat_format(keys.chat))
    else:
        text = sample(sources, joined, keys.sample)
        tokenizer = train(keys.kind, keys.vocabulary, text, chat_format(keys.chat))
    tokenizer = tokenizer.without_bos() if keys.bos == "none" else tokenizer
    slices = validation_slices(sources, joined)
    measures = fertility(tokenizer, slices)
    changed = sum(measure.changed for measure in measures.values())
    if changed > _excused(tokenizer, slices) and not keys.location:
        raise refuse(
            "tokenizer", f"{changed} validation texts do not come back as they were", remedy="report this fault"
        )
    tokenizer.save(folder)
    write_json(folder / "fertility.json", {name: measure.to_json() for name, measure in measures.items()})
    for name, measure in measures.items():
        lost = f", {measure.changed} of {measure.texts} texts do not come back as they were" if measure.changed else ""
        say(
            f"  tokenizer {name}: {measure.tokens_per_word:.2f} tokens a word, "
            f"{measure.bytes_per_token:.2f} bytes a token{lost}"
        )
    say(f"  tokenizer: {say_count(tokenizer.size)} entries, hash {tokenizer.hash[:12]}")


def _excused(tokenizer: Tokenizer, slices: Mapping[str, list[str]]) -> int:
    """Texts of which it is known that SentencePiece changes them: those with its own mark of a space in them."""
    if tokenizer.about["kind"] != "sentencepiece-bpe":
        return 0
    return sum(SPACE_MARK in text for texts in slices.values() for text in texts)


def sample(sources: Mapping[str, Path], joined: Path, size: int) -> Iterator[str]:
    """Training texts, about `size` bytes in all: equal parts of each language as far as there is text, and within a
    language the documents with the lowest content hashes, so that each source is represented by its size."""
    limits = _hash_limits(sources, joined, size)
    for name, folder in sources.items():
        keys, decisions = read_keys(folder), read_decisions(joined, name)
        chosen = (_order(keys) <= limits[keys["language"]]) & (decisions == TRAIN)
        yield from (kept.document.text for kept in read_kept(folder, joined, name) if chosen[kept.row])


def _order(keys: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each document, drawn from its content hash."""
    return np.frombuffer(keys["hash"].tobytes(), "u8")[::2] / 2.0**64


def _hash_limits(sources: Mapping[str, Path], joined: Path, size: int) -> np.ndarray:
    """For each language code, the share of its documents that the sample takes."""
    order, sizes, codes = [], [], []
    for name, folder in sources.items():
        keys = read_keys(folder)[read_decisions(joined, name) == TRAIN]
        order.append(_order(keys))
        sizes.append(keys["bytes"].astype(np.int64))
        codes.append(keys["language"])
    order, sizes, codes = np.concatenate(order), np.concatenate(sizes), np.concatenate(codes)
    totals = np.bincount(codes, weights=sizes)
    budgets, left = np.zeros(len(totals)), float(size)
    for count, code in enumerate(np.argsort(totals)):  # small languages give all, the others share what is left
        budgets[code] = min(totals[code], left / (len(totals) - count))
        left -= budgets[code]
    limits = np.ones(256)
    for code in range(len(totals)):
        mine = codes == code
        ranked = np.argsort(order[mine])
        within = np.cumsum(sizes[mine][ranked]) <= budgets[code]
        limits[code] = 1.0 if within.all() else order[mine][ranked][max(int(within.sum()) - 1, 0)]
    return limits


def validation_slices(sources: Mapping[str, Path], joined: Path, size: int = MEASURED_BYTES) -> dict[str, list[str]]:
    """Up to `size` bytes of validation text for each slice."""
    names = {(part["language"], part["source"]): name for name, part in read_json(joined / "validation.json").items()}
    slices: dict[str, list[str]] = {}
    taken: dict[str, int] = {}
    for name, folder in sources.items():
        for _, split, document in read_kept(folder, joined, name):
            if split != VALIDATION:
                continue
            slice_ = names[document.language, name]
            if taken.get(slice_, 0) < size:
                slices.setdefault(slice_, []).append(document.text)
                taken[slice_] = taken.get(slice_, 0) + len(document.text.encode())
    return slices


def compare(sizes: list[int], keys: schema.Tokenizer, sources: Mapping[str, Path], joined: Path) -> list[dict]:
    """One row per vocabulary size and validation slice, for `calame tokenizer compare`; a size that the text cannot
    support has one row with its `fault`."""
    slices = validation_slices(sources, joined)
    rows: list[dict] = []
    for size in sizes:
        try:
            tokenizer = train(keys.kind, size, sample(sources, joined, keys.sample), chat_format(keys.chat))
        except UserError as error:
            rows.append({"vocabulary": size, "fault": error.problems[0].found})
            continue
        rows += [
            {"vocabulary": size, "slice": name, **measure.to_json()}
            for name, measure in fertility(tokenizer, slices).items()
        ]
    return rows
