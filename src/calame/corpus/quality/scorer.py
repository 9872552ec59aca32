"""A scorer: what gives a document a number in [0, 1], the greater the better; one interface for all kinds.

heuristic   a formula (`heuristic.py`): nothing to train
linear      a folder that `calame corpus quality train --kind linear` wrote (`linear.py`): fast on any processor
neural      the same with `--kind neural` (`neural.py`): an encoder, for a GPU

A score is a function of the one text and its language. It never depends on the other documents, so that a source may
be scored in any number of pieces; only the neural kind's last digits depend on the batch and on the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from calame.recipe.errors import refuse
from calame.run.files import read_json

ABOUT = "quality.json"  # of a trained classifier: its kind, its grades, how it was trained, what it reached
KINDS = ("linear", "neural")  # those that are trained


class Scorer(Protocol):
    name: str

    def score_many(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        """(n,) float32 in [0, 1]. Raises `UserError` for a language that the scorer does not know."""
        ...


def open_scorer(
    kind: str,
    folder: Path | None = None,
    device: str = "auto",
    stop_words: Mapping[str, frozenset[str]] | None = None,
) -> Scorer:
    """The scorer of a kind; `folder` holds a trained one. `device`: where a neural one computes. `stop_words`: of the
    heuristic, by language, where they are others than those that come with Calame."""
    if kind == "heuristic":
        from calame.corpus.quality.heuristic import HeuristicScorer

        return HeuristicScorer(stop_words) if stop_words else HeuristicScorer()
    assert folder is not None
    if kind == "linear":
        from calame.corpus.quality.linear import LinearScorer

        return LinearScorer.load(folder)
    from calame.corpus.quality.neural import NeuralScorer

    return NeuralScorer.load(folder, device)


def read_about(folder: Path, key: str, kind: str = "") -> dict[str, Any]:
    """What a trained classifier says of itself. Raises `UserError` naming `key` where the folder holds none, or one
    of another kind than the one that is asked for."""
    remedy = f"calame corpus quality train FILES --kind {kind or 'linear'} --to FOLDER"
    if not (folder / ABOUT).is_file():
        raise refuse(key, f"{folder}: no classifier in it (no {ABOUT})", "a folder of a trained classifier", remedy)
    about = read_json(folder / ABOUT)
    found = about.get("kind") if isinstance(about, dict) else None
    if found not in KINDS or (kind and found != kind):
        raise refuse(key, f"{folder}: its classifier's kind is {found}", kind or ", ".join(KINDS), remedy)
    return about


def classifier_files(folder: Path, key: str, kind: str) -> list[Path]:
    """The files that a classifier's scores depend on. Raises `UserError` as `read_about` does."""
    read_about(folder, key, kind)
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def expected_grade(chances: np.ndarray) -> np.ndarray:
    """The score in [0, 1] of documents by their chances of each grade, (n, grades): the expected grade, over the
    highest one (grades count from 0). For two grades it is the chance of the better."""
    grades = np.arange(chances.shape[1], dtype=np.float32)
    return (chances @ grades / grades[-1]).astype(np.float32)
