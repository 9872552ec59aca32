"""Wiki mark-up (MediaWiki) to plain text: what a reader of the page would read, without tables, notes and menus.

One pass over the brackets, so that the time is proportional to the text; brackets that are never closed stay as text.
What is lost on purpose: tables, galleries, footnotes, images with their captions, categories, and templates but those
that stand for words (TEMPLATES).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
DROPPED = "ref|references|gallery|timeline|graph|imagemap|score|hiero|templatestyles|pages|pagelist|mapframe|section"
EMPTY_TAG = re.compile(rf"<(?:{DROPPED})\b[^<>]*/>", re.IGNORECASE)
WHOLE_TAG = re.compile(rf"<({DROPPED})\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
TAG = re.compile(
    r"</?(?:abbr|b|big|blockquote|center|chem|cite|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|includeonly|ins|kbd|li|math"
    r"|noinclude|nowiki|ol|onlyinclude|p|poem|pre|q|rp|rt|ruby|s|samp|small|source|span|strike|strong|sub|sup"
    r"|syntaxhighlight|table|tbody|td|th|tr|tt|u|ul|var)\b[^<>]*>",
    re.IGNORECASE,
)
BRACKET = re.compile(r"\{\{|\}\}|\[\[|\]\]|^[ :]*\{\||^[ ]*\|\}(?!\})", re.MULTILINE)
OPENED_BY = {"}}": "{{", "]]": "[[", "|}": "{|"}
EXTERNAL = re.compile(r"\[(?:https?:|ftp:|mailto:)?//?[^\s\]\[]*[ ]?([^\]\[\n]*)\]", re.IGNORECASE)
SWITCH = re.compile(r"__[A-ZÀ-Ý]{3,}__")
QUOTES = re.compile(r"'{2,5}")
HEADING = re.compile(r"^(={1,6})[ \t]*(.+?)[ \t]*\1[ \t]*$")
LIST = re.compile(r"^[*#:;]+[ \t]*")
EMPTY_BRACKETS = re.compile(r"[ \u00a0]?\([\s,;:.\u00a0]*\)")
MEDIA = {"file", "image", "media", "fichier", "immagine", "category", "catégorie", "categoria"}  # in fr, it, en
INTERWIKI = re.compile(r"^[a-z]{2,3}(?:-[a-z]+)*:", re.IGNORECASE)

Arguments = list[str]


def _first(arguments: Arguments) -> str:
    return arguments[0] if arguments else ""


def _last(arguments: Arguments) -> str:
    return arguments[-1] if arguments else ""


def _spaced(arguments: Arguments) -> str:
    return "\u00a0".join(arguments)


def _century(arguments: Arguments) -> str:
    return f"{_first(arguments)}{arguments[1] if len(arguments) > 1 else 'e'} siècle"


TEMPLATES: dict[str, Callable[[Arguments], str]] = {  # those that stand for words, by small name: fr, it, en
    **dict.fromkeys(("citation", "nobr", "nobr romains", "nowrap", "souligner", "petit", "smcp", "sc"), _first),
    **dict.fromkeys(("citation étrangère", "lang", "langue", "langue avec nom", "abbr", "abréviation"), _last),
    **dict.fromkeys(("unité", "unité/2", "heure", "date", "date-", "nombre"), _spaced),
    **dict.fromkeys(("s", "siècle", "s-", "s2"), _century),
    **dict.fromkeys(("er", "1er"), lambda a: "1er" if not a else f"{a[0]}er"),
    **dict.fromkeys(("e", "ème", "exp"), lambda a: "e" if not a else _first(a)),
    **dict.fromkeys(("nb", "formatnum", "guillemets", "quote", "citazione", "poem", "poème"), _first),
    **dict.fromkeys(("!",), lambda a: "|"),
    **dict.fromkeys(("espace", "nbsp"), lambda a: "\u00a0"),
}


def plain(text: str) -> str:
    """The text of a page: paragraphs parted by one empty line, items of lists by a line end, headings as paragraphs."""
    text = COMMENT.sub("", text)
    text = WHOLE_TAG.sub("", EMPTY_TAG.sub("", text))
    text = TAG.sub("", BREAK.sub("\n", _without_brackets(text)))
    text = QUOTES.sub("", SWITCH.sub("", EXTERNAL.sub(r"\1", text)))
    text = html.unescape(EMPTY_BRACKETS.sub("", text))
    return "\n\n".join(_paragraphs(text.split("\n")))


@dataclass
class _Open:
    """A bracket that was opened, and what stands in it so far."""

    bracket: str
    pieces: list[str] = field(default_factory=list)


def _without_brackets(text: str) -> str:
    """Links by their words, templates and tables by what they stand for."""
    stack, position = [_Open("")], 0
    count = dict.fromkeys(OPENED_BY.values(), 0)  # of the brackets that are open
    for found in BRACKET.finditer(text):
        stack[-1].pieces.append(text[position : found.start()])
        position = found.end()
        bracket = found.group().strip(" :")
        if bracket in ("{{", "[[", "{|"):
            stack.append(_Open(bracket))
            count[bracket] += 1
        elif count[OPENED_BY[bracket]]:
            depth = next(n for n in reversed(range(len(stack))) if stack[n].bracket == OPENED_BY[bracket])
            for part in stack[depth + 1 :]:
                count[part.bracket] -= 1
            _give_up(stack, depth)
            count[OPENED_BY[bracket]] -= 1
            inside = "".join(stack.pop().pieces)
            stack[-1].pieces.append(_instead(bracket, inside))
        else:
            stack[-1].pieces.append(found.group())
    stack[-1].pieces.append(text[position:])
    _give_up(stack, 0)
    return "".join(stack[0].pieces)


def _give_up(stack: list[_Open], depth: int) -> None:
    """The brackets above are not closed: they are text of the one at this depth."""
    above = stack[depth + 1 :]
    del stack[depth + 1 :]
    stack[depth].pieces += [piece for part in above for piece in (part.bracket, *part.pieces)]


def _instead(closing: str, inside: str) -> str:
    if closing == "|}":
        return ""
    return _link(inside) if closing == "]]" else _template(inside)


def _link(inside: str) -> str:
    target, *words = inside.split("|")
    space = target.partition(":")[0].strip().lower() if ":" in target else ""
    if space in MEDIA or (INTERWIKI.match(target) and not words):
        return ""
    return words[-1] if words and words[-1].strip() else target.strip().removeprefix(":")


def _template(inside: str) -> str:
    name, *arguments = inside.split("|")
    name, colon, value = name.partition(":")
    if colon:
        arguments.insert(0, value)
    words = TEMPLATES.get(name.strip().lower().replace("_", " "))
    return words([a.strip() for a in arguments if not re.match(r"\s*[\w -]+=", a)]) if words else ""


def _paragraphs(lines: list[str]) -> list[str]:
    """Lines put together; headings under which nothing stands are left out."""
    parts: list[tuple[int, str]] = []  # (level of a heading or 0, text)
    open_ = False  # whether the next line goes on the last part
    for line in lines:
        line = line.strip(" \t\r")
        heading = HEADING.match(line)
        text = LIST.sub("", heading.group(2) if heading else line).strip()
        if heading:
            parts.append((len(heading.group(1)), text))
        elif text and open_:
            parts[-1] = (0, f"{parts[-1][1]}\n{text}")
        elif text:
            parts.append((0, text))
        open_ = bool(text) and not heading
    kept: list[str] = []
    below = 0  # level of what follows: 0 for text, 7 for the end
    for level, text in reversed([*parts, (7, "")]):
        if text and (level == 0 or below == 0 or level < below < 7):
            kept.append(text)
            below = level
        elif level == 7:
            below = 7
    return kept[::-1]
