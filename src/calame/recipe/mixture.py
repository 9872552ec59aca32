"""The mixture's keys: which share of the stream each source has, how often it is read, and how that changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from calame.recipe.section import Cell, Language, Name, PositiveTokens, Section
from calame.recipe.units import Share

SHARES = ("weights", "languages", "kinds", "cells")  # keys of a mixture that hold shares by name
SUM_WITHIN = 1e-6  # of 1: shares that add up to it are taken as they are
Epochs = Annotated[float, Field(gt=0)]
Weight = Annotated[Share, Field(ge=0)]


class Shares(Section):
    """One of five ways to say who has which share; none of them: by size. Within a language, a kind or a cell, by
    size."""

    weights: dict[Name, Weight] | None = Field(
        default=None, description="share of the tokens by source, adding up to 1; derived: by size"
    )
    languages: dict[Language, Weight] | None = Field(
        default=None, description="instead of weights: share by language, e.g. {fr: 60%, it: 40%}"
    )
    kinds: dict[Name, Weight] | None = Field(
        default=None, description="instead of weights: share by kind of source (corpus.sources.NAME.kind)"
    )
    cells: dict[Cell, Weight] | None = Field(
        default=None, description="instead of weights: share by language and kind, e.g. {fr/web: 50%, it/wiki: 50%}"
    )
    source_balanced: Literal[True] | None = Field(
        default=None, description="true, instead of weights: as many tokens of each language and kind (as 1gpu-llm)"
    )
    normalise: Literal[True] | None = Field(
        default=None, description="true: shares of any sum are divided by it; derived: another sum than 1 is refused"
    )

    @property
    def ways(self) -> list[str]:
        """The ways of saying shares that are used; more than one is refused (recipe/check_mixture.py)."""
        return [name for name in (*SHARES, "source_balanced") if getattr(self, name) is not None]


class Mixture(Shares):
    """What the stream is made of."""

    epochs: Epochs = Field(default=4.0, description="no source is read more often than this; the others take its place")
    epochs_by_source: dict[Name, Epochs] | None = Field(
        default=None, description="instead of epochs, for single sources, e.g. {books: 8}"
    )


class PhaseMixture(Shares):
    """What a phase changes of `pretrain.mixture`; what it leaves out is as there."""

    epochs: Epochs | None = Field(
        default=None, description="counted from the beginning of the run; derived: pretrain.mixture's"
    )
    epochs_by_source: dict[Name, Epochs] | None = Field(
        default=None, description="instead of epochs, for single sources; derived: pretrain.mixture's"
    )


class Phase(Section):
    """A part of the stream with a mixture of its own."""

    until: PositiveTokens | None = Field(
        default=None, description="token of the stream at which the phase ends; the last one has none: it goes on"
    )
    mixture: PhaseMixture = PhaseMixture()


def combined(mixture: Mixture, phase: PhaseMixture) -> Mixture:
    """The mixture of a phase: its own shares if it has any, its own caps where it has any."""
    own = phase.model_dump(exclude_none=True)
    shares = {} if phase.ways else {name: getattr(mixture, name) for name in mixture.ways}
    caps = {"epochs": mixture.epochs, "epochs_by_source": mixture.epochs_by_source}
    return Mixture.model_construct(**{**shares, **caps, **own})


def mixtures_of(mixture: Mixture, phases: dict[str, Phase] | None) -> dict[str, tuple[int | None, Mixture]]:
    """By name, in the order of the stream: the token before which each phase ends, if any, and its mixture. A run
    without phases has a single one, without a name."""
    if not phases:
        return {"": (None, mixture)}
    return {name: (phase.until, combined(mixture, phase.mixture)) for name, phase in phases.items()}


def kinds_matter(mixture: Mixture, phases: dict[str, Phase] | None) -> bool:
    """Whether the kinds of the sources change the stream."""
    ways = {way for _, keys in mixtures_of(mixture, phases).values() for way in keys.ways}
    return not ways.isdisjoint(("kinds", "cells", "source_balanced"))
