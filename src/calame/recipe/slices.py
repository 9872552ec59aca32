"""Slices of held-out text: their names, and what each weighs in `val/mixed`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BeforeValidator

from calame.recipe.section import LANGUAGE, NAME
from calame.recipe.units import parse_share

OOD = "ood-"  # before the name of a slice whose source is never trained on (out of domain)
SLICE = re.compile(f"({LANGUAGE[1:-1]}|code)-({NAME[1:-1]})")
Mixed = str | Mapping[str, float]


def slice_name(language: str, source: str, ood: bool = False) -> str:
    """LANGUAGE-SOURCE, or ood-LANGUAGE-SOURCE."""
    return f"{OOD if ood else ''}{language}-{source}"


def mixed_weights(slices: Iterable[str], mixed: Mixed) -> dict[str, float] | None:
    """The weight of each slice in `val/mixed`, adding up to 1; out-of-domain ones have none. even: as much for each
    language, then for each of its slices. None for micro: all tokens alike, whatever their slice."""
    inside = [name for name in slices if not name.startswith(OOD)]
    if mixed == "micro":
        return None
    if isinstance(mixed, Mapping):
        return {name: mixed[name] for name in inside}
    languages: dict[str, list[str]] = {}
    for name in inside:
        languages.setdefault(name.split("-")[0], []).append(name)
    return {name: 1 / len(languages) / len(part) for part in languages.values() for name in part}


def _mixed(value: object) -> str | dict[str, float]:
    """even, micro, or weights by slice: {fr-wiki: 40%, it-wiki: 0.6}."""
    if isinstance(value, str) and value in ("even", "micro"):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is none of even, micro, or weights by slice as {{fr-wiki: 60%, it-wiki: 40%}}")
    if wrong := [str(name) for name in value if not SLICE.fullmatch(str(name))]:
        raise ValueError(f"{', '.join(wrong)}: no slice; LANGUAGE-SOURCE, e.g. fr-wiki")
    weights = {str(name): parse_share(weight) for name, weight in value.items()}
    if wrong := [name for name, weight in weights.items() if weight < 0]:
        raise ValueError(f"{', '.join(wrong)}: below 0")
    if not sum(weights.values()):
        raise ValueError("all weights are 0")
    return weights


MixedKey = Annotated[str | dict[str, float], BeforeValidator(_mixed)]
