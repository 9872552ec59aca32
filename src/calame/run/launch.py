"""How this process was started: alone, or as one of several by torchrun, whose environment says which one it is."""

from __future__ import annotations

import os

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched() -> bool:
    """Whether torchrun started this process."""
    return all(name in os.environ for name in NEEDED)


def rank() -> int:
    """Number of this process among all of the run; 0 where it is alone."""
    return int(os.environ["RANK"]) if launched() else 0


def world_size() -> int:
    """How many processes the run has."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def chief() -> bool:
    """Whether this process speaks and writes for all: the first one, on the first machine."""
    return rank() == 0
