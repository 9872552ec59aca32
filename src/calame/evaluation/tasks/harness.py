"""Tasks of lm-evaluation-harness: through its own prompts and metrics, one after the other, so that one whose data
cannot be had is named with the harness's own error and the rest goes on."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cache
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from calame.evaluation.tasks.harness_figures import figures_of, offline_aggregations, sample_rows
from calame.evaluation.tasks.harness_names import Spec, name_of
from calame.evaluation.tasks.local_data import local_config, local_splits
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.run.files import atomic, digest
from calame.run.progress import Bar, say

BOOTSTRAPS = 1000  # draws for the standard errors of the harness's that have no formula


@cache
def task_manager() -> Any:
    """The index of all tasks of the harness, read once (about ten seconds)."""
    from lm_eval.tasks import TaskManager

    say("  reading the index of lm-evaluation-harness's tasks")
    with quiet():
        return TaskManager()


@contextmanager
def quiet() -> Iterator[None]:
    """The harness and its data library tell their own story, in bars and warnings; ours is told by `Bar`."""
    loggers = [logging.getLogger(name) for name in ("lm_eval", "datasets", "huggingface_hub", "evaluate")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def measure_harness(
    loaded: Loaded,
    specs: Sequence[Spec],
    manager: Any,
    shots: int | None,
    limit: int | None,
    data: Path | None,
    folder: Path,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Results, and what is excluded with the reason. data: a folder with local copies of data sets."""
    from calame.evaluation.tasks.harness_model import HarnessModel

    model = HarnessModel(loaded)
    results, excluded = [], []
    for spec in specs:
        try:
            results.append(_measure(model, spec, manager, shots, limit, data, folder))
        except Exception as error:  # whatever a task's code, and that of its data set, come up with
            excluded.append({"name": name_of(spec), "reason": _told(error)})
            say(f"  {name_of(spec)}: excluded: {excluded[-1]['reason']}")
    return results, excluded


def _told(error: Exception) -> str:
    """The harness's own message, in a line."""
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def _measure(
    model: Any, spec: Spec, manager: Any, shots: int | None, limit: int | None, data: Path | None, folder: Path
) -> dict[str, Any]:
    from lm_eval.evaluator import evaluate

    start, name = time.monotonic(), name_of(spec)
    with Bar(name, None, "requests") as bar:
        model.done, model.cut = bar.advance, 0
        with quiet():
            task, local = load_task(manager, spec, data)
            set_shots(task, shots)
            whole: Any = {"tasks": {task.task_name: task}}
            found: Any = evaluate(model, whole, limit=limit, bootstrap_iters=BOOTSTRAPS, log_samples=True)
    samples = found["samples"][task.task_name]
    figures, notes = figures_of(task, found["results"][task.task_name], samples)
    with atomic(folder / f"{name}.jsonl", "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in sample_rows(samples))
    return {
        "name": name,
        "by": f"lm-eval {version('lm-eval')}",
        "headline": next(iter(figures)),
        "figures": {metric: figure.as_json() for metric, figure in figures.items()},
        "items": len({sample["doc_id"] for sample in samples}),
        "shots": task.get_config("num_fewshot"),
        "template": f"{name} {template_of(task)}",
        "items_hash": digest(sorted(sample["doc_hash"] for sample in samples))[:16],
        "limit": limit,
        "cut": model.cut,
        "notes": [*notes, *(["from local files"] if local else [])],
        "seconds": round(time.monotonic() - start, 1),
    }


def load_task(manager: Any, spec: Spec, data: Path | None) -> tuple[Any, bool]:
    """The harness's task, and whether it reads local files; in a state of chance that is the same each time."""
    from lm_eval.defaults import DEFAULT_OTHER_SEED, DEFAULT_RANDOM_SEED

    random.seed(DEFAULT_RANDOM_SEED)
    np.random.seed(DEFAULT_OTHER_SEED)
    own = {"task": spec} if isinstance(spec, str) else dict(spec)
    entry = manager.task_index.get(own["task"])
    splits = local_splits(data, {**(entry.cfg or {} if entry else {}), **own})
    whole = {"group": "here", "task": [{**own, **(local_config(splits) if splits else {})}]}
    (task,) = manager.load(whole)["tasks"].values()
    task.set_fewshot_seed(DEFAULT_OTHER_SEED)
    offline_aggregations(task)
    return task, bool(splits)


def set_shots(task: Any, shots: int | None) -> None:
    """As the harness's command: a task that says 0 itself keeps it; one that says nothing has 0 unless told."""
    own = task.get_config("num_fewshot")
    if own != 0:
        task.set_config("num_fewshot", (own or 0) if shots is None else shots)


ASKED = ("description", "doc_to_text", "doc_to_choice", "doc_to_target", "target_delimiter", "fewshot_delimiter")


def template_of(task: Any) -> str:
    """What tells one way of asking from another, as far as the task's configuration says it."""
    return digest([str(getattr(part := task.get_config(key), "__name__", part)) for key in ASKED])[:8]
