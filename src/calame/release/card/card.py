"""The whole page: a header that the hub reads, and the sections in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from calame.release.card import credits, data, model, training, use
from calame.release.card.header import header
from calame.release.card.measured import measured
from calame.release.card.say import Say, paragraphs, section, texts
from calame.run.files import digest, file_digest

Section = Callable[[Say], str | None]
MAKING: tuple[Section, ...] = (
    model.architecture,
    data.data,
    data.conversations,
    data.tokens,
    training.procedure,
    training.tuning,
    training.time,
    training.provenance,
)
OURS = (".py", ".yaml")
PLACES: Mapping[str, str] = {"en": "README.md", "fr": "README.fr.md", "it": "README.it.md"}  # the hub shows the first


def languages_of(records: Mapping[str, Any]) -> list[str]:
    """The languages that the page is written in: English and French, and Italian for models that speak it."""
    spoken = records.get("about", {}).get("languages", [])
    return ["en", "fr", *(["it"] if "it" in spoken else [])]


def write_cards(records: Mapping[str, Any]) -> dict[str, str]:
    """By file name, the page in each language. The header stands in the one that the hub reads."""
    languages = languages_of(records)
    pages = {}
    for language in languages:
        others = [texts(other)["other_language"] for other in languages if other != language]
        pages[PLACES[language]] = write_card(records, language, others)
    return pages


@cache
def wording() -> str:
    """A hash of all that turns records into pages: with another one the same records may be worded otherwise."""
    here = Path(__file__).parent
    return digest({str(file.relative_to(here)): file_digest(file) for file in here.rglob("*.*") if file.suffix in OURS})


def write_card(records: Mapping[str, Any], language: str, others: list[str]) -> str:
    say = Say(records, language)
    content = paragraphs(
        header(say) if language == "en" else None,
        model.opening(say, others),
        model.facts(say),
        use.start(say),
        use.decoding(say),
        measured(say),
        section(say.texts["titles"]["training"], 2, *(part(say) for part in MAKING)),
        use.uses(say),
        use.limits(say),
        data.injected(say),
        credits.licence(say),
        credits.files(say),
        credits.citation(say),
        credits.thanks(say),
    )
    return f"{content}\n"
