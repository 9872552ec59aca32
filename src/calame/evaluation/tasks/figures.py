"""A measured number with what it takes to read it: its error, and what chance alone would reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calame.evaluation.intervals import Interval, interval_of, mean_interval, share_interval


@dataclass(frozen=True)
class Chance:
    """What is reached without knowing anything, and how that is reckoned."""

    value: float
    how: str


OPTIONS = "one option in as many as there are"
ALIKE = "the most frequent answer, always"
SHUFFLED = "the model's own answers, each held against the next item's"


@dataclass(frozen=True)
class Figure:
    """value; stderr: its standard error; low, high: its 95 % interval (`evaluation/intervals.py`). None: not known, as
    of a single item."""

    value: float
    stderr: float | None
    low: float | None
    high: float | None
    chance: float | None = None
    chance_of: str = ""

    def as_json(self) -> dict[str, Any]:
        return {key: round(v, 6) if isinstance(v, float) else v for key, v in asdict(self).items()}


def mean_of(values: Sequence[float] | np.ndarray, chance: Chance | None = None, shares: bool = True) -> Figure:
    """The mean of a number per item; stderr: the sample's deviation over the root of its size. shares: the numbers lie
    between 0 and 1, and where all are 0, or all 1, the interval says what doubt is left."""
    measured = np.asarray(values, dtype=np.float64)
    stderr = float(measured.std(ddof=1)) / math.sqrt(len(measured)) if len(measured) > 1 else None
    interval = share_interval(measured.tolist()) if shares else mean_interval(measured)
    return _figure(interval, stderr, chance)


def figure_of(things: Sequence[Any], statistic: Callable[[list[Any]], float], chance: Chance | None = None) -> Figure:
    """A statistic of all items together; stderr: that of a normal distribution with the same interval."""
    interval = interval_of(things, statistic)
    return _figure(interval, (interval.high - interval.low) / (2 * 1.96), chance)


def _figure(interval: Interval, stderr: float | None, chance: Chance | None) -> Figure:
    value, how = (chance.value, chance.how) if chance else (None, "")
    return Figure(interval.value, stderr, interval.low, interval.high, value, how)
