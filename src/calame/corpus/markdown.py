"""Markdown to text: front matter, addresses, tables' rules and signs go, what is read stays; code stays as it is.

CommonMark 0.31 for what marks up, and the habits of manuals: front matter in YAML, `[!NOTE]`, `[!INCLUDE ...]`, `:::`.
By lines and patterns, not by a parser: a text that is none is hardly touched.
"""

from __future__ import annotations

import re
from html import unescape

FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(?:.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[^`\n]*$")
NO_TEXT = re.compile(
    r"[ \t]*(?:[-*_=][ \t]*){3,}$"  # rules, and lines under headings
    r"|[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$"  # below the head of a table
    r"|[ \t]*:{3,}.*$"
    r"|[ \t]{0,3}\[[^\]\n]+\]:[ \t]*\S+.*$"  # where a reference points
)
INCLUDE = re.compile(
    r"\[!(?:INCLUDE|VIDEO|include|code-[\w-]+)[^\[\]\n]*(?:\[[^\[\]\n]*\])?[^\[\]\n]*\](?:\([^()\n]*\))*\]?"
)
HEAD = re.compile(r"^[ \t]{0,3}(?:>[ \t]?)*(?:\[![A-Z]+\][ \t]*)?(?:#{1,6}[ \t]+)?")
TAIL = re.compile(r"[ \t]+#+[ \t]*$")
ADDRESS = r"\((?:[^()\n]|\([^()\n]*\))*\)"
INLINE = (
    (re.compile(rf"!\[[^\]\n]*\](?:{ADDRESS}|\[[^\]\n]*\])"), ""),  # pictures
    (re.compile(rf"\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\](?:{ADDRESS}|\[[^\]\n]*\])"), r"\1"),
    (re.compile(r"<((?:https?|mailto):[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>\n]*>"), ""),
    (re.compile(r"(?<![\w_])(_{1,3})(?=\S)([^_\n]+?)(?<=\S)\1(?![\w_])"), r"\2"),
    (re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)"), r"\2"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)
GAPS = re.compile(r"\n{3,}")
LONGEST = 10_000  # characters of a line whose signs are looked at: pairs of them are sought again and again


def plain(text: str) -> str:
    """The text of a document in Markdown."""
    text = _without_comments(FRONT_MATTER.sub("", text.replace("\r\n", "\n")))
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif fence:
            kept.append(line)
        elif not NO_TEXT.match(line) or not line.strip():
            kept.append(_line(line))
    return GAPS.sub("\n\n", "\n".join(kept)).strip()


def _without_comments(text: str) -> str:
    kept, at = [], 0
    while (begin := text.find("<!--", at)) >= 0 and (end := text.find("-->", begin)) >= 0:
        kept.append(text[at:begin])
        at = end + len("-->")
    return "".join([*kept, text[at:]])


def _line(line: str) -> str:
    if len(line) > LONGEST:
        return line
    if line.lstrip()[:1] in ("#", ">"):
        line = TAIL.sub("", HEAD.sub("", line, count=1))
    line = INCLUDE.sub("", line)
    for pattern, kept in INLINE:
        line = pattern.sub(kept, line)
    line = unescape(line) if "&" in line else line
    return line.strip().strip("|").strip() if line.lstrip().startswith("|") else line.rstrip()
