"""From a recipe's mixture and the shards to sizes and phases: which stream has which share of the tokens.

Shares by language are exact: a source of several languages then has a stream for each (`shards/streams.py`). Within a
language, a kind or a cell, the streams share by size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from calame.recipe.corpus import Source
from calame.recipe.errors import Problem, UserError
from calame.recipe.mixture import Mixture as Keys
from calame.recipe.mixture import mixtures_of
from calame.recipe.schema import Pretrain
from calame.recipe.units import say_count
from calame.shards.mixture import Mixture, Phase
from calame.shards.read import Shard


@dataclass(frozen=True)
class Part:
    """What has a stream of its own: a source, or its documents in one language."""

    name: str
    source: str
    kind: str
    language: str  # where shares are by language; else the first of its languages
    tokens: int


CELL: dict[str, Callable[[Part], str]] = {  # of a part, by the key that gives the shares
    "weights": lambda part: part.source,
    "languages": lambda part: part.language,
    "kinds": lambda part: part.kind,
    "cells": lambda part: f"{part.language}/{part.kind}",
    "source_balanced": lambda part: f"{part.language}/{part.kind}",
}
BY_LANGUAGE = ("languages", "cells", "source_balanced")


def blend(
    pretrain: Pretrain, sources: Mapping[str, Source], shards: Sequence[Shard], context: int, grain: int = 1
) -> Mixture:
    """The mixture of a recipe. Raises `UserError` naming all shares that no text answers to, and text without one."""
    mixtures = mixtures_of(pretrain.mixture, pretrain.phases)
    divided = any(way in BY_LANGUAGE for _, keys in mixtures.values() for way in keys.ways)
    parts = [part for shard in shards for part in _parts(shard, sources[shard.name], divided, grain)]
    phases, problems = [], []
    for name, (until, keys) in mixtures.items():
        key = f"pretrain.phases.{name}.mixture" if name else "pretrain.mixture"
        problems += _unanswered(parts, keys, key, whole=not name)
        phases.append(_phase(parts, keys, until, name))
    if problems:
        raise UserError(problems)
    return Mixture({part.name: part.tokens for part in parts}, phases, context, grain)


def _parts(shard: Shard, source: Source, divided: bool, grain: int) -> Iterator[Part]:
    kind, tokens = source.kind or shard.name, shard.tokens_by_language(grain)
    if divided and len(tokens) > 1:
        for language, number in tokens.items():
            yield Part(f"{shard.name}/{language}", shard.name, kind, language, number)
    else:
        yield Part(shard.name, shard.name, kind, next(iter(tokens), ""), sum(tokens.values()))


def _phase(parts: Sequence[Part], keys: Keys, until: int | None, name: str) -> Phase:
    own = keys.epochs_by_source or {}
    epochs = {part.name: own.get(part.source, keys.epochs) for part in parts}
    if not keys.ways:
        return Phase(None, epochs, until, name)
    [way] = keys.ways
    cells = {part.name: CELL[way](part) for part in parts}
    sizes = _sizes(parts, way)
    shares = dict.fromkeys(sizes, 1.0) if way == "source_balanced" else getattr(keys, way)
    weights = {
        part.name: Fraction(shares.get(cell, 0)) * Fraction(part.tokens, sizes[cell] or 1)
        for part, cell in zip(parts, cells.values(), strict=True)
    }
    return Phase(weights, epochs, until, name, cells)


def _sizes(parts: Sequence[Part], way: str) -> dict[str, int]:
    """Tokens of each cell."""
    sizes: dict[str, int] = {}
    for part in parts:
        cell = CELL[way](part)
        sizes[cell] = sizes.get(cell, 0) + part.tokens
    return sizes


def _unanswered(parts: Sequence[Part], keys: Keys, key: str, whole: bool) -> Iterator[Problem]:
    """Shares that no text answers to; and, where the mixture must name all there is, text without a share."""
    for way in (way for way in keys.ways if way != "source_balanced"):
        shares, sizes = getattr(keys, way), _sizes(parts, way)
        there = ", ".join(f"{cell} ({say_count(tokens)} tokens)" for cell, tokens in sizes.items())
        if empty := [cell for cell, share in shares.items() if share and not sizes.get(cell)]:
            yield Problem(f"{key}.{way}", f"no text for {', '.join(empty)}", there, "0, or text of it")
        if missing := [cell for cell in sizes if cell not in shares] if whole else []:
            words = f"no share for {', '.join(missing)}, of which there is text"
            yield Problem(f"{key}.{way}", words, there, "give it its share; 0 leaves it out")
