"""What was read, exactly, at any position: by source and language; and the shares achieved, beside those asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from calame.shards.loader import Loader

Cell = tuple[str, str]  # source, language


def read_before(loader: Loader, position: int) -> Counter[Cell]:
    """Tokens of each source and language in the first `position` tokens of the stream: up to the window by the streams'
    own sums, within it by the pieces that stand there."""
    mixture, found = loader.mixture, Counter[Cell]()
    begin = position
    if position < mixture.capacity:
        window = mixture.window_at(position)
        begin, _ = mixture.span(window)
        if position > begin:
            pieces = loader.pieces(window)
            ends = np.cumsum(pieces.length)
            read = np.clip(position - begin - (ends - pieces.length), 0, pieces.length)
            for number, shard in enumerate(loader.shards):
                mine = pieces.source == number
                languages = shard.index["language"][pieces.document[mine]]
                sums = np.bincount(languages, read[mine], len(shard.languages)).astype(int).tolist()
                found.update(
                    {(shard.name, language): n for language, n in zip(shard.languages, sums, strict=True) if n}
                )
    for stream, tokens in zip(loader.streams, mixture.read_before(begin), strict=True):
        found.update({(stream.shard.name, language): n for language, n in stream.by_language(tokens).items()})
    return found


def by_source(found: Mapping[Cell, float]) -> dict[str, float]:
    return _sums(found, lambda cell: cell[0])


def by_language(found: Mapping[Cell, float]) -> dict[str, float]:
    return _sums(found, lambda cell: cell[1])


def _sums(found: Mapping[Cell, float], name: Callable[[Cell], str]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for cell, n in found.items():
        sums[name(cell)] = sums.get(name(cell), 0) + n
    return sums


def account(loader: Loader, first: int, last: int) -> dict[str, Any]:
    """The mixture of tokens [first, last) of the stream, as JSON: the size of a window; by source its size, the wanted
    share of the whole, and in each tenth the share wanted (`requested`) and the one achieved (`tenths`); again by
    language; and the same for each phase that is reached."""
    phases = [
        {"name": reach.name, "from": begin, "to": end, **_part(loader, begin, end)}
        for reach in loader.mixture.reaches
        if reach.name and (begin := max(first, reach.start)) < (end := min(last, reach.stop))
    ]
    told = {"window": loader.mixture.window, "from": first, "to": last, **_part(loader, first, last)}
    return {**told, "phases": phases} if phases else told


def _part(loader: Loader, first: int, last: int) -> dict[str, Any]:
    edges = [first + (last - first) * i // 10 for i in range(11)]
    read = [read_before(loader, edge) for edge in edges]
    sizes = {(stream.shard.name, language): n for stream in loader.streams for language, n in stream.sizes.items()}
    wanted, tenths = _wanted(loader, first, last), [_wanted(loader, *tenth) for tenth in pairwise(edges)]
    achieved = [{cell: after[cell] - before[cell] for cell in sizes} for before, after in pairwise(read)]

    def table(group: Callable[[Mapping[Cell, float]], dict[str, float]]) -> dict[str, Any]:
        return {
            "sizes": group(sizes),
            "wanted": _shares(group(wanted)),
            "requested": [_shares(group(tenth)) for tenth in tenths],
            "tenths": [_shares(group(tenth)) for tenth in achieved],
        }

    return {**table(by_source), "languages": table(by_language)}


def _shares(found: Mapping[str, float]) -> dict[str, float]:
    total = sum(found.values()) or 1
    return {name: round(n / total, 6) for name, n in found.items()}


def _wanted(loader: Loader, first: int, last: int) -> dict[Cell, float]:
    """Tokens of each source and language in [first, last) if every share held: of a source that is not divided, its
    languages have theirs by size."""
    mixture = loader.mixture
    found: dict[Cell, float] = {}
    for reach in mixture.reaches:
        tokens = max(0, min(last, reach.stop) - max(first, reach.start))
        for stream, share in zip(loader.streams, reach.shares, strict=True):
            for language, size in stream.sizes.items():
                cell = (stream.shard.name, language)
                found[cell] = found.get(cell, 0) + tokens * share * size / stream.size
    return found
