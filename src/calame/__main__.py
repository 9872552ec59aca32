"""python -m calame"""

import sys

from calame.cli import main

sys.exit(main())
