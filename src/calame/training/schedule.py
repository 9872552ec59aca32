"""Learning rates as a closed form of the token position: no state, so nothing to restore."""

from __future__ import annotations

import math

from calame.recipe.derive import default_decay
from calame.recipe.schema import Schedule

SHAPES = {  # from 1 to 0 while p goes from 0 to 1
    "linear": lambda p: 1 - p,
    "cosine": lambda p: 0.5 * (1 + math.cos(math.pi * p)),  # Loshchilov & Hutter 2016
    "1-sqrt": lambda p: 1 - math.sqrt(p),  # Hägele et al. 2024
}


def rate_share(schedule: Schedule, position: int, batch: int, warmup: int, horizon: int) -> float:
    """Share of the peak rate for the step of `batch` at `position`; all in tokens, `horizon` ends the fall.

    warm-up: what the step's end is of it, so that step s of S has (s + 1) / S and the first one moves; then
    final + (1 - final) x shape(p), with p from 0 where the fall begins to 1 at the horizon, and flat after it.
    linear and cosine fall from the end of the warm-up on, wsd over its last `decay` tokens (Hu et al. 2024).
    """
    if position < warmup:
        return min(1.0, (position + batch) / warmup)
    if schedule.kind == "constant":
        return 1.0
    begin, shape = warmup, schedule.kind
    if schedule.kind == "wsd":
        begin, shape = max(warmup, horizon - (schedule.decay or default_decay(horizon))), schedule.shape or "linear"
    progress = min(1.0, max(0, position - begin) / max(1, horizon - begin))
    return schedule.final + (1 - schedule.final) * SHAPES[shape](progress)
