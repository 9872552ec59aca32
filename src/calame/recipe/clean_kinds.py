"""What `clean: KIND` stands for: the steps of each kind of source, and the thresholds that are not the steps' own.

The thresholds of law, wiki, wikisource, gallica, books, news and web are those of RODIN's cleaning of Légifrance,
Wikipedia, Wikisource, Gallica, PleIAs' books, PleIAs' newspapers and HPLT. RODIN gives one number a rule; what each
is a share of is said in `clean.py`. `edited` is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REPAIR = ("mojibake", "controls", "compose")
PAGE = (*REPAIR, "soft_hyphens", "boilerplate", "blank_lines", "cut", "heuristics")
WIKI = (*REPAIR, "wikitext", *PAGE[len(REPAIR) :])
PRINT = (
    *REPAIR,
    "soft_hyphens",
    "page_numbers",
    "specks",
    "hyphens",
    "broken_lines",
    "blank_lines",
    "cut",
    "heuristics",
    "ocr",
)

WEB = (
    *REPAIR,
    "soft_hyphens",
    "broken_lines",
    "boilerplate",
    "repeats",
    "blank_lines",
    "cut",
    "heuristics",
    "gopher_quality",
    "gopher_repetition",
    "fineweb",
)

COLUMN = {"min_width": 36}  # print is set in columns; lines on a screen are wider
PAGE_OF_WEB = {
    "min_characters": 200,
    "min_words": 30,
    "min_lines": 1,
    "max_special": 0.15,
    "max_digits": 0.18,
    "max_capitals": 0.20,
    "min_common_words": 0.05,
}


@dataclass(frozen=True)
class Kind:
    steps: tuple[str, ...]
    values: dict[str, dict[str, Any]] = field(default_factory=dict)  # by step


def _rodin(steps: tuple[str, ...], **heuristics: float) -> Kind:
    return Kind(steps, {"heuristics": heuristics, "broken_lines": COLUMN})


KINDS: dict[str, Kind] = {
    "none": Kind(()),
    "text": Kind(REPAIR),  # a person's own text: mended where it is broken, none of it judged
    "law": _rodin(
        PAGE,
        min_characters=80,
        min_words=10,
        min_lines=1,
        max_special=0.20,
        max_digits=0.25,
        max_capitals=0.30,
        min_common_words=0.03,
    ),
    "wiki": _rodin(WIKI),
    "wikisource": _rodin(
        WIKI,
        min_characters=150,
        min_words=20,
        min_lines=1,
        max_repeated_lines=0.40,
        min_common_words=0.04,
    ),
    "gallica": _rodin(PRINT, min_characters=200, max_special=0.18, max_digits=0.20, min_common_words=0.04),
    "books": _rodin(
        PRINT,
        min_characters=200,
        min_words=30,
        min_lines=1,
        max_special=0.18,
        max_digits=0.20,
        max_capitals=0.25,
        min_common_words=0.04,
    ),
    "news": _rodin(
        PRINT,
        min_characters=150,
        min_words=20,
        min_lines=1,
        max_special=0.20,
        max_digits=0.20,
        max_capitals=0.30,
        min_common_words=0.04,
    ),
    # FineWeb's 0.01 drops records of debates and manuals for a few formulas; long lines that come back are gone by the
    # step repeats already.
    "web": Kind(WEB, {"heuristics": PAGE_OF_WEB, "fineweb": {"max_repeated_characters": 0.05}}),
    # Text that people edited, and whose formulas come back by its nature: manuals, records of debates, public bodies.
    # Twice Gopher's limits of repeated n-grams: between the two stood ordinary pages, above them lists of a formula.
    "edited": Kind(
        WEB,
        {
            "heuristics": PAGE_OF_WEB,
            "fineweb": {"max_repeated_characters": 0.15},
            "gopher_repetition": {"repeated": {5: 0.3, 6: 0.28, 7: 0.26, 8: 0.24, 9: 0.22, 10: 0.2}},
        },
    ),
}
