"""Verdicts and marks as judges write them: read tolerantly, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from calame.run.loose_json import loads_loose

FIRST, SECOND, TIE = "first", "second", "tie"
SAID = {
    FIRST: ("1", "first", "premier", "première", "primo", "prima", "text 1", "texte 1", "testo 1"),
    SECOND: ("2", "second", "deuxième", "seconde", "secondo", "seconda", "text 2", "texte 2", "testo 2"),
    TIE: ("tie", "equal", "draw", "0", "égalité", "égal", "nul", "parità", "pari", "pareggio"),
}
VERDICTS = {word: verdict for verdict, words in SAID.items() for word in words}
MARK = re.compile(r"^\s*(\d+(?:[.,]0+)?)\s*(?:/\s*\d+)?\s*$")


def parse_verdict(answer: str) -> tuple[str, str] | None:
    """(first, second or tie; the reason) of an answer to a pairwise question. None where it holds no verdict, or more
    than one."""
    data = loads_loose(answer)
    if isinstance(data, list):
        verdicts = {parsed[0]: parsed for entry in data if (parsed := _verdict_of(entry))}
        return next(iter(verdicts.values())) if len(verdicts) == 1 else None
    return _verdict_of(data)


def _verdict_of(data: Any) -> tuple[str, str] | None:
    if not isinstance(data, Mapping) or isinstance(data.get("winner"), bool):
        return None
    word = VERDICTS.get(str(data.get("winner", "")).strip().lower())
    return (word, _reason(data)) if word else None


def parse_marks(answer: str, criteria: Mapping[str, str], scale: tuple[int, int]) -> tuple[dict[str, int], str] | None:
    """(a mark for each criterion, the reason). None where one is missing, not whole, or outside the scale."""
    data = loads_loose(answer)
    if isinstance(data, list):
        data = data[0] if len(data) == 1 else None
    if not isinstance(data, Mapping):
        return None
    nested = data.get("marks")
    held = nested if isinstance(nested, Mapping) else data
    marks = {name: _mark(held.get(name)) for name in criteria}
    whole = {name: mark for name, mark in marks.items() if mark is not None and scale[0] <= mark <= scale[1]}
    return (whole, _reason(data)) if len(whole) == len(criteria) else None


def _mark(value: Any) -> int | None:
    """4, 4.0, "4" or "4/5"."""
    if isinstance(value, bool) or value is None:
        return None
    found = MARK.match(str(value))
    return int(float(found[1].replace(",", "."))) if found else None


def _reason(data: Mapping[str, Any]) -> str:
    reason = data.get("reason")
    return reason if isinstance(reason, str) else ""
