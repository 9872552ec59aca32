"""The corpus's keys: where text comes from, and what becomes of it before it is tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from calame.recipe.clean import Clean, inherit
from calame.recipe.language_rules import LanguageRules
from calame.recipe.section import Language, Name, Positive, Section
from calame.recipe.units import Bytes, Share


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
    kind: Name | None = Field(
        default=None,
        description="of text, e.g. web, books, wiki: what mixtures by kind go by; derived: one of its own",
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
    clean: Clean | None = Field(
        default=None, description="cleaning of this source; single values change those of corpus.clean"
    )


class ValidationText(Section):
    """What is kept from training, per (language x source), by group."""

    share: Annotated[Share, Field(gt=0, lt=0.5)] = Field(default=0.01, description="share of the bytes of each slice")
    most: Annotated[Bytes, Field(gt=0)] = Field(
        default=2_000_000, description="no more groups once a slice has so many bytes"
    )


class Corpus(Section):
    sources: dict[Name, Source] = Field(min_length=1)
    clean: Clean = Clean()
    languages: dict[Language, LanguageRules] = Field(
        default={}, description="what cleaning must know of each language (default: the files that come with Calame)"
    )
    validation: ValidationText = ValidationText()

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, written: Any) -> Any:
        """Gives a source that writes single values of `clean` the rest of corpus.clean."""
        sources = written.get("sources") if isinstance(written, Mapping) else None
        if not isinstance(sources, Mapping):
            return written
        given = {
            name: {**source, "clean": inherit(written.get("clean"), source["clean"])}
            for name, source in sources.items()
            if isinstance(source, Mapping) and source.get("clean") is not None
        }
        return {**written, "sources": {**sources, **given}}
