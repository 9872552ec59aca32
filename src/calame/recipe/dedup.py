"""The keys of deduplication."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from calame.recipe.section import Section
from calame.recipe.units import Share


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
