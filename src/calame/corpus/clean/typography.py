"""Repairs of single characters, and the one repair that is none: RODIN's flattening."""

from __future__ import annotations

import re
import unicodedata

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
PAGE_BREAKS = re.compile("[\x0b\x0c\x85]\n?")  # vertical tab, form feed, next line
# A line feed behind a soft hyphen or a ¬ was put there for it: the rest of the word comes before it.
BROKEN_WORD = re.compile(r"[\u00ad¬][ \t]*\n[ \t]*(\w+[^\w\s]*)[ \t]?")
BLANK_ENDS = re.compile(r"[ \t]+$", re.MULTILINE)
BLANK_LINES = re.compile(r"\n{3,}")
LINKS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.[\w.-]+")
FLAT = str.maketrans({**dict.fromkeys("«»“”„", '"'), "—": "-", "\u00a0": " ", "\u202f": " "})


def remove_controls(text: str) -> str:
    """Control characters but tab and line feed go, byte order marks too; a page break is a line feed."""
    if CONTROLS.search(text) is None:
        return text
    return CONTROLS.sub("", PAGE_BREAKS.sub("\n", text))


def compose(text: str) -> str:
    """A letter and its accent as one character (Unicode NFC)."""
    return unicodedata.normalize("NFC", text)


def remove_soft_hyphens(text: str) -> str:
    if "\u00ad" not in text and "¬" not in text:
        return text
    return BROKEN_WORD.sub(r"\1\n", text).replace("\u00ad", "")


def round_s(text: str) -> str:
    """The long s as today's."""
    return text.replace("ſ", "s")


def remove_blank_lines(text: str) -> str:
    """One empty line between paragraphs at most, and no blanks at the ends of lines."""
    if " \n" in text or "\t\n" in text:
        text = BLANK_ENDS.sub("", text)
    return BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def cut(text: str, characters: int) -> str:
    """At most so many characters, whole words."""
    if len(text) <= characters:
        return text
    at = max(text.rfind(blank, 0, characters + 1) for blank in " \n")
    return text[: at if at > 0 else characters]


def flatten(text: str) -> str:
    """RODIN's text: guillemets as straight quotes, em dashes as hyphens, no-break spaces as blanks; addresses of the
    web and of people are gone. What it does is lost for good; it is here for the likeness."""
    return LINKS.sub("", text).translate(FLAT)
