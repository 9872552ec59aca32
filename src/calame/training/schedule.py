"""Learning rates as a closed form of the token position: no state, so nothing to restore."""

from __future__ import annotations

import math

from calame.recipe.schema import Schedule


def rate_share(schedule: Schedule, position: int, batch: int, warmup: int, horizon: int) -> float:
    """Share of the peak rate for the step of `batch` at `position`; all in tokens, `horizon` ends the cosine.

    warm-up: what the step's end is of it, so that step s of S has (s + 1) / S and the first one moves; then
    final + (1 - final)(1 + cos(pi p)) / 2 with p from 0 at the end of the warm-up to 1 at the horizon
    (Loshchilov & Hutter 2016), and flat after it.
    """
    if position < warmup:
        return min(1.0, (position + batch) / warmup)
    progress = min(1.0, (position - warmup) / max(1, horizon - warmup))
    return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * progress))
