"""Checks of mixtures and phases: shares that name what there is and add up, phases in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, product

from calame.recipe.check_timed import Known, Where
from calame.recipe.errors import Problem
from calame.recipe.mixture import SHARES, SUM_WITHIN, Shares, mixtures_of
from calame.recipe.schema import Recipe
from calame.recipe.timeline import last_of
from calame.recipe.units import say_count

TOO_SMALL = 1e-6
NAMES = {"weights": "source", "languages": "language", "kinds": "kind", "cells": "cell"}


def mixtures(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Shares of the mixture, and of each phase's; there, what is left out has none."""
    keys = recipe.pretrain
    if not known("corpus", "sources"):
        return
    yield from _shares(recipe, keys.mixture, ("pretrain", "mixture"), where, known, whole=not keys.phases)
    for name, phase in (keys.phases or {}).items():
        path = ("pretrain", "phases", name, "mixture")
        yield from _shares(recipe, phase.mixture, path, where, known, whole=False)


def _shares(
    recipe: Recipe, mixture: Shares, path: tuple[str, ...], where: Where, known: Known, whole: bool
) -> Iterator[Problem]:
    if len(mixture.ways) > 1:
        words = f"{', '.join(mixture.ways)}: which of them holds?"
        yield Problem(where(*path), words, "one of them", "keep one")
    for way in SHARES:
        shares: dict[str, float] | None = getattr(mixture, way)
        possible, needed = _names(recipe, way, certain=False), _names(recipe, way) if whole else set()
        # A share that was refused is not among those that are left.
        if shares is None or not all(known(*path, way, name) for name in possible):
            continue
        yield from _named(shares, needed, possible, way, where(*path, way))
        yield from _added_up(shares, way, where(*path, way))
    own: dict[str, float] = getattr(mixture, "epochs_by_source", None) or {}
    if unknown := sorted(own.keys() - set(recipe.corpus.trained)):
        sources = ", ".join(sorted(recipe.corpus.trained))
        yield Problem(where(*path, "epochs_by_source"), f"no source is called {', '.join(unknown)}", sources)


def _names(recipe: Recipe, way: str, certain: bool = True) -> set[str]:
    """What shares can be given to; certain: only what the recipe itself says that there is. (Which languages the
    documents of a source have is known once they are read.)"""
    sources = {name: recipe.corpus.sources[name] for name in recipe.corpus.trained}
    if way == "weights":
        return set(sources)
    if way == "languages" and not certain:
        return set(recipe.languages)
    cells = {
        (language, source.kind or name)
        for name, source in sources.items()
        for language in _spoken(recipe.languages, source.language, certain)
    }
    if way == "kinds":
        return {source.kind or name for name, source in sources.items()}
    return {language if way == "languages" else f"{language}/{kind}" for language, kind in cells}


def _spoken(languages: list[str], own: str | None, certain: bool) -> Iterable[str]:
    """The languages that a source's documents have, or may have."""
    if own or len(languages) == 1:
        return [own or languages[0]]
    return [] if certain else languages


def _named(shares: Mapping[str, float], needed: set[str], possible: set[str], way: str, key: str) -> Iterator[Problem]:
    name = NAMES[way]
    if unknown := sorted(shares.keys() - possible):
        yield Problem(key, f"no {name} is called {', '.join(unknown)}", f"{name}s: {', '.join(sorted(possible))}")
    if missing := sorted(needed - shares.keys()):
        remedy = f"give each {name} its weight; 0 leaves it out"
        yield Problem(key, f"no weight for {', '.join(missing)}", remedy=remedy)


def _added_up(shares: Mapping[str, float], way: str, key: str) -> Iterator[Problem]:
    total = sum(shares.values())
    if abs(total - 1) > SUM_WITHIN:
        remedy = f"with the same proportions: {way}: {in_proportion(shares, total)}" if total else ""
        found = "the weights" if way == "weights" else "the shares"
        yield Problem(key, f"{found} add up to {total:.6g}", "1; or any sum, with normalise: true beside them", remedy)
    if tiny := [name for name, share in shares.items() if 0 < share < TOO_SMALL]:
        yield Problem(key, f"{', '.join(tiny)}: less than a token in a million", "0, or at least 1e-6")


def in_proportion(shares: Mapping[str, float], total: float) -> str:
    """Shares in the same proportions, to six digits, so that they add up to 1: the greatest takes the rest. As YAML."""
    found = {name: round(share / total, 6) for name, share in shares.items()}
    greatest = max(found, key=lambda name: found[name])
    found[greatest] = round(1 - sum(share for name, share in found.items() if name != greatest), 6)
    return "{" + ", ".join(f"{name}: {share}" for name, share in found.items()) + "}"


def phases(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Phases end one after the other, the last one never; and every source is read in one of them."""
    found = recipe.pretrain.phases
    if not found or not known("pretrain", "phases"):
        return
    *before, last = found
    path = ("pretrain", "phases")
    if not all(known(*path, name, "until") for name in found):
        return
    ends = {name: found[name].until for name in before}
    for name in [name for name, until in ends.items() if until is None]:
        remedy = f"pretrain.phases.{name}.until=TOKEN"
        yield Problem(
            where(*path, name), "has no until, and is not the last phase", "the token at which it ends", remedy
        )
    if found[last].until is not None:
        remedy = "leave its until out; to end the run there, say so in pretrain.tokens"
        yield Problem(where(*path, last, "until"), "the last phase goes on to the end of the run", remedy=remedy)
    row = last_of(recipe.pretrain.context) if known("pretrain", "context") else 1
    known_ends = [("", 0), *((name, until) for name, until in ends.items() if until is not None)]
    for (earlier, start), (name, until) in pairwise(known_ends):
        if until <= start:
            words = f"ends at {say_count(until)} tokens, not after {earlier}, which comes before it"
            yield Problem(where(*path, name, "until"), words, f"more than {start}", "write the phases in their order")
        elif until - start < row:
            words = f"a phase of {until - start} tokens is shorter than a row"
            yield Problem(where(*path, name, "until"), words, f"at least {start + row}")
    yield from _read_at_all(recipe, where, known)


def _read_at_all(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Where phases name sources, one that none of them names was forgotten."""
    if not known("corpus", "sources"):
        return
    mixtures = [mixture for _, mixture in mixtures_of(recipe.pretrain.mixture, recipe.pretrain.phases).values()]
    for name in recipe.corpus.trained:
        source = recipe.corpus.sources[name]
        cells = {"weights": {name}, "kinds": {source.kind or name}}
        spoken = set(_spoken(recipe.languages, source.language, certain=False))
        cells |= {"languages": spoken, "cells": {f"{a}/{b}" for a, b in product(spoken, cells["kinds"])}}
        if not any(_may_hold(mixture, cells) for mixture in mixtures):
            remedy = "give it a share in one of them (0 is one too), or leave the source out"
            yield Problem(where("pretrain", "phases"), f"no phase names {name}", remedy=remedy)


def _may_hold(mixture: Shares, names: Mapping[str, set[str]]) -> bool:
    return all(not names[way].isdisjoint(getattr(mixture, way)) for way in mixture.ways if way in names)
