"""Benchmarks in between a training: a cheap part of the local tasks, for curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from calame.evaluation.looked_at import looked_at
from calame.evaluation.tasks.manifest import Task, read_manifest
from calame.evaluation.tasks.measure import in_a_line, own_tasks
from calame.evaluation.tasks.own import measure_own
from calame.evaluation.tasks.shape import shape_of
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.run.progress import say
from calame.training.loop import Observer, Progress
from calame.training.setup import Bench

QUICK = ("options", "threshold", "cloze")  # kinds that read each item once, and generate nothing
ITEMS = 200  # of a task, the same ones each time


def watch_tasks(bench: Bench) -> list[tuple[int, Observer]]:
    """What `execution.tasks_every` asks for, as the loop takes it, in one process. A task that cannot be measured is
    told once and left out: no benchmark ends a training."""
    every, keys = bench.recipe.execution.tasks_every, bench.recipe.evaluation
    if every is None or keys.folder is None:
        return []
    loaded = Loaded(bench.model, bench.tokenizer, bench.device, False, "in training")
    tasks = quick_tasks(own_tasks(keys.tasks, read_manifest(Path(keys.folder)))[0])

    def observe(progress: Progress) -> dict[str, Any]:
        found, left_out = quick_scores(loaded, tasks)
        tasks[:] = [task for task in tasks if task.name not in left_out]
        return found

    return [(every, observe)]


def quick_tasks(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if shape_of(task.shape, task.language, task.name, task.own).kind in QUICK]


def quick_scores(loaded: Loaded, tasks: Sequence[Task], limit: int = ITEMS) -> tuple[dict[str, float], list[str]]:
    """Headlines under their names in telemetry, eval/TASK, and the names of tasks that could not be measured, which is
    told. The model is left as it was found, also where a stop is asked for meanwhile."""
    found, left_out = {}, []
    with looked_at(loaded.model):
        for task in tasks:
            try:
                result = measure_own(loaded, task, 0, limit, None)
                found[f"eval/{task.name}"] = result["figures"][result["headline"]]["value"]
            except (UserError, torch.OutOfMemoryError) as error:
                reason = in_a_line(error) if isinstance(error, UserError) else "the device has no memory left for it"
                say(f"  {task.name}: left out of the training's curves: {reason}")
                left_out.append(task.name)
    return found, left_out
