"""What an evaluation found, as sections of a page: plain words first, then each measurement, then what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from calame.evaluation.evaluate import not_measured
from calame.evaluation.measurement import VERDICTS, Verdict
from calame.evaluation.measurements import MEASUREMENTS


def sentences(evaluation: dict[str, Any]) -> list[str]:
    """Plain sentences of all measurements, made of their numbers."""
    return [words for part in MEASUREMENTS if part.name in evaluation for words in part.words(evaluation[part.name])]


def verdict_lines(evaluation: dict[str, Any]) -> list[str]:
    """What the last model can and cannot do, for the terminal."""
    return [f"  {words.sentence}" for words in sentences(evaluation) if isinstance(words, Verdict)]


def words_section(evaluation: dict[str, Any]) -> str:
    """What the last model can and cannot do, and what else can be said plainly."""
    said = sentences(evaluation)
    if not said:
        return ""
    name, checkpoint = list(evaluation["models"].items())[-1]
    parts = [f"<p class=soft>The {escape(name)} model, {escape(checkpoint)}; every number stands below.</p>"]
    for verdict, begins in VERDICTS.items():
        verdicts = [words for words in said if isinstance(words, Verdict) and words.verdict == verdict]
        parts.append(_list(f"<h3>{begins}</h3>", verdicts))
    rest = [words for words in said if not isinstance(words, Verdict)]
    parts.append(_list("<h3>Measured besides</h3>" if len(rest) < len(said) else "", rest))
    return section("What it can and cannot do", "".join(parts))


def measured_sections(evaluation: dict[str, Any]) -> str:
    """A section a measurement, and one of what could not be measured."""
    found = [section(part.title, part.page(evaluation[part.name])) for part in MEASUREMENTS if part.name in evaluation]
    missing = [line.strip() for line in not_measured(evaluation)]
    return "".join([*found, section("Not measured", _list("", missing))])


def section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>{content}" if content else ""


def _list(title: str, items: Sequence[str]) -> str:
    return f"{title}<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""
