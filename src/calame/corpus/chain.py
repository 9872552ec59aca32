"""The chain: which steps the documents of a source go through, and in which order. The one place where that stands.

A chain is made of the recipe, anew in every process that works on a source: steps may hold models and compiled
patterns, which do not travel, and a recipe does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from calame.corpus.step import Step
from calame.recipe.schema import Recipe

Sign = Callable[[str], np.ndarray]  # a text's signature: always as many numbers, of 32 bits


@dataclass(frozen=True)
class Chain:
    """What is done to each document: the steps, and a signature of the text that is left, where one is wanted (so that
    near duplicates are found without reading the text again)."""

    steps: Sequence[Step] = ()
    sign: Sign | None = None


def chain_of(recipe: Recipe, source: str) -> Chain:
    """The chain of one source of the recipe."""
    return Chain(steps_of(recipe, source))


def steps_of(recipe: Recipe, source: str) -> list[Step]:
    """The steps of one source, in order: repair, cleaning rules, language, personal data, decontamination."""
    return []
