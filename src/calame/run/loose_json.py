"""JSON as language models write it: in code fences, after a word of introduction, with commas too many, cut off."""

from __future__ import annotations

import json
import re
from typing import Any

THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)  # what some models say before they answer
OPENING = re.compile(r"[\[{]")
MOST_FAILS = 50  # brackets that begin nothing; each costs a walk through the text


def loads_loose(text: str) -> Any | None:
    """The first JSON object or list in a text; of one that was cut off, what was whole; of one that is broken within,
    a list of the objects that are not. None where there is none."""
    text = THOUGHT.sub("", text)
    found: list[Any] = []
    at = fails = 0
    while fails < MOST_FAILS and (opening := OPENING.search(text, at)):
        repaired, end = _repaired(text[opening.start() :])
        try:
            value = _whole(json.loads(repaired, strict=False))  # line ends within strings are let pass
        except (ValueError, RecursionError):
            at, fails = opening.start() + 1, fails + 1
            continue
        if not fails:
            return value
        found += value if isinstance(value, list) else [value]
        at = opening.start() + end
    return found or None


def _whole(value: Any) -> Any:
    """The value without halves of characters (lone surrogates), which cannot be written."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _repaired(text: str) -> tuple[str, int]:
    """The value that begins a text, without commas before a closing bracket, and its length there; closed after its
    last whole part where the text ends too early. Empty where brackets do not match, or nothing was whole."""
    out: list[str] = []
    open_: list[str] = []  # the closing brackets that are still to come
    whole = (0, 0)  # length of `out` after the last whole part, and how many brackets were open; later ones only opened
    in_string = escaped = False
    for position, sign in enumerate(text):
        if in_string:
            out.append(sign)
            in_string = escaped or sign != '"'
            escaped = sign == "\\" and not escaped
            continue
        if sign == '"':
            in_string = True
        elif sign in "[{":
            open_.append("]" if sign == "[" else "}")
        elif sign == ",":
            whole = (len(out), len(open_))
        elif sign in "]}":
            if not open_ or open_.pop() != sign:
                return "", 0
            _drop_comma(out)
            if not open_:
                return "".join([*out, sign]), position + 1
            whole = (len(out) + 1, len(open_))
        out.append(sign)
    length, depth = whole
    return "".join(out[:length]) + "".join(reversed(open_[:depth])), len(text)


def _drop_comma(out: list[str]) -> None:
    """Take away a comma at the end, and the space after it."""
    end = len(out)
    while end and out[end - 1].isspace():
        end -= 1
    if end and out[end - 1] == ",":
        del out[end - 1 :]
