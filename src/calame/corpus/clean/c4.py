"""C4's rules (Raffel et al. 2020, section 2.2), as datatrove's C4QualityFilter has them, line by line.

Two things differ on purpose. What a line may end in is the language's to say: French and Italian close with » and …,
where C4 knows `.?!"'` and takes away lines that end in three dots. And verse ends as it likes: a stanza stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from calame.corpus.document import Document
from calame.corpus.step import Drop
from calame.recipe.clean import C4
from calame.recipe.language_rules import LanguageRules

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
SENTENCE = re.compile(r"(?<=[.!?])\s+")
ELLIPSIS = "..."
STANZA, VERSE = 4, 75  # lines in a row that make a stanza; characters of a verse, at most
PAUSES = (",", ";", ":", ".", "!", "?", "…", "»", "—")


@dataclass
class C4Lines:
    """Takes lines away and drops what is left with too little; a `Step`."""

    rules: C4
    languages: dict[str, LanguageRules]
    name: str = "c4 lines"

    def __call__(self, document: Document) -> Document | Drop:
        language = self.languages.get(document.language)
        if language is None:
            return document
        text = keep_lines(document.text, self.rules, language)
        if isinstance(text, Drop):
            return text
        return replace(document, text=text) if text else Drop("empty", "nothing is left after c4 lines")


def keep_lines(text: str, rules: C4, language: LanguageRules) -> str | Drop:
    """The lines that stay, or why the document goes."""
    lines, small = text.splitlines(), text.lower()
    ends, dots = tuple(language.line_ends), ELLIPSIS in language.line_ends or "…" in language.line_ends
    citations = rules.citations and "[" in text
    lorem = rules.lorem_ipsum and "lorem ipsum" in small
    script = rules.javascript and "javascript" in small
    phrases = [phrase for phrase in language.policy if phrase in small] if rules.policy else []
    stanzas: set[int] | None = None
    kept, sentences = [], 0
    for number, line in enumerate(lines):
        line = line.strip()
        if len(line) > rules.max_word_length and max(map(len, line.split())) > rules.max_word_length:
            continue
        few = len(line.split(None, rules.min_words_per_line)) < rules.min_words_per_line
        if citations:
            line = CITATION.sub("", line)
        ended = line.endswith(ends) and (dots or not line.endswith(ELLIPSIS))
        if few:
            continue
        if rules.end_punctuation and not ended:
            stanzas = (_stanzas(lines) if rules.verse else set()) if stanzas is None else stanzas
            if number not in stanzas:
                continue
        if lorem and "lorem ipsum" in line.lower():
            return Drop("c4: lorem ipsum")
        if script and "javascript" in line.lower():
            continue
        if rules.curly_brackets and "{" in line:
            return Drop("c4: curly bracket")
        if phrases and any(phrase in line.lower() for phrase in phrases):
            continue
        if sentences < rules.min_sentences:
            sentences += 1 + len(SENTENCE.findall(line))
        kept.append(line)
    if sentences < rules.min_sentences:
        return Drop("c4: too few sentences", f"{sentences} in the lines that are left, {rules.min_sentences} asked")
    return "\n".join(kept).strip()


def _stanzas(lines: list[str]) -> set[int]:
    """The numbers of the lines that stand in verse: four and more short lines in a row, a quarter of which pause.

    Menus are rows of short lines too, but do not pause."""
    found: set[int] = set()
    row: list[int] = []
    for number, line in enumerate([*lines, ""]):
        line = line.strip()
        if line and len(line) <= VERSE:
            row.append(number)
            continue
        if len(row) >= STANZA and sum(lines[at].rstrip().endswith(PAUSES) for at in row) * 4 >= len(row):
            found.update(row)
        row = []
    return found
