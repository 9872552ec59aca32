"""Stage corpus: all sources together. Exact duplicates go, validation is reserved, the ledger is closed.

SOURCE.npy      one byte a document: TRAIN, VALIDATION, DUPLICATE or POOR
SOURCE.scores.npy       of the documents' quality, where it was scored; quality.json: the thresholds and why
SOURCE.edits.jsonl.zst  where kept documents lose a part: {"row", "text"} a line, the text that is left; absent if none
ledger.json     per source; validation.json: the slices, their documents, bytes and hash
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zstandard

from calame.corpus.gather import read_keys
from calame.corpus.ledger import SourceLedger, Tally
from calame.corpus.quality.decide import RULE as LOW_QUALITY
from calame.corpus.quality.decide import decide, rule_of
from calame.recipe.corpus import Quality, ValidationText
from calame.recipe.errors import Problem, UserError
from calame.run.files import atomic, digest, read_json, write_json
from calame.run.progress import say

TRAIN, VALIDATION, DUPLICATE, POOR = 0, 1, 2, 3
DROPPED = {
    DUPLICATE: "exact duplicate",
    POOR: LOW_QUALITY,
}  # decisions by which a document goes, with their names in the ledger


def join(
    sources: Mapping[str, Path],
    validation: ValidationText,
    folder: Path,
    quality: Quality | None = None,
    scores: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Decide each document's place. Sources come in order of priority: the first to hold a text keeps it. `scores`: of
    the documents of each source that was scored, in order; they replace those that came with the documents.

    Raises `UserError` naming each (source, language) slice that cannot give validation text and keep some to train on.
    """
    keys = {name: read_keys(path) for name, path in sources.items()}
    gathered = {name: read_json(path / "ledger.json") for name, path in sources.items()}
    languages = {name: data["languages"] for name, data in gathered.items()}
    for name, found in (scores or {}).items():
        keys[name]["score"] = found
    decisions = _drop_duplicates(keys)
    if quality is not None:
        _drop_poor(keys, decisions, languages, quality, folder)
    _reserve_validation(keys, decisions, languages, validation)
    ledgers = {}
    for name in sources:
        with atomic(folder / f"{name}.npy") as file:
            np.save(file, decisions[name])
        ledgers[name] = _close(gathered[name], keys[name], decisions[name])
        assert ledgers[name].balances()
    write_json(folder / "ledger.json", {name: ledger.to_json() for name, ledger in ledgers.items()})
    write_json(folder / "validation.json", _describe(keys, decisions, languages))


