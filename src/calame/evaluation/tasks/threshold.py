"""Acceptability: sentences told apart by a threshold on their mean log-likelihood a token.

auc: how often an acceptable sentence has the greater mean of a pair with one that is not (ties half); it needs no
threshold. mcc: Matthews' (1975) correlation of label and verdict. Its threshold is never chosen on what it judges: the
sentences are dealt into FOLDS by their ids, and each is judged by the threshold that is best for all the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash

from calame.evaluation.pairs import to_requests
from calame.evaluation.score import score
from calame.evaluation.tasks.figures import Chance, figure_of
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shots import Chosen
from calame.inference.load import Loaded

FOLDS = 5


def measure_threshold(loaded: Loaded, chosen: Chosen, metrics: Sequence[str], done: Done) -> Outcome:
    requests = to_requests(loaded.tokenizer, [(item.context(), item.continuation()) for item in chosen.items])
    longest = loaded.model.config.max_position_embeddings
    fitting = [(i, r) for i, r in zip(chosen.items, requests, strict=True) if len(r.continuation) <= longest]
    scores = score(loaded, [request for _, request in fitting], done)
    means = np.array([s.logprob / len(r.continuation) for s, (_, r) in zip(scores, fitting, strict=True)])
    labels = np.array([int(item.values["label"]) for item, _ in fitting])
    folds = np.array([xxhash.xxh64_intdigest(item.id.encode()) % FOLDS for item, _ in fitting])
    verdicts = cross_judged(means, labels, folds)
    rows = [
        {"id": item.id, "mean": round(float(mean), 5), "verdict": int(verdict), "right": int(label)}
        for (item, _), mean, verdict, label in zip(fitting, means, verdicts, labels, strict=True)
    ]
    figures = {
        "mcc": figure_of(range(len(rows)), lambda at: mcc(labels[at], verdicts[at]), Chance(0.0, "no relation")),
        "auc": figure_of(range(len(rows)), lambda at: auc(labels[at], means[at]), Chance(0.5, "a coin")),
    }
    note = f"{labels.mean():.1%} of the sentences are acceptable"
    return Outcome({m: figures[m] for m in metrics}, rows, 0, len(chosen.items) - len(fitting), [note])


def cross_judged(means: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The verdict (0, 1) on each sentence by the threshold that is best for the other folds."""
    verdicts = np.zeros(len(means), int)
    for fold in np.unique(folds):
        inside = folds == fold
        verdicts[inside] = means[inside] >= best_threshold(means[~inside], labels[~inside])
    return verdicts


def best_threshold(means: np.ndarray, labels: np.ndarray) -> float:
    """The threshold, half way between two neighbouring means, whose verdicts correlate most; of equal ones the middle
    one. Minus infinity where there is nothing to choose by: all are accepted."""
    if len(means) < 2:
        return -np.inf
    order = np.argsort(means, kind="stable")
    means, labels = means[order], labels[order]
    below = np.arange(1, len(means))  # how many are judged not acceptable
    right_below = np.cumsum(1 - labels)[:-1]
    right_above = labels.sum() - np.cumsum(labels)[:-1]
    found = _correlation(right_above, right_below, len(means) - below - right_above, below - right_below)
    found = np.where(means[1:] > means[:-1], found, -np.inf)  # no threshold between equal means
    best = np.flatnonzero(found == found.max())
    place = best[len(best) // 2]
    return float((means[place] + means[place + 1]) / 2) if np.isfinite(found.max()) else -np.inf


def mcc(labels: np.ndarray, verdicts: np.ndarray) -> float:
    """Matthews' correlation; 0 where all labels, or all verdicts, are alike."""
    hits, rejections = ((labels == side) & (verdicts == side) for side in (1, 0))
    false, missed = (labels == 0) & (verdicts == 1), (labels == 1) & (verdicts == 0)
    return float(_correlation(*(np.array(part.sum()) for part in (hits, rejections, false, missed))))


def _correlation(hits: np.ndarray, rejections: np.ndarray, false: np.ndarray, missed: np.ndarray) -> np.ndarray:
    hits, rejections, false, missed = (part.astype(np.float64) for part in (hits, rejections, false, missed))
    below = (hits + false) * (hits + missed) * (rejections + false) * (rejections + missed)
    return (hits * rejections - false * missed) / np.sqrt(np.where(below > 0, below, np.inf))


def auc(labels: np.ndarray, values: np.ndarray) -> float:
    """The area under the curve of true against false positives, from ranks (Mann & Whitney 1947); 0.5 where all labels
    are alike."""
    ups, downs = int(labels.sum()), int((1 - labels).sum())
    if not ups or not downs:
        return 0.5
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # of equal values the mean of their ranks
    return float((ranks[labels == 1].sum() - ups * (ups + 1) / 2) / (ups * downs))
