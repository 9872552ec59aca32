"""Criteria as they are given on the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from calame.evaluation.yaml_files import read_typed
from calame.recipe.criteria import Criteria, parse_criteria

FILE = TypeAdapter(Criteria)


def read_criteria(given: str, own: Criteria | None = None) -> Criteria:
    """A YAML file, or what may stand in a recipe after `compare:`. Raises `UserError` with all that is wrong."""
    if given.endswith((".yaml", ".yml")):
        return read_typed(Path(given), FILE).complete(given)
    return parse_criteria(given, "--criteria", own)
