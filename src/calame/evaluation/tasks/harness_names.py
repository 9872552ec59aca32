"""Which tasks a name of lm-evaluation-harness, or one of our groups of them, stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

Spec = str | Mapping[str, Any]  # a task's name, or its name as `task` with what is changed of it


@cache
def groups_file() -> dict[str, Any]:
    """groups.yaml: our groups, the usual metrics, and the profiles."""
    return yaml.safe_load((resources.files("calame.evaluation.tasks") / "groups.yaml").read_text(encoding="utf-8"))


def name_of(spec: Spec) -> str:
    return spec if isinstance(spec, str) else str(spec["task"])


def members(manager: Any, name: str) -> list[Spec] | None:
    """The tasks that a name stands for, each once; None where nothing is called so."""
    ours = groups_file()["groups"].get(name)
    if ours is None and name not in manager.task_index:
        return None
    found = [spec for part in (ours or [name]) for spec in _leaves(manager, part)]
    return list({name_of(spec): spec for spec in found}.values())


def _leaves(manager: Any, name: str) -> Iterator[Spec]:
    """The tasks below a group or a tag, in the harness's order; a name that is none is left to fail by itself."""
    entry = manager.task_index.get(name)
    kind = entry.kind.name if entry else ""
    if kind == "TAG":
        for tagged in sorted(entry.tags):
            yield from _leaves(manager, tagged)
    elif kind == "GROUP":
        for member in entry.cfg["task"]:
            yield from _member(manager, member)
    else:
        yield name


def _member(manager: Any, member: Spec) -> Iterator[Spec]:
    """A group's member: a name, or a task or a group with changes of its own."""
    if isinstance(member, str):
        yield from _leaves(manager, member)
    elif isinstance(member.get("task"), str):
        yield member
    elif "group" in member:
        inside = member.get("task")
        for part in inside if isinstance(inside, list) else [member["group"]]:
            yield from _member(manager, part)
