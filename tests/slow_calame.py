"""`calame`, but each document takes its time, and parts are small: `python slow_calame.py run RECIPE`.

Processes that it starts come by here too (they import their main module), so that they do the same.
"""

import os
import sys

from calame.cli import main
from calame.corpus import chain, part
from slow_steps import Slow

part.PART_BYTES = 2000
chain.steps_of = lambda recipe, source: [Slow(float(os.environ["SLOW"]), os.environ["PULSE"])]

if __name__ == "__main__":
    sys.exit(main())
