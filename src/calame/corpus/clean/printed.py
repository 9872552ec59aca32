"""Text that was printed in lines: words divided at the end of one, sentences broken over several."""

from __future__ import annotations

import itertools
import re
from collections import Counter

DIVIDED = re.compile(r"(\w+)([-‐])[ \t]*\n[ \t]*(\w+)([^\w\s]*)[ \t]?")
WORDS = re.compile(r"\w+(?:-\w+)*")
ITEM = re.compile(r"\s*(?:[-*•–—]|\(?\w{1,3}[.)])\s")
FULL = 0.6  # of the widest line: a shorter one that closes a sentence ends a paragraph
MOST = 0.7  # share of lines that are about as wide as the widest
SPECK = 3  # characters of a line that may be no more than dirt on the page
OFTEN = 3  # times that it stands in the document, where it holds a letter or a digit
RUNNING = 0.3  # share of lines that begin with a small letter


def join_words(text: str, common: frozenset[str]) -> str:
    """Words divided at a line's end made whole, where the whole word is known: from elsewhere in the document or among
    the common words of its language. Compounds (peut-être) keep their hyphen; what is not known stays as it is."""
    if DIVIDED.search(text) is None:
        return text
    divided = {match.start() for match in DIVIDED.finditer(text)}
    known = {_plain(match[0]) for match in WORDS.finditer(text) if match.start() not in divided} | common

    def join(match: re.Match[str]) -> str:
        first, hyphen, second, rest = match.groups()
        if _plain(first + second) in known:
            return f"{first}{second}{rest}\n"
        return f"{first}{hyphen}{second}{rest}\n" if _plain(f"{first}-{second}") in known else match[0]

    return DIVIDED.sub(join, text)


def remove_specks(text: str) -> str:
    """Without lines of up to three characters that are signs alone, or that stand in the text again and again: dirt,
    borders and signatures of sheets, which a machine reads as letters."""
    lines = text.split("\n")
    short = Counter(line.strip() for line in lines if len(line) <= 2 * SPECK)
    specks = {
        line
        for line, times in short.items()
        if 0 < len(line) <= SPECK and (times >= OFTEN or not any(map(str.isalnum, line)))
    }
    return "\n".join(line for line in lines if line.strip() not in specks) if specks else text


def _plain(word: str) -> str:
    return word.lower().replace("ſ", "s")


def join_lines(text: str, line_ends: tuple[str, ...], width: int) -> str:
    """Lines of a block that were broken for their width put together, with a blank; blocks are parted by empty lines.

    width: characters of a block's widest line, from which on it may have been broken for it.
    """
    if "\n" not in text:
        return text
    return "\n\n".join(_join_block(block, line_ends, width) for block in text.split("\n\n"))


def _join_block(block: str, line_ends: tuple[str, ...], width: int) -> str:
    lines = block.split("\n")
    if not _are_wrapped(lines, width):
        return block
    full = FULL * max(map(len, lines))
    joined = lines[0]
    for before, line in itertools.pairwise(lines):
        closed = before.rstrip().endswith((*line_ends, ";", ":")) and len(before) < full
        joined = f"{joined}\n{line}" if closed or ITEM.match(line) else f"{joined.rstrip()} {line.lstrip()}"
    return joined


def _are_wrapped(lines: list[str], width: int) -> bool:
    """Whether many lines go on in small letters, and most are about as wide as the widest. Neither verse nor lists are
    both, as a rule."""
    if len(lines) < 3 or (widest := max(map(len, lines))) < width:
        return False
    small = sum(line.lstrip()[:1].islower() for line in lines[1:])
    wide = sum(len(line) >= FULL * widest for line in lines[:-1])
    return small >= RUNNING * (len(lines) - 1) and wide >= MOST * (len(lines) - 1)
