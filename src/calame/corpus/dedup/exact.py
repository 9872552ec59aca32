"""Equal texts: the first to hold one keeps it."""

from __future__ import annotations

import numpy as np

from calame.corpus.decisions import DUPLICATE
from calame.corpus.pool import Pool


def drop_exact(pool: Pool) -> None:
    """All but the first of the kept documents with the same content hash become a DUPLICATE."""
    kept = np.flatnonzero(pool.kept)
    _, first = np.unique(pool.keys["hash"][kept], return_index=True)
    pool.decisions[np.delete(kept, first)] = DUPLICATE
