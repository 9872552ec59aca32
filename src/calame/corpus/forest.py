"""Numbers that belong together, found from pairs (union-find)."""

from __future__ import annotations

import numpy as np


class Forest:
    """Trees over the numbers below `size`, at first each its own; the root of a tree is its lowest number."""

    def __init__(self, size: int):
        self.parent = np.arange(size)

    def join(self, one: int, other: int) -> bool:
        """Make the trees of two numbers one; whether they were two."""
        low, high = sorted((self._root(one), self._root(other)))
        self.parent[high] = low
        return low != high

    def _root(self, at: int) -> int:
        while (above := int(self.parent[at])) != at:
            self.parent[at] = self.parent[above]  # halves the path for the next time
            at = above
        return at

    def roots(self) -> np.ndarray:
        """(size) the root of each number."""
        roots = self.parent
        while (roots[roots] != roots).any():
            roots = roots[roots]
        return roots
