"""The chain: which steps the documents of a source go through, and in which order. The one place where that stands.

A chain is made of the recipe, anew in every process that works on a source: steps may hold models and compiled
patterns, which do not travel, and a recipe does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from calame.corpus.clean.build import clean_steps
from calame.corpus.decontaminate import decontamination_steps
from calame.corpus.dedup.signature import signature
from calame.corpus.language_id import language_steps
from calame.corpus.pii import pii_steps
from calame.corpus.step import Step
from calame.recipe.dedup import Near
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
    return Chain(steps_of(recipe, source), sign_of(recipe.corpus.dedup.near))


def sign_of(near: Near | None) -> Sign | None:
    """What makes the signatures that near duplicates are found by, where they are looked for."""
    return partial(signature, near=near) if near else None


def steps_of(recipe: Recipe, source: str) -> list[Step]:
    """The steps of one source, in order: language first, since rules go by it; personal data last, since what stands in
    their place would hide items of evaluation."""
    corpus, keys = recipe.corpus, recipe.corpus.sources[source]
    return [
        *language_steps(keys.language_id or corpus.language_id, recipe.languages),
        *clean_steps(keys.clean or corpus.clean, corpus.languages),
        *decontamination_steps(corpus.decontaminate),
        *pii_steps(keys.pii or corpus.pii),
    ]
