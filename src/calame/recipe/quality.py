"""The keys of quality: who scores documents, and which scores are good enough."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from calame.recipe.section import LANGUAGE, PATTERNS, Name, Section
from calame.recipe.units import parse_share


def _by_language(value: object) -> float | dict[str, float] | None:
    """A share for all languages, or shares by language: 85%, 0.6, {fr: 85%, it: 0.7}."""
    if not isinstance(value, Mapping):
        return None if value is None else _up_to_1(value)
    if wrong := [str(code) for code in value if not re.match(LANGUAGE, str(code))]:
        raise ValueError(f"{', '.join(wrong)}: no language; {PATTERNS[LANGUAGE]}")
    return {str(code): _up_to_1(share) for code, share in value.items()}


def _up_to_1(value: object) -> float:
    if not 0 < (share := parse_share(value)) <= 1:
        raise ValueError(f"{value!r} is not greater than 0 and at most 1 (100%)")
    return share


ByLanguage = Annotated[float | dict[str, float] | None, BeforeValidator(_by_language)]
KEEP = (
    "best share of the documents of each (source x language) that stays: 85%, or {fr: 85%, it: 70%}, where a language "
    "that is not named stays whole"
)


class QualityRule(Section):
    """Which scores stay: the best share, or all from a threshold on."""

    keep: ByLanguage = Field(default=None, description=KEEP)
    threshold: ByLanguage = Field(
        default=None, description="least score that stays, for all languages or by language; goes before keep"
    )


class Quality(QualityRule):
    """What is read for its quality, and what of it is too poor to stay."""

    scorer: Literal["heuristic", "linear", "neural", "column"] = Field(
        default="heuristic",
        description="what gives the scores: RODIN's formula, a trained classifier (see from), or the source's column",
    )
    location: str | None = Field(
        default=None, alias="from", description="linear, neural: the folder of the trained classifier"
    )
    keep: ByLanguage = Field(default=0.85, description=KEEP)
    sources: dict[Name, QualityRule] = Field(
        default={},
        description="only these are scored, each by a rule of its own where it gives one: {web: {}, forum: "
        "{keep: 60%}}; left out: all sources",
    )
