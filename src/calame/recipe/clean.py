"""The keys of cleaning: which steps a document goes through, in which order, and every threshold of theirs.

A kind of source (`clean: web`) stands for a list of steps and their thresholds (`clean_kinds.py`); whatever else is
written changes single values. The recipe as resolved holds all of it. A threshold that is to do nothing: 0 for a least
value, 1 for a greatest share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from calame.recipe.clean_kinds import KINDS
from calame.recipe.section import Positive, Section
from calame.recipe.units import Share

StepName = Literal[
    "mojibake",
    "controls",
    "compose",
    "wikitext",
    "soft_hyphens",
    "page_numbers",
    "specks",
    "hyphens",
    "broken_lines",
    "long_s",
    "boilerplate",
    "repeats",
    "flatten",
    "blank_lines",
    "c4",
    "cut",
    "heuristics",
    "gopher_quality",
    "gopher_repetition",
    "fineweb",
    "ocr",
]
STEPS: tuple[str, ...] = get_args(StepName)  # in the order in which `also` puts them
Limit = Annotated[Share, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Heuristics(Section):
    """RODIN's rules; its defaults, where it overrides none for a source. Shares are of all characters or of all lines
    that are not blank."""

    min_characters: Count = Field(default=300, description="characters that a document must have")
    min_words: Count = Field(default=50, description="words, as blanks part them")
    min_lines: Count = Field(default=3, description="lines that are not blank")
    min_word_length: float = Field(default=3.5, description="mean characters a word")
    max_word_length: float = Field(default=12.0, description="mean characters a word")
    max_special: Limit = Field(default=0.12, description="share of what is neither letter, digit nor blank")
    max_digits: Limit = Field(default=0.15, description="share of digits")
    max_capitals: Limit = Field(default=0.15, description="share of capital letters")
    max_repeated_lines: Limit = Field(default=0.25, description="share of lines seen before, from 10 lines on")
    short_line: Count = Field(
        default=30, description="lines of 4 to so many characters may come back: who speaks in a play"
    )
    max_list_lines: Limit = Field(default=0.6, description="share of lines that are items of a list, without sentences")
    min_common_words: Limit = Field(default=0.08, description="share of the language's common words that settles it")
    no_common_words: Limit = Field(default=0.01, description="below this share the text is of another language")
    other_language: Limit = Field(
        default=0.75, description="between the two: the probability of another language from which on it is refused"
    )


class Cut(Section):
    characters: Positive = Field(default=500_000, description="the rest of a longer document is left out")


class GopherQuality(Section):
    """Rae et al. 2021, table A1 and text; as datatrove has it, with the stop words of the document's language."""

    min_words: Count = Field(default=50, description="words, signs not counted")
    max_words: Count = Field(default=100_000, description="words, signs not counted")
    min_word_length: float = Field(default=3.0, description="mean characters a word")
    max_word_length: float = Field(default=10.0, description="mean characters a word")
    max_symbols: Limit = Field(default=0.1, description="# or ellipses a word")
    max_bullet_lines: Limit = Field(default=0.9, description="share of lines that begin with • or -")
    max_ellipsis_lines: Limit = Field(default=0.3, description="share of lines that end in an ellipsis")
    min_alphabetic_words: Limit = Field(default=0.8, description="share of words that hold a letter")
    signs_are_words: bool = Field(
        default=False, description="datatrove's count: each apostrophe and comma is a word without a letter"
    )
    min_stop_words: Count = Field(default=2, description="different stop words")


class GopherRepetition(Section):
    """Rae et al. 2021, table A1. Shares of characters are of the whole text."""

    signs_are_words: bool = Field(
        default=False, description="datatrove's count: n-grams are of words, apostrophes and commas"
    )
    lines: Limit = Field(default=0.3, description="share of lines seen before")
    line_characters: Limit = Field(default=0.2, description="share of characters in them")
    paragraphs: Limit = Field(default=0.3, description="share of paragraphs seen before")
    paragraph_characters: Limit = Field(default=0.2, description="share of characters in them")
    top: dict[Annotated[int, Field(ge=2)], Limit] = Field(
        default={2: 0.2, 3: 0.18, 4: 0.16}, description="by n: share of characters in the commonest n-gram of words"
    )
    repeated: dict[Positive, Limit] = Field(
        default={5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1},
        description="by n: share of characters in n-grams of words seen before",
    )


class C4(Section):
    """Raffel et al. 2020, section 2.2: lines that are taken away, documents that go."""

    end_punctuation: bool = Field(default=True, description="take away lines without the language's line_ends")
    verse: bool = Field(default=True, description="but not those of a stanza")
    min_words_per_line: Count = Field(default=3, description="take away shorter lines")
    max_word_length: Positive = Field(default=1000, description="take away lines with a longer word")
    citations: bool = Field(default=True, description="take away [1] and [edit]")
    javascript: bool = Field(default=True, description="take away lines that name it")
    policy: bool = Field(default=True, description="take away lines with one of the language's policy phrases")
    lorem_ipsum: bool = Field(default=True, description="drop documents that hold it")
    curly_brackets: bool = Field(default=True, description="drop documents with {")
    min_sentences: Count = Field(default=5, description="sentences in the lines that are left")


