"""The corpus's keys: where text comes from, and what becomes of it before it is tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

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


def _switched(value: object) -> object:
    """`on` and `off`, which YAML reads as true and false, for a part that can be switched on with its defaults."""
    return {True: {}, "on": {}, False: None, "off": None}.get(value, value) if isinstance(value, bool | str) else value


Switched = BeforeValidator(_switched)


class Near(Section):
    """Near duplicates: documents whose sets of word shingles resemble each other."""

    method: Literal["verified", "rodin"] = Field(
        default="verified",
        description="verified: MinHash candidates, each compared exactly; "
        "rodin: RODIN-1B's 8 bands of 16 rows over characters, not compared, which takes no other key",
    )
    jaccard: Annotated[Share, Field(ge=0.3, le=1)] = Field(
        default=0.8,
        description="from which Jaccard index of their shingle sets on the later of two documents goes; "
        "1: documents that differ in spaces, case and punctuation only",
    )
    ngram: Annotated[int, Field(ge=1, le=20)] = Field(default=5, description="words, in lower case, of a shingle")
    permutations: Annotated[int, Field(ge=16, le=1024)] = Field(
        default=128, description="numbers of a MinHash signature: 4 bytes a document each"
    )
    recall: Annotated[Share, Field(ge=0.5, lt=1)] = Field(
        default=0.99,
        description="share of the pairs exactly at `jaccard` to be found at least: chooses bands and rows, "
        "as many rows as it allows",
    )
    same_side: Annotated[Share, Field(ge=0.3, le=1)] = Field(
        default=0.6,
        description="kept documents found to resemble each other from this Jaccard index on are one group: "
        "never one in validation and the other in training",
    )


class Paragraphs(Section):
    """Paragraphs (lines) that stood in an earlier document already go; spaces do not count in the comparison."""

    least: Annotated[int, Field(ge=20)] = Field(
        default=200, description="characters of a paragraph from which on its repetition goes"
    )
    left: Annotated[int, Field(ge=1)] = Field(
        default=200, description="a document that keeps fewer characters after that goes as a whole"
    )


class Dedup(Section):
    """What is dropped because it stands elsewhere in the corpus. Sources given first win; equal texts always go."""

    near: Annotated[Near | None, Switched] = Field(
        default=None, description="near duplicates: off, on (the defaults), or its keys"
    )
    paragraphs: Annotated[Paragraphs | None, Switched] = Field(
        default=None, description="repeated paragraphs: off, on (the defaults), or its keys"
    )


class Corpus(Section):
    sources: dict[Name, Source] = Field(min_length=1)
    dedup: Dedup = Dedup()
    validation: ValidationText = ValidationText()
