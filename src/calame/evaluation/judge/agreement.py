"""How far two who label the same things agree: the plain share, and Cohen's kappa, which takes chance off it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from calame.evaluation.intervals import LEVEL, share_interval
from calame.evaluation.measured import interval
from calame.evaluation.records import Number, Record, number_of

DRAWS = 1000


def kappa(ours: np.ndarray, theirs: np.ndarray, labels: int, ordered: bool = False) -> float:
    """(observed - chance) / (1 - chance), of labels 0 to `labels` - 1: 1 full agreement, 0 that of chance (Cohen 1960).
    `ordered`: a disagreement weighs as the square of its distance (Cohen 1968). NaN where chance alone would agree
    everywhere, since both say one thing only."""
    table = np.zeros((labels, labels))
    np.add.at(table, (ours, theirs), 1 / max(1, len(ours)))
    apart = np.abs(np.subtract.outer(np.arange(labels), np.arange(labels)))
    cost = apart**2 if ordered else (apart > 0)
    by_chance = (cost * np.outer(table.sum(1), table.sum(0))).sum()
    return float(1 - (cost * table).sum() / by_chance) if by_chance > 1e-12 else float("nan")


class Agreement(Record):
    """How far two agree."""

    n: int = Field(description="what both have labelled")
    raw: Number | None = Field(description="share of equal labels")
    kappa: Number | None = Field(description="Cohen's kappa; null where chance alone would agree everywhere")


def agreement(ours: Sequence[Any], theirs: Sequence[Any], labels: Sequence[Any], ordered: bool = False) -> Agreement:
    """Raw share and kappa of two who labelled the same things, with bootstrap intervals over these."""
    places = {label: place for place, label in enumerate(labels)}
    a, b = (np.array([places[label] for label in column], int) for column in (ours, theirs))
    if not len(a):
        return Agreement(n=0, raw=None, kappa=None)
    chosen = np.random.default_rng(0).integers(len(a), size=(DRAWS, len(a)))
    raw = share_interval((a == b).tolist())
    drawn = np.array([kappa(a[row], b[row], len(labels), ordered) for row in chosen])
    beyond_chance = interval(kappa(a, b, len(labels), ordered), drawn, len(a))
    return Agreement(n=len(a), raw=number_of(raw), kappa=number_of(beyond_chance))


def in_words(name: str, found: Agreement) -> str:
    """One line for people; the bands of kappa are those of Landis & Koch (1977)."""
    if found.raw is None:
        return f"{name}: nothing in common"
    said = f"{name}: {found.raw.value:.0%} equal of {found.n}"
    if found.kappa is None:
        return f"{said}; both say one thing only, so that kappa says nothing"
    bands = ((0.81, "almost perfect"), (0.61, "substantial"), (0.41, "moderate"), (0.21, "fair"), (0.0, "slight"))
    value, low, high = found.kappa.value, found.kappa.low, found.kappa.high
    band = next((word for least, word in bands if value >= least), "worse than chance")
    return f"{said}, kappa {value:.2f} [{low:.2f}, {high:.2f}] ({LEVEL:.0%} interval), {band}"
