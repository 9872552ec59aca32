"""A linear classifier of hashed n-grams: words and pairs of words, pieces of words, or both.

For grades 0..K-1 there are K-1 logistic regressions, each asking "at least this grade?" (Frank & Hall 2001), fitted by
stochastic gradient descent (scikit-learn) and calibrated by Platt's method (1999) on answers to documents that were not
learnt from: each third is answered by a fit on the two others. The score is the mean of the answers, which is the
expected grade over the highest one.

weights.safetensors   coefficients (K-1, features), intercepts (K-1,), slopes and offsets of the calibration (K-1,)
quality.json          kind, grades, features, and how it was trained
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calame.corpus.quality.labelled import Examples, ranked
from calame.corpus.quality.scorer import ABOUT, read_about
from calame.recipe.errors import refuse
from calame.run.files import atomic, write_json

WEIGHTS = "weights.safetensors"
FEATURES = ("words", "characters", "both")
BUCKETS = 2**18  # of each family: a quarter of a million rarely collide within a document, and weigh 1 MiB
WORD = r"\w+|[^\w\s]"  # a punctuation mark is a word, and a letter alone too ("à", "y", "l")
CHARACTERS = 10_000  # of a document that are read: the score's cost has a bound, and a book's beginning says enough
PENALTY = 1e-5  # of squared weights: light, since each document holds few of the features
PASSES = 20  # over the examples
FOLDS = 3


class LinearScorer:
    name = "linear"

    def __init__(self, about: dict[str, Any], tensors: dict[str, np.ndarray]):
        self.about, self.tensors = about, tensors
        self._features = vectorizer(about["features"])
        self._columns = np.ascontiguousarray(tensors["coefficients"].T)

    @staticmethod
    def load(folder: Path, key: str = "corpus.quality.from") -> LinearScorer:
        from safetensors.numpy import load_file

        about = read_about(folder, key, "linear")
        return LinearScorer(about, load_file(folder / WEIGHTS))

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save

        folder.mkdir(parents=True, exist_ok=True)
        with atomic(folder / WEIGHTS) as file:
            file.write(save(self.tensors))
        write_json(folder / ABOUT, self.about)

    def score_many(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros(0, np.float32)
        margins = self._features(texts) @ self._columns + self.tensors["intercepts"]
        chances = _logistic(margins * self.tensors["slopes"] + self.tensors["offsets"])
        return chances.mean(axis=1).astype(np.float32)


def train_linear(examples: Examples, features: str, seed: int) -> LinearScorer:
    """The same examples, in the same order, and the same seed give the same weights."""
    rows = vectorizer(features)(examples.texts)
    folds = ranked(examples, seed)[0] % FOLDS  # whole groups
    found = []
    for grade in range(1, len(examples.names)):
        true = examples.grades >= grade
        margins = np.zeros(len(examples))
        for fold in range(FOLDS):
            coefficients, intercept = _regression(rows[folds != fold], true[folds != fold], seed)
            margins[folds == fold] = rows[folds == fold] @ coefficients + intercept
        found.append((*_regression(rows, true, seed), *_platt(margins, true)))
    names = ("coefficients", "intercepts", "slopes", "offsets")
    tensors = {name: np.array(column, np.float32) for name, column in zip(names, zip(*found, strict=True), strict=True)}
    about = {"kind": "linear", "grades": examples.names, "features": features, "buckets": BUCKETS, "seed": seed}
    return LinearScorer(json.loads(json.dumps(about)), tensors)


def vectorizer(features: str) -> Any:
    """A function from texts to a sparse matrix (texts, features) of n-gram counts, each family of length 1."""
    try:
        from sklearn.feature_extraction.text import HashingVectorizer
    except ImportError:
        raise refuse("scikit-learn", "not installed", remedy="pip install 'calame[corpus]'") from None
    from scipy import sparse

    families: list[Any] = []
    kind: Any = np.float32
    if features in ("words", "both"):
        families.append(HashingVectorizer(n_features=BUCKETS, token_pattern=WORD, ngram_range=(1, 2), dtype=kind))
    if features in ("characters", "both"):
        families.append(
            HashingVectorizer(n_features=BUCKETS, analyzer="char_wb", ngram_range=(2, 4), lowercase=False, dtype=kind)
        )

    def vectorize(texts: Sequence[str]) -> Any:
        heads = [text[:CHARACTERS] for text in texts]
        return sparse.hstack([family.transform(heads) for family in families], format="csr")

    return vectorize


def _regression(rows: Any, true: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Coefficients (features,) and intercept of a logistic regression; rare and frequent grades weigh the same."""
    from sklearn.linear_model import SGDClassifier

    always: Any = None  # no early end: the work is known beforehand
    model: Any = SGDClassifier(
        loss="log_loss",
        alpha=PENALTY,
        max_iter=PASSES,
        tol=always,
        average=True,
        class_weight="balanced",
        random_state=seed,
    )
    model.fit(rows, true)
    return model.coef_[0], float(model.intercept_[0])


def _platt(margins: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Slope and offset that turn margins into chances: a logistic regression on the margin alone, whose targets are
    (N+ + 1) / (N+ + 2) and 1 / (N- + 2) instead of 1 and 0 (Platt 1999), so that no margin is ever certain."""
    from sklearn.linear_model import LogisticRegression

    targets = np.where(true, (true.sum() + 1) / (true.sum() + 2), 1 / ((~true).sum() + 2))
    twice = np.concatenate([margins, margins])[:, None]  # each document once as true, once as false, by its target
    sides = np.repeat([True, False], len(margins))
    model: Any = LogisticRegression(C=1e6, max_iter=1000)
    model.fit(twice, sides, np.concatenate([targets, 1 - targets]))
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))
