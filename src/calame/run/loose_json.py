"""JSON as language models write it: in code fences, after a word of introduction, with commas too many, cut off."""

from __future__ import annotations

import json
import re
from typing import Any

THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)  # what some models say before they answer


def loads_loose(text: str) -> Any | None:
    """The first JSON object or list in a text; of one that was cut off, what was whole. None where there is none."""
    text = THOUGHT.sub("", text)
    for opening in re.finditer(r"[\[{]", text):
        found = _repaired(text[opening.start() :])
        if found is not None:
            try:
                return _whole(json.loads(found, strict=False))  # line ends within strings are let pass
            except ValueError:
                continue
    return None


def _whole(value: Any) -> Any:
    """The value without halves of characters (lone surrogates), which cannot be written."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _repaired(text: str) -> str | None:
    """The value that begins a text, without commas before a closing bracket; closed after its last whole part where
    the text ends too early. None where brackets do not match, or nothing was whole."""
    out: list[str] = []
    open_: list[str] = []  # the closing brackets that are still to come
    whole: tuple[int, list[str]] | None = None  # length of `out` after the last whole part, and what to close then
    in_string = escaped = False
    for sign in text:
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
            whole = (len(out), open_.copy())
        elif sign in "]}":
            if not open_ or open_.pop() != sign:
                return None
            _drop_comma(out)
            if not open_:
                return "".join([*out, sign])
            whole = (len(out) + 1, open_.copy())
        out.append(sign)
    if whole is None:
        return None
    length, closing = whole
    return "".join(out[:length]) + "".join(reversed(closing))


def _drop_comma(out: list[str]) -> None:
    """Take away a comma at the end, and the space after it."""
    end = len(out)
    while end and out[end - 1].isspace():
        end -= 1
    if end and out[end - 1] == ",":
        del out[end - 1 :]
