"""YAML files of the user's, read into types with every fault named by its place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from calame.recipe.errors import Problem, UserError, refuse

T = TypeVar("T")


def read_typed(path: Path, wanted: TypeAdapter[T]) -> T:
    """What a file holds. Raises `UserError` where it is not there, no YAML, or not of the type that is wanted."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refuse(str(path), f"cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refuse(str(path), f"not YAML: {' '.join(str(error).split())}") from None
    try:
        return wanted.validate_python(data)
    except ValidationError as error:
        raise UserError(
            [
                Problem(f"{path}: {'.'.join(map(str, item['loc'])) or 'all of it'}", item["msg"])
                for item in error.errors()
            ]
        ) from None
