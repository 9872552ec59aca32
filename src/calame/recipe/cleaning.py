"""Cleaning as a whole recipe settles it: each source's steps, and the rules of the languages that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from calame.recipe.corpus import CODE, Corpus, Source
from calame.recipe.errors import Problem
from calame.recipe.language_rules import LanguageRules, read_rules, shipped_languages
from calame.recipe.schema import Recipe

NEEDS = {  # of a language's rules, by step
    "page_numbers": ("page_numbers",),
    "hyphens": ("common_words",),
    "broken_lines": ("line_ends",),
    "boilerplate": ("boilerplate", "boilerplate_phrases"),
    "c4": ("line_ends", "policy"),
    "heuristics": ("common_words",),
    "gopher_quality": ("stop_words",),
    "fineweb": ("line_ends",),
    "ocr": ("letters", "vowels", "single_letters"),
}


def settle_cleaning(corpus: Corpus, languages: Sequence[str]) -> Corpus:
    """Every source with its own cleaning, and `corpus.languages` with all rules that some step needs."""
    sources = {
        name: source if source.clean else source.model_copy(update={"clean": corpus.clean})
        for name, source in corpus.sources.items()
    }
    rules = dict(corpus.languages)
    for language in _needed(sources.values(), languages):
        found = read_rules(language, rules.get(language), "")
        if isinstance(found, LanguageRules) and found.model_fields_set:
            rules[language] = found
    return corpus.model_copy(update={"sources": sources, "languages": rules})


def _needed(sources: Iterable[Source], languages: Sequence[str]) -> dict[str, dict[str, str]]:
    """By language, the fields that must not be empty, each with the step that asks for it."""
    needed: dict[str, dict[str, str]] = {}
    for source in sources:
        for language in [source.language] if source.language else languages:
            for step in source.clean.steps if source.clean and language != CODE else ():
                needed.setdefault(language, {}).update(dict.fromkeys(NEEDS.get(step, ()), step))
    return {language: fields for language, fields in needed.items() if fields}


def cleaning_check(
    recipe: Recipe, where: Callable[..., str], known: Callable[..., bool] = lambda *key: True
) -> Iterator[Problem]:
    """Languages whose rules are missing or cannot be read."""
    if not all(known("corpus", key) for key in ("clean", "languages", "sources")) or not known("languages"):
        return
    for language, fields in _needed(recipe.corpus.sources.values(), recipe.languages).items():
        key = where("corpus", "languages", language)
        rules = read_rules(language, recipe.corpus.languages.get(language), key)
        if isinstance(rules, list):
            yield from rules
            continue
        for field, step in fields.items():
            if not getattr(rules, field):
                yield Problem(
                    f"{key}.{field}",
                    f"missing, and cleaning by the step {step} needs it",
                    f"given, or one of the languages that come with Calame: {', '.join(shipped_languages())}",
                    f"write a file as docs/corpus-cleaning.md shows (corpus.languages.{language}.from=FILE), "
                    f"or leave the step out (clean: without: [{step}])",
                )
