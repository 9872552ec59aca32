"""What measuring a task gives, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from calame.evaluation.tasks.figures import Figure

Done = Callable[[int], object]  # told how many requests have been answered since it was last told


@dataclass
class Outcome:
    """figures: by metric, the headline first. rows: for each item its id and what it scored. cut: items whose context
    did not fit into the model and lost its beginning. unscored: items that do not fit at all, and are in no number."""

    figures: dict[str, Figure]
    rows: list[dict[str, Any]]
    cut: int = 0
    unscored: int = 0
    notes: list[str] = field(default_factory=list)
