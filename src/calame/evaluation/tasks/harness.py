"""Tasks of lm-evaluation-harness: through its own prompts and metrics, one after the other, so that one whose data
cannot be had is named with the harness's own error and the rest goes on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cache
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

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
        except UserError as error:
            excluded.append({"name": name_of(spec), "reason": str(error)})
        except Exception as error:  # whatever a task's code and its data set's come up with
            excluded.append({"name": name_of(spec), "reason": _told(error)})
        if excluded and excluded[-1]["name"] == name_of(spec):
            say(f"  {name_of(spec)}: excluded: {excluded[-1]['reason']}")
    return results, excluded


def _told(error: Exception) -> str:
    """The harness's own message, in a line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}"


def _measure(
    model: Any, spec: Spec, manager: Any, shots: int | None, limit: int | None, data: Path | None, folder: Path
) -> dict[str, Any]:
    from lm_eval.evaluator import simple_evaluate

    start, name = time.monotonic(), name_of(spec)
    with Bar(name, None, "requests") as bar:
        model.done, model.cut = bar.advance, 0
        with quiet():
            task, local = load_task(manager, spec, data)
            found: Any = simple_evaluate(
                model=model,
                tasks=[task],
                task_manager=manager,
                num_fewshot=shots,
                limit=limit,
                bootstrap_iters=BOOTSTRAPS,
                log_samples=True,
            )
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
        "shots": found["n-shot"].get(task.task_name, 0),
        "template": f"{name} version {found['versions'].get(task.task_name)}",
        "items_hash": digest(sorted(sample["doc_hash"] for sample in samples))[:16],
        "limit": limit,
        "cut": model.cut,
        "notes": [*notes, *(["from local files"] if local else [])],
        "seconds": round(time.monotonic() - start, 1),
    }


def load_task(manager: Any, spec: Spec, data: Path | None) -> tuple[Any, bool]:
    """The harness's task, and whether it reads local files."""
    own = {"task": spec} if isinstance(spec, str) else dict(spec)
    entry = manager.task_index.get(own["task"])
    splits = local_splits(data, {**(entry.cfg or {} if entry else {}), **own})
    whole = {"group": "here", "task": [{**own, **(local_config(splits) if splits else {})}]}
    (task,) = manager.load(whole)["tasks"].values()
    offline_aggregations(task)
    return task, bool(splits)
