"""The rates of behaviour, generation by generation, for those who compare models or settings thing by thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from calame.evaluation.behaviour.generate import Generation
from calame.evaluation.behaviour.summary import RATES

CONSISTENCY = "language_consistency"


def rates_of(generation: Generation, names: Iterable[str]) -> list[float | None]:
    """The named rates of one generation; None where nothing can be said of it."""
    return [_consistent(generation) if name == CONSISTENCY else RATES[name](generation.verdict) for name in names]


def _consistent(generation: Generation) -> float | None:
    language = generation.verdict.language
    return float(language == generation.prompt.language) if language else None


def things_of(generations: Sequence[Generation]) -> tuple[list[str], list[str]]:
    """The prompts, and their languages."""
    return [one.prompt.text for one in generations], [one.prompt.language for one in generations]
