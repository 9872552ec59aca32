"""Which documents are too poor to stay: a threshold for each (source x language), given or found from a share to keep.

A threshold that is found is the score of the last document that the share keeps, taken from the very scores that it is
then applied to. Documents that score the same stay or go together, so ties can make the kept share greater than asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from calame.recipe.errors import Problem, UserError
from calame.recipe.quality import Quality, QualityRule


@dataclass(frozen=True)
class Cell:
    """What was decided of the documents of one source in one language: how many there were to judge and how many
    stay, their bytes, and how many had no score (they stay). `threshold` is None where nothing was asked."""

    source: str
    language: str
    threshold: float | None
    reason: str
    documents: int
    kept: int
    bytes: int
    kept_bytes: int
    unscored: int

    def to_json(self) -> dict[str, Any]:
        return vars(self)

    def __str__(self) -> str:
        left = f"{self.source}/{self.language}: {self.kept} of {self.documents} documents stay"
        unscored = f"; {self.unscored} have no score and stay" if self.unscored else ""
        return f"{left} ({self.reason}){unscored}"


def decide(
    keys: Mapping[str, np.ndarray],
    languages: Mapping[str, list[str]],
    quality: Quality,
    waiting: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], list[Cell]]:
    """Masks, by source, of the documents to drop; and what was decided, for quality.json.

    keys: records of KEY by source, their scores filled in; languages: what their codes mean. waiting: masks of the
    documents that were not dropped before, the only ones that are judged and that a share is a share of.
    Raises `UserError` naming each source that was to be judged and has no scores at all.
    """
    poor, cells, problems = {}, [], []
    for name, part in keys.items():
        poor[name] = np.zeros(len(part), bool)
        rule = rule_of(quality, name)
        if rule is None:
            continue
        if waiting[name].any() and np.isnan(part["score"][waiting[name]]).all():
            problems.append(_no_scores(name, quality))
            continue
        for code, language in enumerate(languages[name]):
            chosen = waiting[name] & (part["language"] == code)
            if chosen.any():
                poor[name][chosen], cell = _judge(name, language, part[chosen], rule)
                cells.append(cell)
    if problems:
        raise UserError(problems)
    return poor, cells


def rule_of(quality: Quality, source: str) -> QualityRule | None:
    """The rule that holds for a source: its own, else the general one; None where the source is not judged."""
    if not quality.sources:
        return quality
    own = quality.sources.get(source)
    return quality if own is not None and own.keep is None and own.threshold is None else own


def _judge(source: str, language: str, part: np.ndarray, rule: QualityRule) -> tuple[np.ndarray, Cell]:
    """A mask of a cell's documents that go, and what was decided of them."""
    scores = part["score"]
    known = scores[~np.isnan(scores)]
    threshold, reason = find_threshold(known, asked(rule.threshold, language), asked(rule.keep, language))
    low = np.zeros(len(part), bool) if threshold is None else scores < np.float32(threshold)  # false for NaN
    total, gone = (int(sizes.sum(dtype=np.uint64)) for sizes in (part["bytes"], part["bytes"][low]))
    kept = len(part) - int(low.sum())
    unscored = len(part) - len(known)
    return low, Cell(source, language, threshold, reason, len(part), kept, total, total - gone, unscored)


def asked(value: float | dict[str, float] | None, language: str) -> float | None:
    """What a rule asks for a language: one number for all of them, or one by language."""
    return value.get(language) if isinstance(value, dict) else value


def find_threshold(scores: np.ndarray, given: float | None, keep: float | None) -> tuple[float | None, str]:
    """The least score that stays, with its reason. scores: (n,) without NaN."""
    if given is not None:
        return given, f"threshold {given:g}, as given"
    if keep is None or not len(scores):
        return None, "no rule for this language" if keep is None else "no scores"
    best = math.ceil(keep * len(scores) - 1e-9)  # rounded up, so that something always stays
    threshold = float(np.partition(scores, len(scores) - best)[len(scores) - best])
    return threshold, f"the best {keep * 100:g} % -> threshold {threshold:.6g}"


def _no_scores(source: str, quality: Quality) -> Problem:
    return Problem(
        f"corpus.sources.{source}",
        f"has no scores, but corpus.quality.scorer is {quality.scorer}",
        remedy=f"name the column of the scores (corpus.sources.{source}.score=COLUMN), choose another scorer, or leave "
        "the source out of corpus.quality.sources",
    )
