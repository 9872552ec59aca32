"""A value that was not given, and why it became what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Derived:
    """`key` was not given: it became `value` because of `reason`."""

    key: str
    value: Any
    reason: str
    at_start: bool = False  # settled when the run first starts, and kept when it is continued further


def settle(section: Any, prefix: str, notes: list[Derived], values: dict[str, tuple[Any, str]]) -> Any:
    """`section` with the given values where it has None."""
    update = {name: value for name, (value, _) in values.items() if getattr(section, name) is None}
    notes += [Derived(f"{prefix}.{name}", update[name], values[name][1]) for name in update]
    return section.model_copy(update=update)