class FineWeb(Section):
    """Penedo et al. 2024, section 3.6; lines that are not blank."""

    min_ended_lines: Limit = Field(default=0.12, description="share of lines that end in one of the line_ends")
    max_short_lines: Limit = Field(default=0.67, description="share of short lines")
    short_line: Count = Field(default=30, description="characters of a short line, at most")
    max_repeated_characters: Limit = Field(default=0.01, description="share of characters in lines seen before")
    max_line_breaks: float = Field(default=0.3, ge=0, description="line breaks a word")


class Ocr(Section):
    """How badly a text was read by a machine (docs/corpus-cleaning.md says where the limits come from)."""

    max_suspect_words: Limit = Field(default=0.1, description="share of words that no one writes")
    max_foreign: Limit = Field(default=0.02, description="share of characters that the language does not use")
    max_broken_lines: Limit = Field(default=1.0, description="share of lines that begin with a small letter")


class BrokenLines(Section):
    min_width: Positive = Field(
        default=60, description="characters of the widest line of a block, from which on its lines may be broken ones"
    )


class Repeats(Section):
    min_characters: Positive = Field(default=60, description="shorter lines may come back")


SECTIONS: dict[str, type[Section]] = {  # the steps that have thresholds
    "broken_lines": BrokenLines,
    "repeats": Repeats,
    "c4": C4,
    "cut": Cut,
    "heuristics": Heuristics,
    "gopher_quality": GopherQuality,
    "gopher_repetition": GopherRepetition,
    "fineweb": FineWeb,
    "ocr": Ocr,
}


class Clean(Section):
    """What is done to each document, one step after the other. `clean: web` is short for `clean: {kind: web}`."""

    kind: Literal[tuple(KINDS)] = Field(  # pyright: ignore[reportInvalidTypeForm]
        default="text",
        description="the kind of text, which stands for steps and thresholds: " + ", ".join(KINDS),
    )
    steps: list[StepName] = Field(default=[], description="the steps in their order (default: those of the kind)")
    also: list[StepName] = Field(default=[], description="steps besides those of the kind, each at its usual place")
    without: list[StepName] = Field(default=[], description="steps of the kind to leave out")
    broken_lines: BrokenLines | None = None
    repeats: Repeats | None = None
    c4: C4 | None = None
    cut: Cut | None = None
    heuristics: Heuristics | None = None
    gopher_quality: GopherQuality | None = None
    gopher_repetition: GopherRepetition | None = None
    fineweb: FineWeb | None = None
    ocr: Ocr | None = None

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, written: Any) -> Any:
        """What is written, over the values of its kind."""
        written = {"kind": written} if isinstance(written, str) else written
        kind = KINDS.get(str(written.get("kind", "text"))) if isinstance(written, Mapping) else None
        if kind is None:
            return written  # what is wrong with it is told with its key
        settled = {**written, "steps": _steps(written, kind.steps)}
        for name in SECTIONS:
            own = written.get(name)
            if name in settled["steps"] and (own is None or isinstance(own, Mapping)):
                settled[name] = {**kind.values.get(name, {}), **(own or {})}
        return settled

    @model_validator(mode="after")
    def _check(self) -> Clean:
        if twice := sorted({name for name in self.steps if self.steps.count(name) > 1}):
            raise ValueError(f"steps: {', '.join(twice)} stands there twice; keep one")
        for name in SECTIONS:
            if getattr(self, name) is not None and name not in self.steps:
                raise ValueError(f"{name} has values, but is not one of the steps; add it with also: [{name}]")
        return self


def _steps(written: Mapping[str, Any], steps: tuple[str, ...]) -> Any:
    """The steps of the kind or those written, with `also` at their usual places and without `without`."""
    also, without = ([name for name in written.get(key) or () if name in STEPS] for key in ("also", "without"))
    chosen = list(written.get("steps") or steps)
    for name in also:
        if name not in chosen:
            later = [at for at, other in enumerate(chosen) if other in STEPS[STEPS.index(name) :]]
            chosen.insert(later[0] if later else len(chosen), name)
    return [name for name in chosen if name not in without]


def inherit(default: Any, own: Any) -> Any:
    """What a source's `clean` means beside `corpus.clean`, both as written: single values change the default's; a kind
    or steps of its own begin anew."""
    default, own = ({"kind": value} if isinstance(value, str) else value for value in (default, own))
    if own is None or not isinstance(default, Mapping):
        return default if own is None else own
    if not isinstance(own, Mapping) or "kind" in own:
        return own
    merged = {**default, **own}
    for name in SECTIONS:
        if isinstance(default.get(name), Mapping) and isinstance(own.get(name), Mapping):
            merged[name] = {**default[name], **own[name]}
    return merged
