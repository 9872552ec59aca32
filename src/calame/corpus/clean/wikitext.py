"""Stray mark-up of wikis in text that was meant to be free of it. (A dump's own mark-up is the reader's to remove.)"""

from __future__ import annotations

import re

# Two apostrophes alone may also be quotation marks.
MARK = re.compile(r"\[\[|\{\{|\{\||'''|<ref|^==.*==$|__[A-Z]{3,}__|&nbsp;|<br */?>", re.MULTILINE)
TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{\|[^{}]*\|\}")
DEPTH = 5  # templates within templates
SIMPLE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<ref[^<>]*/>|<ref[^<>]*>.*?</ref>", re.DOTALL), ""),
    (
        re.compile(r"\[\[(?:Fichier|Image|File|Catégorie|Category|Categoria|Immagine):[^\[\]]*\]\]\n?"),
        "",
    ),
    (re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]"), r"\1"),
    (re.compile(r"\[https?://\S+ ([^\[\]]*)\]"), r"\1"),
    (re.compile(r"('{2,5})(?=\S)([^\n]+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"^(={2,6}) *(.+?) *\1 *$", re.MULTILINE), r"\2"),
    (re.compile(r"__[A-Z]{3,}__\n?"), ""),
    (re.compile(r"<br */?>"), "\n"),
    (re.compile(r"&nbsp;"), "\u00a0"),
)


def remove_stray(text: str) -> str:
    if MARK.search(text) is None:
        return text
    for _ in range(DEPTH):
        text, found = TEMPLATE.subn("", text)
        if not found:
            break
    for pattern, kept in SIMPLE:
        text = pattern.sub(kept, text)
    return text