def _drop_duplicates(keys: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Decisions where all but the first document with the same content hash is a DUPLICATE."""
    hashes = np.concatenate([part["hash"] for part in keys.values()])
    _, first = np.unique(hashes, return_index=True)
    decisions = np.full(len(hashes), DUPLICATE, np.uint8)
    decisions[first] = TRAIN
    ends = np.cumsum([len(part) for part in keys.values()])[:-1]
    return dict(zip(keys, np.split(decisions, ends), strict=True))


def _drop_poor(
    keys: Mapping[str, np.ndarray],
    decisions: Mapping[str, np.ndarray],
    languages: Mapping[str, list[str]],
    quality: Quality,
    folder: Path,
) -> None:
    """Make POOR what the recipe's rule does, and write down the thresholds and the scores."""
    waiting = {name: part == TRAIN for name, part in decisions.items()}
    poor, cells = decide(keys, languages, quality, waiting)
    for name, part in decisions.items():
        part[poor[name]] = POOR
        if rule_of(quality, name) is not None:
            with atomic(folder / f"{name}.scores.npy") as file:
                np.save(file, keys[name]["score"])
    for cell in cells:
        say(f"  quality: {cell}")
    write_json(folder / "quality.json", {"scorer": quality.scorer, "cells": [cell.to_json() for cell in cells]})


def _reserve_validation(
    keys: Mapping[str, np.ndarray],
    decisions: dict[str, np.ndarray],
    languages: Mapping[str, list[str]],
    validation: ValidationText,
) -> None:
    """Give each (source, language) slice its share of validation, whole groups in the order of their hash."""
    problems = []
    for name, part in keys.items():
        known = part[decisions[name] == TRAIN]
        if not len(known):
            problems.append(
                Problem(
                    f"corpus.sources.{name}",
                    "all its texts are in the sources before it, or of low quality",
                    remedy="leave it out, or put it first",
                )
            )
            continue
        groups, lacking = _reserved_groups(known, len(languages[name]), validation)
        # A group may hold several languages: it goes to validation with all of them.
        decisions[name][np.isin(part["group"], groups) & (decisions[name] == TRAIN)] = VALIDATION
        problems += [_cannot_reserve(name, languages[name][code]) for code in lacking]
    if problems:
        raise UserError(problems)


def _reserved_groups(part: np.ndarray, languages: int, validation: ValidationText) -> tuple[np.ndarray, list[int]]:
    """The groups of a source that are reserved, and the languages (codes) that cannot give any: a group is only taken
    while every language in it keeps another one to train on."""
    groups, inverse = np.unique(part["group"], return_inverse=True)  # sorted by hash: an order without meaning
    cells = np.bincount(inverse * languages + part["language"], part["bytes"], len(groups) * languages)
    sizes = cells.reshape(len(groups), languages)
    left = np.count_nonzero(sizes, axis=0)
    reserved, taken = np.zeros(languages), np.zeros(len(groups), bool)
    totals = sizes.sum(axis=0)
    for code in np.flatnonzero(totals):
        wanted = min(totals[code] * validation.share, validation.most)
        for group in _in_order(sizes[:, code]):
            if reserved[code] >= wanted:
                break
            spoken = sizes[group] > 0
            if not taken[group] and (left[spoken] > 1).all():
                taken[group] = True
                reserved += sizes[group]
                left -= spoken
    return groups[taken], np.flatnonzero((totals > 0) & (reserved == 0)).tolist()


def _in_order(sizes: np.ndarray) -> np.ndarray:
    """The groups of a language in the order in which they are asked for. One that holds more than a tenth of the text
    comes last, the smaller first: by chance it would take most of a small corpus away from training."""
    large = np.where(sizes > sizes.sum() / 10, sizes, 0)
    order = np.lexsort((np.arange(len(sizes)), large))
    return order[sizes[order] > 0]


def _cannot_reserve(source: str, language: str) -> Problem:
    return Problem(
        f"corpus.sources.{source}",
        f"its {language} text is one group, or shares its groups with languages that have no other: none is left for "
        "validation",
        "at least two groups (files, works, pages) a source and language",
        f"add texts, or cut them: corpus.sources.{source}.document=passage, "
        f"or name the column of the works: corpus.sources.{source}.group=COLUMN",
    )


def _close(gathered: dict, keys: np.ndarray, decisions: np.ndarray) -> SourceLedger:
    """The source's ledger with what was read split into training, validation and duplicates."""
    ledger = SourceLedger.from_json(gathered)
    ledger.kept = {}
    for code, language in enumerate(gathered["languages"]):
        for decision in (TRAIN, VALIDATION, *DROPPED):
            chosen = keys[(keys["language"] == code) & (decisions == decision)]
            tally = Tally(len(chosen), int(chosen["bytes"].sum(dtype=np.uint64)))
            if not tally.documents:
                continue
            if decision in DROPPED:
                ledger.drop(DROPPED[decision], tally)
            else:
                ledger.keep(f"{'train' if decision == TRAIN else 'validation'}/{language}", tally)
    return ledger


def _describe(
    keys: Mapping[str, np.ndarray], decisions: Mapping[str, np.ndarray], languages: Mapping[str, list[str]]
) -> dict[str, dict]:
    """Each validation slice `LANGUAGE-SOURCE`: documents, bytes, and one hash of exactly which texts."""
    slices = {}
    for name, part in keys.items():
        for code, language in enumerate(languages[name]):
            chosen = part[(part["language"] == code) & (decisions[name] == VALIDATION)]
            if len(chosen):
                slices[f"{language}-{name}"] = {
                    "language": language,
                    "source": name,
                    "documents": len(chosen),
                    "bytes": int(chosen["bytes"].sum(dtype=np.uint64)),
                    "hash": digest([bytes(h).hex() for h in chosen["hash"]]),
                }
    return slices


def read_decisions(folder: Path, source: str) -> np.ndarray:
    return np.load(folder / f"{source}.npy")


def read_scores(folder: Path, source: str) -> np.ndarray | None:
    """Of the quality of a source's documents, where it was scored."""
    path = folder / f"{source}.scores.npy"
    return np.load(path) if path.is_file() else None


def read_edits(folder: Path, source: str) -> dict[int, str]:
    """By row, the text that is left of documents that lost a part of theirs when sources were joined."""
    path = folder / f"{source}.edits.jsonl.zst"
    if not path.is_file():
        return {}
    with path.open("rb") as raw:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), encoding="utf-8", newline="\n")
        return {edit["row"]: edit["text"] for edit in map(json.loads, lines)}


def read_ledgers(folder: Path) -> dict[str, SourceLedger]:
    return {name: SourceLedger.from_json(data) for name, data in read_json(folder / "ledger.json").items()}
