"""What several rules ask of the same text, measured once."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from calame.corpus.clean.characters import SPACE, WORD, classes, code_points
from calame.corpus.clean.tokens import Tokens


class Measured:
    """A text and what it is made of. n: its characters, c: those that are not blank."""

    def __init__(self, text: str):
        self.text = text
        self.codes = code_points(text)  # (n,)
        self.classes = classes()[self.codes]  # (n,)

    @cached_property
    def _solid(self) -> np.ndarray:
        """Where characters are that are not blank: (c,) indices into the text."""
        return np.flatnonzero(~self.classes & SPACE)

    @cached_property
    def tokens(self) -> Tokens:
        """Words and signs."""
        return Tokens(self.codes, self.classes, self._solid)

    @cached_property
    def plain(self) -> Tokens:
        """Words alone."""
        return Tokens(self.codes, self.classes, np.flatnonzero(self.classes & WORD))

    @cached_property
    def _counts(self) -> np.ndarray:
        """Characters by what they are: (256,)."""
        return np.bincount(self.classes, minlength=256)

    def share(self, kind: int) -> float:
        """Characters of a class in all characters."""
        return int(self._counts[np.arange(256) & kind != 0].sum()) / max(1, len(self.classes))

    @cached_property
    def lines(self) -> list[str]:
        """As `str.splitlines` parts them."""
        return self.text.splitlines()

    @cached_property
    def full_lines(self) -> list[str]:
        """Between line feeds, those that are not blank."""
        return [line for line in self.text.split("\n") if line and not line.isspace()]

    @cached_property
    def runs(self) -> int:
        """Words as blanks part them."""
        solid = self._solid
        return int(len(solid) > 0) + int(np.count_nonzero(np.diff(solid) != 1))


@lru_cache(maxsize=2)
def measured(text: str) -> Measured:
    """The text as it was last measured: steps that only judge pass the same one on."""
    return Measured(text)
