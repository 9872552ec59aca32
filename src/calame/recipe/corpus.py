"""The corpus's keys: where text comes from, and what becomes of it before it is tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from calame.recipe.section import LANGUAGE, PATTERNS, Language, Name, Positive, Section
from calame.recipe.units import Bytes, Share, parse_share


class Source(Section):
    """Where documents come from."""

    location: str = Field(
        alias="from",
        description="a file, a folder, a pattern (*.jsonl.zst), hub:ID or builtin:petit-monde; "
        "relative to the recipe, ${VARIABLES} are filled in",
    )
    language: Language | None = Field(
        default=None, description="language of every document; else the column language or lang"
    )
    text: str = Field(default="text", description="column that holds the text")
    group: str | None = Field(
        default=None, description="column of what must not be split between training and validation"
    )
    license: str | None = Field(default=None, description="licence of the text; else the column license")
    encoding: str = Field(default="utf-8", description="encoding of .txt, .md and .csv files")
    document: Literal["file", "passage"] = Field(
        default="file",
        description="a .txt or .md file is one document, or is cut at blank lines into passages of about 8 kB",
    )
    exclude: list[str] = Field(default=[], description="file name patterns to leave out")
    limit: Positive | None = Field(default=None, description="at most so many documents, from the beginning")
    subset: str | None = Field(default=None, description="hub: configuration name")
    split: str = Field(default="train", description="hub: split")
    revision: str | None = Field(default=None, description="hub: commit")
    size: Bytes | None = Field(default=None, description="builtin: bytes of text to write")
    seed: int | None = Field(default=None, description="builtin: seed of the world (default: the recipe's seed)")


class ValidationText(Section):
    """What is kept from training, per (language x source), by group."""

    share: Annotated[Share, Field(gt=0, lt=0.5)] = Field(default=0.01, description="share of the bytes of each slice")
    most: Annotated[Bytes, Field(gt=0)] = Field(
        default=2_000_000, description="no more groups once a slice has so many bytes"
    )


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


class Corpus(Section):
    sources: dict[Name, Source] = Field(min_length=1)
    quality: Quality | None = Field(default=None, description="left out: nothing is scored")
    validation: ValidationText = ValidationText()
