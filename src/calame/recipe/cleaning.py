"""Cleaning as a whole recipe settles it: each source's steps, and the rules of the languages that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from calame.recipe.corpus import CODE, Corpus
from calame.recipe.errors import Problem
from calame.recipe.language_rules import LanguageRules, read_rules, shipped_languages
from calame.recipe.schema import Recipe

FORMULA = "quality: heuristic"  # no step of cleaning, but it needs the same of a language
NEEDS = {  # of a language's rules, by step
    "page_numbers": ("page_numbers",),
    "hyphens": ("common_words",),
    "broken_lines": ("line_ends",),
    "boilerplate": ("boilerplate", "boilerplate_phrases"),
    "c4": ("line_ends", "policy"),
    "heuristics": ("common_words",),
    "gopher_quality": ("stop_words",),
    "fineweb": ("line_ends",),
    FORMULA: ("common_words",),
    "ocr": ("letters", "vowels", "single_letters"),
}


def settle_cleaning(corpus: Corpus, languages: Sequence[str]) -> Corpus:
    """Every source with its own cleaning, and `corpus.languages` with all rules that some step needs."""
    sources = {
        name: source if source.clean else source.model_copy(update={"clean": corpus.clean})
        for name, source in corpus.sources.items()
    }
    rules = dict(corpus.languages)
    for language in _needed(corpus.model_copy(update={"sources": sources}), languages):
        found = read_rules(language, rules.get(language), "")
        if isinstance(found, LanguageRules) and found.model_fields_set:
            rules[language] = found
    return corpus.model_copy(update={"sources": sources, "languages": rules})


def _needed(corpus: Corpus, languages: Sequence[str]) -> dict[str, dict[str, str]]:
    """By language, the fields that must not be empty, each with the step that asks for it."""
    needed: dict[str, dict[str, str]] = {}
    for name, source in corpus.sources.items():
        steps = [*source.clean.steps] if source.clean else []
        quality = corpus.quality
        if quality and quality.scorer == "heuristic" and (not quality.sources or name in quality.sources):
            steps.append(FORMULA)
        for language in [source.language] if source.language else languages:
            for step in steps if language != CODE else ():
                needed.setdefault(language, {}).update(dict.fromkeys(NEEDS.get(step, ()), step))
    return {language: fields for language, fields in needed.items() if fields}


def cleaning_check(
    recipe: Recipe, where: Callable[..., str], known: Callable[..., bool] = lambda *key: True
) -> Iterator[Problem]:
    """Languages whose rules are missing or cannot be read."""
    if not all(known("corpus", key) for key in ("clean", "languages", "sources")) or not known("languages"):
        return
    for language, fields in _needed(recipe.corpus, recipe.languages).items():
        key = where("corpus", "languages", language)
        rules = read_rules(language, recipe.corpus.languages.get(language), key)
        if isinstance(rules, list):
            yield from rules
            continue
        for field, step in fields.items():
            if not getattr(rules, field):
                whose = step if step == FORMULA else f"cleaning by the step {step}"
                out = f"leave the step out (clean: without: [{step}])"
                other = "name other sources in corpus.quality.sources" if step == FORMULA else out
                yield Problem(
                    f"{key}.{field}",
                    f"missing, and {whose} needs it",
                    f"given, or one of the languages that come with Calame: {', '.join(shipped_languages())}",
                    f"write a file as docs/corpus-cleaning.md shows (corpus.languages.{language}.from=FILE), or "
                    f"{other}",
                )
