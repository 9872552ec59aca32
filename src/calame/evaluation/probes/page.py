"""Probes for people: how often the model finds the expected word, by kind and language, and where it fails."""

from __future__ import annotations

from typing import Any

from calame.evaluation.measurement import ByModel
from calame.run.tables import table, text_table

HEAD = ("probes", "likeliest", "in the first five", "perplexity")


def lines(found: ByModel) -> list[str]:
    return [line for name, part in found.items() for line in text_table([name, *HEAD], _rows(part))]


def page(found: ByModel) -> str:
    notes = (
        "<p class=soft>Beginnings whose continuation is known: share of those whose first token the model finds the "
    )
    notes += "likeliest, or among the five likeliest; perplexity of the whole continuation, geometric mean.</p>"
    tables = "".join(
        table([f"{name} ({part['recipe']['checkpoint']})", *HEAD], _rows(part)) for name, part in found.items()
    )
    return notes + tables + "".join(_not_scored(part) for part in found.values())


def words(found: ByModel) -> list[str]:
    """A sentence about each kind, of the last model."""
    part = list(found.values())[-1]
    return [
        f"Of {own['scored']} {kind} beginnings it finds the expected word likeliest in {own['top_1']['value']:.0%}."
        for kind, own in part["kinds"].items()
        if own["scored"]
    ]


def _rows(part: dict[str, Any]) -> list[list[str]]:
    groups = {"all": part["all"], **part["languages"], **part["cells"]}
    return [
        [name, str(own["scored"]), _said(own["top_1"]), _said(own["top_5"]), _said(own["perplexity"], 1)]
        for name, own in groups.items()
        if own["scored"]
    ]


def _said(number: dict[str, Any], digits: int = 3) -> str:
    return f"{number['value']:.{digits}f} [{number['low']:.{digits}f}, {number['high']:.{digits}f}]"


def _not_scored(part: dict[str, Any]) -> str:
    rows = [[one["prompt"], one["target"], one["reason"]] for one in part["not_scored"]]
    return table(["not scored", "target", "why"], rows)
