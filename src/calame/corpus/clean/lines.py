"""Lines that are no text: boilerplate of pages, page numbers of print, what a page repeats."""

from __future__ import annotations

import re
from collections.abc import Mapping

EDGES = " \t\u00a0\u202f.:…!?>»<«|·•*-–—→←↑›‹[]()+#/"
LONGEST = 400  # characters of a line that may be boilerplate
LONGEST_PHRASE = 60
WEAK, STRONG = 1, 2


def line_matcher(patterns: list[str]) -> re.Pattern[str]:
    """Matches a whole line that one of the patterns matches."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def remove_boilerplate(text: str, phrases: Mapping[str, int], pattern: re.Pattern[str]) -> str:
    """Without the lines that are one of the phrases, or that the pattern matches.

    A phrase that is WEAK (Contact, Voir aussi) may also be a heading: it goes only beside another such line.
    """
    lines, small = text.split("\n"), text.lower().replace("’", "'").split("\n")
    marks = [
        _mark(line, phrase, phrases, pattern) if 0 < len(line) <= LONGEST else 0
        for line, phrase in zip(lines, small, strict=True)
    ]
    if not any(marks):
        return text
    gone: set[int] = set()
    row: list[int] = []
    for at, (line, mark) in enumerate(zip([*lines, "."], [*marks, 0], strict=True)):
        if mark:
            row.append(at)
        elif line and not line.isspace():
            if len(row) > 1 or (row and marks[row[0]] == STRONG):
                gone.update(row)
            row = []
    return "\n".join(line for at, line in enumerate(lines) if at not in gone)


def _mark(line: str, small: str, phrases: Mapping[str, int], pattern: re.Pattern[str]) -> int:
    if len(small) <= LONGEST_PHRASE and (mark := phrases.get(small.strip(EDGES))):
        return mark
    return STRONG if pattern.fullmatch(line.strip()) else 0


def remove_matching(text: str, pattern: re.Pattern[str]) -> str:
    """Without the lines that the pattern matches."""
    lines = text.split("\n")
    kept = [line for line in lines if not line or len(line) > LONGEST or not pattern.fullmatch(line.strip())]
    return text if len(kept) == len(lines) else "\n".join(kept)


def remove_repeats(text: str, characters: int) -> str:
    """Lines of so many characters and more stay once."""
    lines, kept, seen = text.split("\n"), [], set()
    for line in lines:
        if len(line) >= characters:
            if line in seen:
                continue
            seen.add(line)
        kept.append(line)
    return text if len(kept) == len(lines) else "\n".join(kept)
