"""A run for the tests that kill it: `python going_on.py FOLDER SECONDS` trains in FOLDER, each step SECONDS long."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from builders import plan_of, trainer_of
from calame.training.loop import Progress


def wait(seconds: float) -> Any:
    def observe(progress: Progress) -> dict[str, Any]:
        time.sleep(seconds)
        return {}

    return observe


if __name__ == "__main__":
    trainer_of(Path(sys.argv[1]), plan_of(tokens=20 * 64), observers=[(64, wait(float(sys.argv[2])))]).run()
