"""The commonest words of the languages that come with Calame, from their files: the formula's stop words."""

from __future__ import annotations

from calame.recipe.language_rules import LanguageRules, read_rules, shipped_languages

_rules = {language: read_rules(language, None, language) for language in shipped_languages()}
STOP_WORDS = {
    language: frozenset(rules.common_words) for language, rules in _rules.items() if isinstance(rules, LanguageRules)
}
