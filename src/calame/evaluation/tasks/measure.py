"""Benchmarks of a model: the tasks that a recipe, or a command, names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from calame.evaluation.measurement import Subject
from calame.evaluation.tasks.harness_names import Spec, groups_file, members
from calame.evaluation.tasks.manifest import Task, read_manifest
from calame.evaluation.tasks.own import measure_own
from calame.evaluation.tasks.profile import profiles_of
from calame.inference.load import Loaded
from calame.model.config import count_parameters
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.evaluation import Evaluation
from calame.run.progress import say

ALL = "offline"  # stands for every task of the folder; offline-fr for those in French
Found = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What is measured: tasks of the folder, and tasks of the harness with the index that they are in."""

    own: Sequence[Task]
    harness: Sequence[Spec]
    manager: Any = None


def measure(subject: Subject) -> Found | None:
    """The tasks that the recipe names, as `measure_tasks`."""
    return measure_tasks(subject.loaded, subject.keys, subject.folder)


def measure_tasks(loaded: Loaded, keys: Evaluation, folder: Path, choice: Choice | None = None) -> Found | None:
    """Every task that `evaluation.tasks` names, measured; each item's score in `folder`/TASK.jsonl. None where no task
    is named. docs/evaluation-benchmarks.md describes what is returned.

    Raises `UserError` for names that no task has; a task that cannot be measured is excluded with its reason."""
    choice = choice or choose(keys)
    if not choice.own and not choice.harness:
        return None
    results, excluded = [], []
    for task in choice.own:
        try:
            results.append(measure_own(loaded, task, keys.shots or 0, keys.limit, folder))
        except UserError as error:
            excluded.append({"name": task.name, "reason": in_a_line(error)})
            say(f"  {task.name}: excluded: {in_a_line(error)}")
    if choice.harness:
        from calame.evaluation.tasks.harness import measure_harness

        data = Path(keys.folder) if keys.folder else None
        found = measure_harness(loaded, choice.harness, choice.manager, keys.shots, keys.limit, data, folder)
        results, excluded = results + found[0], excluded + found[1]
    return {"results": results, "excluded": excluded, "profiles": profiles_of(results), "model": about(loaded)}


def choose(keys: Evaluation) -> Choice:
    """The tasks of `evaluation.tasks`. Raises `UserError` naming all names that no task has."""
    there = read_manifest(Path(keys.folder)) if keys.folder else []
    own, others = own_tasks(keys.tasks, there)
    if wrong := ", ".join(name for name in others if name == ALL or name.startswith(f"{ALL}-")):
        if not keys.folder:
            remedy = "evaluation.folder=FOLDER, or --folder FOLDER"
            raise refuse("evaluation.folder", f"missing, for {wrong}", remedy=remedy)
        spoken = dict.fromkeys(f"{ALL}-{task.language}" for task in there)
        raise refuse("evaluation.tasks", f"{wrong}: {keys.folder} has no such tasks", ", ".join([ALL, *spoken]))
    return _with_harness(Choice(own, []), others, [task.name for task in there])


def own_tasks(names: Sequence[str], there: Sequence[Task]) -> tuple[list[Task], list[str]]:
    """The tasks of a folder that names stand for, each once; and the names that mean none of them."""
    own: dict[str, Task] = {}
    others = []
    for name in names:
        meant = [task for task in there if name in (ALL, task.name, f"{ALL}-{task.language}")]
        own |= {task.name: task for task in meant}
        if not meant:
            others.append(name)
    return list(own.values()), others


def _with_harness(choice: Choice, names: Sequence[str], near: Sequence[str]) -> Choice:
    """With the tasks of lm-evaluation-harness that the other names stand for."""
    if not names:
        return choice
    if find_spec("lm_eval") is None:
        raise refuse(
            "evaluation.tasks",
            f"{', '.join(names)}: no task of the folder, and lm-evaluation-harness is not installed",
            ", ".join(near) or "tasks of evaluation.folder",
            "pip install 'calame[evals]'",
        )
    from calame.evaluation.tasks.harness import task_manager

    manager = task_manager()
    found = {name: members(manager, name) for name in names}
    known = [*near, *groups_file()["groups"], *manager.all_tasks]
    problems = [
        Problem(
            "evaluation.tasks",
            f"{name!r} is no task, group or tag",
            "tasks of evaluation.folder, and those that lm_eval ls tasks lists",
            f"did you mean {', '.join(close)}?" if (close := difflib.get_close_matches(name, known)) else "",
        )
        for name, specs in found.items()
        if specs is None
    ]
    if problems:
        raise UserError(problems)
    specs = [spec for part in found.values() for spec in part or []]
    return replace(choice, harness=list({str(spec): spec for spec in specs}.values()), manager=manager)


def in_a_line(error: UserError) -> str:
    return " ".join(str(error).split())


def about(loaded: Loaded) -> dict[str, Any]:
    """Which model the numbers are of, and how it computed."""
    return {
        "origin": loaded.origin,
        "parameters": count_parameters(loaded.model.config),
        "tokenizer": loaded.tokenizer.hash[:16],
        "context": loaded.model.config.max_position_embeddings,
        "precision": loaded.device.precision,
        "device": loaded.device.name,
    }
