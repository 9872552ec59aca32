"""What cleaning must know of a language: one file a language, those of French, Italian and English come with Calame."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, ValidationError

from calame.recipe.errors import Problem
from calame.recipe.section import Positive, Section


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def _is_word(word: str) -> str:
    if not re.fullmatch(r"\w+", word) or word != word.lower():
        raise ValueError(f"{word!r} is not one word in small letters (elisions without their apostrophe: qu, l)")
    return word


Pattern = Annotated[str, AfterValidator(_compiles)]
Word = Annotated[str, AfterValidator(_is_word)]


class LanguageRules(Section):
    """The rules of one language. Lists, so that a recipe may replace each of them as a whole."""

    location: str | None = Field(default=None, alias="from", description="file with the rules of another language")
    stop_words: list[Word] = Field(default=[], description="Gopher asks for some of them, as they stand")
    common_words: list[Word] = Field(default=[], description="words that make up much of any text of the language")
    line_ends: list[str] = Field(default=[], description="what a line of running text ends in")
    policy: list[str] = Field(default=[], description="C4: phrases, in small letters, of lines about cookies and terms")
    boilerplate_phrases: list[str] = Field(
        default=[], description="lines that are no text, in small letters, without signs at their ends"
    )
    menu_phrases: list[str] = Field(
        default=[], description="the same for lines that may also be headings: beside another such line only"
    )
    boilerplate: list[Pattern] = Field(default=[], description="lines that are no text: whole line, any case")
    page_numbers: list[Pattern] = Field(default=[], description="OCR: lines that number a page: whole line, any case")
    letters: str = Field(default="", description="OCR: the language's letters, small")
    vowels: str = Field(default="", description="OCR: those of them that a word of three letters does not lack")
    single_letters: str = Field(default="", description="OCR: letters that may stand alone")
    consonants: Positive = Field(default=5, description="OCR: consonants that may follow each other")


FIELDS = {field.alias or name for name, field in LanguageRules.model_fields.items()}


def shipped_languages() -> list[str]:
    return sorted(file.name.removesuffix(".yaml") for file in _shipped().iterdir() if file.name.endswith(".yaml"))


def _shipped() -> Any:
    return resources.files("calame") / "corpus" / "languages"


def read_rules(language: str, written: LanguageRules | None, key: str) -> LanguageRules | list[Problem]:
    """The rules of a language: what the recipe writes over what its file says, or over what comes with Calame. A list
    of problems where the file cannot be read; where nobody says anything, the rules are empty."""
    written = written or LanguageRules()
    if written.location:
        file, name = Path(written.location), written.location
    else:
        file, name = _shipped() / f"{language}.yaml", f"{language}.yaml"
    if not file.is_file() and not written.location:
        return written
    if not file.is_file():
        return [Problem(f"{key}.from", f"{name}: no such file", remedy="check the path")]
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # all words: `on` is one
        if not isinstance(data, dict):
            return [Problem(name, "empty, or not a mapping of keys", remedy="see docs/corpus-cleaning.md")]
        rules = LanguageRules.model_validate(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [Problem(name, f"not YAML: {' '.join(str(error).split())}")]
    except ValidationError as error:
        return [
            Problem(f"{name}: {'.'.join(map(str, fault['loc']))}", fault["msg"], f"keys: {', '.join(sorted(FIELDS))}")
            for fault in error.errors()
        ]
    own = {field: getattr(written, field) for field in written.model_fields_set}
    return rules.model_copy(update=own)
