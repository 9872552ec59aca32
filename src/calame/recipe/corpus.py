"""The corpus's keys: where text comes from, and what becomes of it before it is tokens."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from calame.recipe.clean import Clean, inherit
from calame.recipe.dedup import Dedup
from calame.recipe.injection import Injection
from calame.recipe.language_rules import LanguageRules
from calame.recipe.quality import Quality
from calame.recipe.section import Language, Name, Positive, Section
from calame.recipe.texts import Decontamination, LanguageId, Pii
from calame.recipe.units import Bytes, Share

BUILTIN = "builtin:petit-monde"
CODE = "code"  # stands for a language where text is program code: the rules of languages are not for it


class Source(Section):
    """Where documents come from."""

    location: str = Field(
        alias="from",
        description="a file, a folder, a pattern (*.jsonl.zst), hub:ID or builtin:petit-monde; "
        "relative to the recipe, ${VARIABLES} are filled in",
    )
    language: Language | Literal["code"] | None = Field(
        default=None,
        description="language of every document; else the column language or lang. code: program code, which no rule "
        "of a language is for",
    )
    text: str = Field(default="text", description="column that holds the text; a.b is b within a")
    template: str | None = Field(
        default=None,
        description='joins several columns to one text, e.g. "{title}\\n\\n{text}", or the two of a parallel pair',
    )
    markup: Literal["plain", "html", "wiki", "markdown"] = Field(
        default="plain", description="what the column of the text is written in: its text is taken out"
    )
    score: str | None = Field(default=None, description="column that holds a number for the quality of the text")
    kind: Name | None = Field(
        default=None,
        description="of text, e.g. web, books, wiki: what mixtures by kind go by; derived: one of its own",
    )
    group: str | None = Field(
        default=None, description="column of what must not be split between training and validation"
    )
    license: str | None = Field(default=None, description="licence of the text; else the column license")
    encoding: str = Field(default="utf-8", description="encoding of .txt, .md and .csv files")
    document: Literal["file", "passage", "empty-line"] | None = Field(
        default=None,
        description="of a .txt or .md file: it is one document (file), is cut at empty lines into passages of about "
        "8 kB (passage), or holds documents between empty lines (empty-line). Default: file, and empty-line where it "
        "is compressed, as CC100 is",
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
    ood: bool = Field(
        default=False,
        description="out of domain: never trained on, not in the tokenizer's sample nor in any mixture; its text is "
        "for validation alone, in slices of its own (ood-LANGUAGE-SOURCE)",
    )
    language_id: LanguageId | None = Field(default=None, description="in place of corpus.language_id")
    pii: Pii | None = Field(default=None, description="in place of corpus.pii")

    @field_validator("template")
    @classmethod
    def _is_template(cls, value: str | None) -> str | None:
        if value is not None and not any(column for _, column in template_parts(value)):
            raise ValueError("names no column: put at least one in braces, e.g. {text}")
        return value


def template_parts(template: str) -> list[tuple[str, str | None]]:
    """A template's pieces: text, and the column that comes after it. Raises `ValueError` for what is none."""
    parts = []
    for text, column, form, conversion in string.Formatter().parse(template):
        if column == "" or form or conversion:
            raise ValueError("between braces stands the name of a column and nothing else; {{ and }} are braces")
        parts.append((text, column))
    return parts


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
    language_id: LanguageId = LanguageId()
    pii: Pii = Pii()
    decontaminate: Decontamination | None = None
    inject: Injection | None = None
    dedup: Dedup = Dedup()
    quality: Quality | None = Field(default=None, description="left out: nothing is scored")
    validation: ValidationText = ValidationText()

    @property
    def trained(self) -> list[str]:
        """The sources that are trained on."""
        return [name for name, source in self.sources.items() if not source.ood]

    @property
    def ood(self) -> list[str]:
        """The sources that are never trained on, out of domain."""
        return [name for name, source in self.sources.items() if source.ood]

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
