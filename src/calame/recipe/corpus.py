"""The corpus's keys: where text comes from, and what becomes of it before it is tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from calame.recipe.clean import Clean, inherit
from calame.recipe.injection import Injection
from calame.recipe.language_rules import LanguageRules
from calame.recipe.section import Language, Name, Positive, Section
from calame.recipe.units import Bytes, Share


class LanguageId(Section):
    """How a document's language is found out, and what follows from it."""

    check: Literal["off", "declared", "detect"] = Field(
        default="off",
        description="off: the source's word is taken; declared: documents that are in another language are dropped; "
        "detect: the language is set as it is found",
    )
    labels: Literal["all", "recipe"] = Field(
        default="all",
        description="all: any language may be found (crawls); recipe: the nearest of `languages` (text that is known "
        "to be in one of them)",
    )
    letters: Annotated[int, Field(ge=0)] = Field(default=40, description="text with fewer letters is not judged")
    margin: dict[Language, Share] = Field(
        default={"it": 0.5},
        description="a language is believed where its probability is so far above the next one's (others: 0)",
    )
    unsure: Literal["keep", "drop"] = Field(
        default="keep", description="documents that are not judged: keep them as they are declared, or drop them"
    )
    mixed: Literal["off", "report", "drop", "cut"] = Field(
        default="off",
        description="the languages inside a document: report them in its metadata; drop it where too little is in its "
        "own; or cut paragraphs in others away, and drop it where too little is left",
    )
    least_share: Share = Field(default=0.5, description="share of the letters that must be in the document's language")


PiiAction = Literal["off", "report", "replace", "drop"]


class Pii(Section):
    """Personal data by kind: replaced by a placeholder, reported in the document's metadata, or reason to drop it."""

    every: PiiAction = Field(default="off", description="what is done about kinds that are not named")
    email: PiiAction | None = Field(default=None, description="e-mail addresses")
    ip: PiiAction | None = Field(default=None, description="public IP addresses, v4 and v6")
    phone: PiiAction | None = Field(default=None, description="telephone numbers of France and Italy")
    iban: PiiAction | None = Field(default=None, description="IBAN of all countries, by their check digits")
    card: PiiAction | None = Field(default=None, description="payment cards, by issuer and check digit")
    nir: PiiAction | None = Field(default=None, description="French social security numbers, by their key")
    codice_fiscale: PiiAction | None = Field(default=None, description="Italian tax codes, by their check character")
    placeholders: dict[str, str] = Field(default={}, description="what stands for a kind, e.g. email: <EMAIL>")


class Decontamination(Section):
    """Evaluation items that the corpus holds: found, reported and, if so wanted, dropped."""

    files: dict[Name, str] = Field(min_length=1, description="evaluation files (.jsonl) by a name of yours")
    action: Literal["report", "drop"] = Field(
        default="report", description="write items into the document's metadata, or drop the document"
    )
    ngram: Annotated[int, Field(ge=5, le=50)] = Field(default=13, description="words in a row that count as overlap")
    shortest: Annotated[int, Field(ge=3)] = Field(
        default=6, description="items with fewer words than `ngram` count as a whole, down to so many words"
    )
    fields: list[str] = Field(
        default=[], description="columns of the items to look for; else all that hold text, but ids and labels"
    )
    least_share: Annotated[Share, Field(gt=0, le=1)] = Field(
        default=0.5, description="drop: share of a column of an item that must be found"
    )


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
    language_id: LanguageId | None = Field(default=None, description="in place of corpus.language_id")
    pii: Pii | None = Field(default=None, description="in place of corpus.pii")


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
    clean: Clean = Clean()
    languages: dict[Language, LanguageRules] = Field(
        default={}, description="what cleaning must know of each language (default: the files that come with Calame)"
    )
    language_id: LanguageId = LanguageId()
    pii: Pii = Pii()
    decontaminate: Decontamination | None = None
    inject: Injection | None = None
    dedup: Dedup = Dedup()
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
