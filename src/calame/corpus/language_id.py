"""Language identification, offline: which language a document is in, and which languages are mixed inside it.

The detector is py3langid, a naive Bayes over byte n-grams whose model lies in its wheel. It looks at the beginning and,
in longer texts, at the middle and the end: a foreign title page or licence does not decide for a book.

Italian draws in its neighbours (Romansh above all, which the model does not know), so that it is believed only by a
margin; docs/corpus-language.md has the measurement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from calame.corpus.document import Document
from calame.corpus.step import Drop, Step
from calame.recipe.errors import refuse
from calame.recipe.texts import LanguageId

LOOK = 1000  # characters looked at: at the beginning and, in longer texts, as many in the middle and at the end
WINDOW_LINES, WINDOW = 20, 500  # a window is full with so many lines or characters
FOREIGN_MARGIN = 0.9  # what is cut away must be foreign beyond doubt
CODE = "code"  # of sources in no human language


class Guess(NamedTuple):
    """A language, and how far its probability is above the next one's; empty where the text is too short to say."""

    language: str
    margin: float


@lru_cache(maxsize=8)
def _identifier(labels: tuple[str, ...]) -> Any:
    """py3langid with these labels, or all of its own. Raises `UserError` for a language that it does not know."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if unknown := sorted(set(labels) - set(identifier.labels)):
        raise refuse(
            "corpus.language_id",
            f"the detector does not know {', '.join(unknown)}",
            ", ".join(identifier.labels),
            "corpus.language_id.check=off, and mixed=off",
        )
    identifier.set_languages(list(labels) or None)
    return identifier


def guess(text: str, labels: tuple[str, ...] = ()) -> Guess:
    """The likeliest language of a text among `labels` (none: all that the detector knows)."""
    (best, first), (_, second) = (*_identifier(labels).rank(sample(text)), ("", 0.0))[:2]
    return Guess(best, first - second)


def likeliest(text: str) -> tuple[str, float]:
    """Of all languages that the detector knows, that of a text, and its probability."""
    return _identifier(()).rank(text)[0]


def sample(text: str) -> str:
    """What is looked at: the beginning, and of longer texts as much of the middle and the end."""
    if len(text) <= 3 * LOOK:
        return text
    middle = (len(text) - LOOK) // 2
    return "\n".join((text[:LOOK], text[middle : middle + LOOK], text[-LOOK:]))


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


@dataclass(frozen=True)
class Judge:
    """Guesses a language where there is enough text, and believes it by the margin that the keys ask for."""

    keys: LanguageId
    labels: tuple[str, ...]

    def __call__(self, text: str) -> Guess:
        """The language of a text; an empty one where it is not believed."""
        if letters(sample(text)) < self.keys.letters:
            return Guess("", 0.0)
        found = guess(text, self.labels)
        return found if found.margin >= self.keys.margin.get(found.language, 0) else Guess("", found.margin)


@dataclass
class CheckLanguage:
    """Drops documents in another language than the declared one (`declared`), or sets it as found (`detect`)."""

    keys: LanguageId
    languages: tuple[str, ...]
    judge: Judge
    name: str = "language"

    def __call__(self, document: Document) -> Document | Drop:
        if document.language == CODE:
            return document
        found = self.judge(document.text)
        if not found.language:
            # Who is not judged is taken at their word, if they gave one.
            if self.keys.unsure == "drop" or document.language not in self.languages:
                return Drop("language unsure", f"{letters(sample(document.text))} letters, margin {found.margin:.2f}")
            return document
        if found.language == document.language:
            return document
        if self.keys.check == "detect" and found.language in self.languages:
            return replace(document, language=found.language)
        return Drop("other language", f"{found.language} {found.margin:.2f}")


@dataclass
class MixedLanguages:
    """Finds the languages inside a document; drops it, or cuts foreign paragraphs away, as the keys say.

    metadata["languages"]: share of the letters by language, the greatest first; what is not judged is left out.
    """

    keys: LanguageId
    judge: Judge
    name: str = "foreign paragraphs"

    def __call__(self, document: Document) -> Document | Drop:
        if document.language == CODE:
            return document
        cut = self.keys.mixed == "cut"
        parts = paragraphs(document.text) if cut else windows(document.text)
        spoken = [self.judge(part) for part in parts]
        shares = _shares(parts, spoken)
        own = shares.get(document.language, 0.0)
        if self.keys.mixed != "report" and shares and own < self.keys.least_share:
            return Drop("mixed languages", ", ".join(f"{code} {share:.2f}" for code, share in shares.items()))
        document = replace(document, metadata={**document.metadata, "languages": shares})
        if not cut or own == 1.0 or not shares:
            return document
        left = _without(parts, [_is_foreign(found, document.language) for found in spoken])
        return replace(document, text=left) if left else Drop("mixed languages", "nothing is left")


def _shares(parts: Sequence[str], spoken: Sequence[Guess]) -> dict[str, float]:
    sizes: dict[str, int] = {}
    for part, found in zip(parts, spoken, strict=True):
        if found.language:
            sizes[found.language] = sizes.get(found.language, 0) + letters(part)
    total = sum(sizes.values())
    return {code: round(size / total, 3) for code, size in sorted(sizes.items(), key=lambda item: -item[1])}


def _is_foreign(found: Guess, language: str) -> bool | None:
    """Whether a paragraph goes; None where it is too short, or too doubtful, to say."""
    if found.language == language:
        return False
    return True if found.language and found.margin >= FOREIGN_MARGIN else None


def _without(parts: Sequence[str], foreign: Sequence[bool | None]) -> str:
    """The paragraphs without the foreign ones. Those that cannot be judged (titles, dates) go with their neighbours:
    away where the judged ones before and after them go, or where only one side has any and it goes."""
    runs = [(verdict, len(list(run))) for verdict, run in groupby(foreign)]
    kept, at = [], 0
    for number, (verdict, length) in enumerate(runs):
        if verdict is None:
            beside = [runs[k][0] for k in (number - 1, number + 1) if 0 <= k < len(runs)]
            verdict = bool(beside) and all(beside)
        if not verdict:
            kept += parts[at : at + length]
        at += length
    return "\n\n".join(kept)


def paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text)


def windows(text: str) -> list[str]:
    """The text in runs of lines, each full with WINDOW characters or WINDOW_LINES lines."""
    found: list[str] = []
    run: list[str] = []
    for line in text.split("\n"):
        run.append(line)
        if len(run) == WINDOW_LINES or sum(map(len, run)) >= WINDOW:
            found.append("\n".join(run))
            run = []
    return [*found, "\n".join(run)] if run else found


def language_steps(keys: LanguageId, languages: Sequence[str]) -> list[Step]:
    """The steps that a recipe asks for; none by default. Raises `UserError` for languages that cannot be told."""
    if keys.check == "off" and keys.mixed == "off":
        return []
    spoken = tuple(language for language in languages if language != CODE)
    _identifier(spoken)  # to know at once that it can tell them
    judge = Judge(keys, spoken if keys.labels == "recipe" else ())
    steps: list[Step] = []
    if keys.check != "off":
        steps.append(CheckLanguage(keys, spoken, judge))
    if keys.mixed != "off":
        steps.append(MixedLanguages(keys, judge))
    return steps
