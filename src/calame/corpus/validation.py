"""Validation is reserved: whole groups, from each slice (source x language) its share, before anything is sampled.

Of a source that is out of domain nothing is trained on: as much of it as validation needs is reserved, the rest goes.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from calame.corpus.decisions import TRAIN, UNUSED, VALIDATION
from calame.corpus.forest import Forest
from calame.corpus.pool import Pool
from calame.recipe.corpus import ValidationText
from calame.recipe.errors import Problem, UserError
from calame.recipe.slices import slice_name
from calame.run.files import digest


def reserve(pool: Pool, validation: ValidationText, ood: Collection[str] = ()) -> None:
    """Give each slice its share of validation, whole groups in the order of their hash. ood: sources out of domain.

    Raises `UserError` naming each slice that cannot give validation text and keep some to train on.
    """
    kept = np.flatnonzero(pool.kept)
    table = _Table(pool, kept, ood)
    problems: list[Problem] = []
    for at, (name, languages) in enumerate(pool.languages.items()):
        slices = [at * table.width + code for code in range(len(languages))]
        if not table.totals[slices].any():
            problems.append(_nothing_left(name))
        for code in slices:
            table.reserve(code, validation)
        lacking = [code for code in slices if table.totals[code] and not table.reserved[code]]
        problems += [_cannot_reserve(name, languages[code % table.width]) for code in lacking]
    if problems:
        raise UserError(problems)
    pool.decisions[kept[table.taken[table.group_of]]] = VALIDATION
    for name in ood:
        decisions = pool.decisions[pool.rows(name)]  # a view
        decisions[decisions == TRAIN] = UNUSED


class _Table:
    """The kept documents' bytes by group and slice. A slice's code is its source's place x `width` + its language's."""

    def __init__(self, pool: Pool, kept: np.ndarray, ood: Collection[str]):
        self.width = max(len(languages) for languages in pool.languages.values())
        slices = len(pool.languages) * self.width
        self.trained = np.repeat([name not in ood for name in pool.languages], self.width)  # by slice
        # By hash: an order without meaning.
        _, self.group_of = np.unique(_groups(pool)[kept], return_inverse=True)
        source = np.searchsorted(pool.begins, kept, "right") - 1
        slice_of = source * self.width + pool.keys["language"][kept]
        cells, cell_of = np.unique(self.group_of * slices + slice_of, return_inverse=True)
        self.group, self.slice = np.divmod(cells, slices)
        self.bytes = np.bincount(cell_of, pool.keys["bytes"][kept], len(cells))
        self.totals = np.bincount(self.slice, self.bytes, slices)
        self.left = np.bincount(self.slice, minlength=slices)  # groups that are not taken
        self.reserved = np.zeros(slices)
        self.taken = np.zeros(self.group.max(initial=-1) + 1, bool)
        self.begins = np.searchsorted(self.group, np.arange(len(self.taken) + 1))  # each group's first cell

    def reserve(self, code: int, validation: ValidationText) -> None:
        """Take groups until the slice has its share (out of domain: all that is wanted at most). A group is only taken
        while every slice in it that is trained on keeps another one, and goes to validation with all that it holds."""
        cells = np.flatnonzero(self.slice == code)
        share = validation.share if self.trained[code] else 1.0
        wanted = min(self.totals[code] * share, validation.most)
        for group in self.group[cells][_in_order(self.bytes[cells])]:
            if self.reserved[code] >= wanted:
                return
            own = slice(self.begins[group], self.begins[group + 1])
            spoken = self.slice[own]
            if not self.taken[group] and (self.left[spoken[self.trained[spoken]]] > 1).all():
                self.taken[group] = True
                self.reserved[spoken] += self.bytes[own]
                self.left[spoken] -= 1


def _groups(pool: Pool) -> np.ndarray:
    """The group of each document, those that are tied made one: known by the lowest of their hashes."""
    groups = pool.keys["group"]
    if not pool.ties:
        return groups
    names, places = np.unique(groups, return_inverse=True)
    forest = Forest(len(names))
    for one, other in places[np.array(pool.ties)]:
        forest.join(int(one), int(other))
    return names[forest.roots()[places]]


def _in_order(sizes: np.ndarray) -> np.ndarray:
    """The groups of a slice in the order in which they are asked for. One that holds more than a tenth of the text
    comes last, the smaller first: by chance it would take most of a small corpus away from training."""
    large = np.where(sizes > sizes.sum() / 10, sizes, 0)
    return np.lexsort((np.arange(len(sizes)), large))


def _nothing_left(source: str) -> Problem:
    return Problem(
        f"corpus.sources.{source}",
        "all its texts are in the sources before it, or were set aside",
        remedy="leave it out, or put it first",
    )


def _cannot_reserve(source: str, language: str) -> Problem:
    return Problem(
        f"corpus.sources.{source}",
        f"its {language} text is one group, or shares its groups with languages that have no other: none is left for "
        "validation",
        "at least two groups (files, works, pages) a source and language",
        f"add texts, or cut them: corpus.sources.{source}.document=passage, "
        f"or name the column of the works: corpus.sources.{source}.group=COLUMN",
    )


def describe(pool: Pool, ood: Collection[str] = ()) -> dict[str, dict]:
    """Each validation slice, by its name: documents, bytes, and one hash of exactly which texts."""
    slices = {}
    for name, languages in pool.languages.items():
        keys, decisions = pool.keys[pool.rows(name)], pool.decisions[pool.rows(name)]
        for code, language in enumerate(languages):
            chosen = keys[(keys["language"] == code) & (decisions == VALIDATION)]
            if len(chosen):
                slices[slice_name(language, name, name in ood)] = {
                    "language": language,
                    "source": name,
                    "documents": len(chosen),
                    "bytes": int(chosen["bytes"].sum(dtype=np.uint64)),
                    "hash": digest([bytes(h).hex() for h in chosen["hash"]]),
                }
    return slices
