"""The languages' rules and steps of a cleaning, as a recipe would give them."""

from __future__ import annotations

from typing import Any

from calame.corpus.clean.build import clean_steps
from calame.corpus.document import Document
from calame.corpus.step import Drop, walk
from calame.recipe.clean import Clean
from calame.recipe.language_rules import LanguageRules, read_rules, shipped_languages


def rules_of(language: str) -> LanguageRules:
    rules = read_rules(language, None, "")
    assert isinstance(rules, LanguageRules), rules
    return rules


LANGUAGES = {language: rules_of(language) for language in shipped_languages()}


def cleaned(text: str, clean: Any, language: str = "fr", languages: dict[str, LanguageRules] = LANGUAGES) -> str | Drop:
    """What is left of a text, or why it goes."""
    steps = clean_steps(Clean.model_validate(clean), languages)
    result = walk(Document(text, "a", "a", language), steps).result
    return result if isinstance(result, Drop) else result.text


def only(step: str, **values: Any) -> dict[str, Any]:
    """A cleaning of one step."""
    return {"kind": "none", "steps": [step], **({step: values} if values else {})}
