"""Load a recipe: its files and overrides, typed, checked and derived, with every problem at once."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from calame.recipe.catalogue import fill_from_catalogue
from calame.recipe.check import Where, cross_check, shape_check
from calame.recipe.derive import derive
from calame.recipe.derived import Derived
from calame.recipe.describe import all_keys, known_keys
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.schema import Recipe
from calame.recipe.section import PATTERNS
from calame.recipe.tree import KeyPath, apply_override, find_recipe, read_tree, settle_locations

STAND_INS: dict[str, Any] = {  # for required keys at fault, so that everything else can still be checked
    "name": "x",
    "from": "x",
    "corpus": {"sources": {"x": {"from": "x"}}},
    "sources": {"x": {"from": "x"}},
    "model": {"hidden_size": 64, "num_hidden_layers": 1},
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "pretrain": {"tokens": 1, "batch": 1, "context": 1},
    "tokens": 1,
    "batch": 1,
    "context": 1,
    "conversations": {"x": {"from": "x"}},
    "pairs": {"x": {"from": "x"}},
    "mode": ["weights"],
}


def load_recipe(recipe: str, overrides: Sequence[str] = (), variables: bool = True) -> tuple[Recipe, list[Derived]]:
    """The recipe of a YAML file, or of a shipped name such as `petit-monde`, with every value settled. variables: those
    of its locations have to be set; not where nothing is read.

    Raises `UserError` with every problem of the file, its parents and the overrides together.
    """
    tree, problems = read_tree(find_recipe(recipe)), []
    for override in overrides:
        problems += apply_override(tree, override)
    missing = settle_locations(tree)
    problems += missing if variables else []
    filled, faults = fill_from_catalogue(tree)
    problems += faults
    written, faults, known = _validate(tree.data)
    problems += [_as_problem(fault, tree.where) for fault in faults]
    if written is not None:
        problems += shape_check(written.model, tree.where, known)
        settled, derived = derive(written)
        problems += cross_check(settled, tree.where, known)
        if not problems:
            return settled, [*filled, *derived]
    raise UserError(problems)


def written_recipe(data: dict[str, Any], place: str) -> Recipe:
    """A recipe as it was written down with a checkpoint, settled. Raises `UserError` where this version of Calame does
    not know it, as one that another version wrote."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        what = f"the recipe in it was written by another version of Calame: {keys}"
        raise refuse(place, what, remedy="use the version that trained it (environment.json of its run)") from None


class _Known:
    """Whether the value of a key is the user's (or follows from his), and not what stands in for one at fault."""

    def __init__(self) -> None:
        self.taken_out: list[KeyPath] = []

    def __call__(self, *path: str) -> bool:
        return not any(path[: len(out)] == out for out in self.taken_out)


def _validate(data: dict[str, Any]) -> tuple[Recipe | None, list[Any], _Known]:
    """The typed recipe, and pydantic's errors. With errors it is what remains when the keys at fault are taken out
    (a stand-in takes the place of a required one), so that the other checks still report theirs in the same message."""
    faults, known = [], _Known()
    for _ in range(3):  # a second time for the required keys that were taken out
        try:
            return Recipe.model_validate(data), faults, known
        except ValidationError as error:
            found = error.errors()
            faults = faults or found
            known.taken_out += [_take_out(data, item) for item in found]
    return None, faults, known


def _take_out(data: dict[str, Any], item: Any) -> KeyPath:
    """Take out the key at fault and return its path; a list goes as a whole, a section with a bad name too."""
    path = tuple(str(part) for part in item["loc"])
    path = path[:-2] if path[-1] == "[key]" else path
    at = data
    for depth, part in enumerate(path[:-1], 1):
        if not isinstance(at.get(part), dict):
            path = path[:depth]
            break
        at = at[part]
    at.pop(path[-1], None)
    if item["type"] != "extra_forbidden" and path[-1] in STAND_INS:
        at[path[-1]] = copy.deepcopy(STAND_INS[path[-1]])
    return path


def _as_problem(item: Any, where: Where) -> Problem:
    path = tuple(str(part) for part in item["loc"])
    found, given = item["msg"].removeprefix("Value error, "), item["input"]
    if path[-1] == "[key]":
        return Problem(where(*path[:-1]), f"{given!r} cannot be a name", PATTERNS[item["ctx"]["pattern"]])
    key = where(*path)
    if item["type"] == "extra_forbidden":
        known = known_keys(path[:-1])
        return Problem(key, f"unknown key {path[-1]!r}", f"one of {', '.join(known)}", _nearest(path, known))
    if item["type"] == "missing":
        return Problem(key, "missing", remedy=f"add {path[-1]} to {'.'.join(path[:-1]) or 'the recipe'}")
    if item["type"] == "value_error":
        return Problem(key, found)
    if item["type"] == "string_pattern_mismatch":
        return Problem(key, f"{given!r} does not fit", PATTERNS[item["ctx"]["pattern"]])
    quotes = "write it in quotes if it is meant as a word" if item["type"] == "string_type" else ""
    return Problem(key, f"{given!r} does not fit", found[0].lower() + found[1:], quotes)


def _nearest(path: KeyPath, known: list[str]) -> str:
    """The key that was meant: one of the section that is written alike, or one that is elsewhere."""
    here = [".".join((*path[:-1], key)) for key in difflib.get_close_matches(path[-1], known, n=1)]
    everywhere = {key: key.split(".")[-1] for key, _ in all_keys()}
    there = [key for key, last in everywhere.items() if last == path[-1]]
    if not here and not there:
        alike = difflib.get_close_matches(path[-1], set(everywhere.values()), n=1, cutoff=0.75)
        there = [key for key, last in everywhere.items() if last in alike]
    return f"did you mean {' or '.join([*here, *there])}?" if here or there else "remove it"
