"""How well scores rank graded documents: the area under the curve with an interval, and the error of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
BINS = 10


class Measured(NamedTuple):
    """An area under the curve with its 95 % interval, and on how much it was measured."""

    auc: float
    low: float
    high: float
    documents: int
    groups: int

    def __str__(self) -> str:
        return f"{self.auc:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.documents} documents, {self.groups} groups)"


def area(scores: np.ndarray, grades: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The chance that of two documents of different grades the better one has the greater score, ties counting half:
    for two grades the area under the ROC curve (Mann-Whitney), for three its mean over all pairs of documents.

    scores, grades, weights: (n,). NaN where there is only one grade.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    values, at = np.unique(scores, return_inverse=True)
    held = [np.bincount(at, weights * (grades == grade), len(values)) for grade in np.unique(grades)]
    right = pairs = 0.0
    for worse, better in combinations(held, 2):
        below = np.cumsum(worse) - worse
        right += float(better @ (below + worse / 2))
        pairs += float(better.sum() * worse.sum())
    return right / pairs if pairs else float("nan")


def measure(scores: np.ndarray, grades: np.ndarray, groups: Sequence[str], seed: int = 0) -> Measured:
    """The area with the 2.5th and 97.5th percentiles of `RESAMPLES` draws of whole groups (bootstrap): documents of a
    group are alike, and an interval from single documents would be too narrow. Where no pair is ranked wrongly, the
    interval has no width, and the number of groups says more than it does."""
    names, at = np.unique(np.asarray(groups), return_inverse=True)
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        times = np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names))
        found.append(area(scores, grades, times[at].astype(float)))
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Measured(area(scores, grades), float(low), float(high), len(scores), len(names))


def calibration_error(scores: np.ndarray, grades: np.ndarray, highest: int) -> float:
    """Mean distance between score and true grade over `highest`, in ten bins of equally many documents: 0 where a
    score of 0.7 means a mean grade of 0.7."""
    order = np.argsort(scores, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    apart = [abs(scores[part].mean() - grades[part].mean() / highest) * len(part) for part in bins]
    return float(sum(apart) / len(scores))
