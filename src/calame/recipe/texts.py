"""The keys of what is looked for in each text: its language, personal data, items of evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from calame.recipe.section import Language, Name, Section
from calame.recipe.units import Share


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
