"""Train a classifier of quality from labelled documents, and say what it reaches on documents that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from calame.corpus.quality.labelled import Examples, split
from calame.corpus.quality.linear import LinearScorer
from calame.corpus.quality.measure import calibration_error, measure
from calame.corpus.quality.neural import NeuralScorer
from calame.recipe.errors import refuse

HELD_OUT = 0.2  # share of the groups of documents that a classifier is measured on

Trained = LinearScorer | NeuralScorer


def train_classifier(examples: Examples, train: Callable[[Examples], Trained], to: Path, seed: int) -> list[str]:
    """Split by group, train on one part, measure on the other, save. Returns lines that say what it reached.

    Raises `UserError` where `to` already holds something: a classifier is never overwritten.
    """
    if to.exists() and any(to.iterdir()):
        raise refuse("--to", f"{to}: not empty", "a new folder", "give another name, or remove it")
    learnt, held_out = split(examples, seed, HELD_OUT)
    scorer = train(learnt)
    reached, lines = _examine(scorer, held_out)
    scorer.about |= {"learnt from": len(learnt), "held out": reached}
    scorer.save(to)
    return [*lines, f"written to {to}"]


def _examine(scorer: Trained, held_out: Examples) -> tuple[dict[str, object], list[str]]:
    """What the scorer reaches on the held-out part, as a whole and by language: as JSON, and in words."""
    scores = scorer.score_many(held_out.texts, held_out.languages)
    languages = np.array(held_out.languages)
    found: dict[str, object] = {}
    lines = [f"held out: {len(held_out)} documents, labels {', '.join(held_out.names)}"]
    for name in ["all", *(sorted(set(held_out.languages)) if len(set(held_out.languages)) > 1 else [])]:
        chosen = np.ones(len(held_out), bool) if name == "all" else languages == name
        grades, groups = held_out.grades[chosen], [g for g, c in zip(held_out.groups, chosen, strict=True) if c]
        if len(np.unique(grades)) < 2:
            lines.append(f"  {name:<4} one label only: nothing to rank")
            continue
        result = measure(scores[chosen], grades, groups)
        error = calibration_error(scores[chosen], grades, len(held_out.names) - 1)
        found[name] = {**result._asdict(), "calibration error": error}
        lines.append(f"  {name:<4} AUC {result}, calibration error {error:.3f}")
    return found, lines
