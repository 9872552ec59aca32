"""A task from a local file, measured: chosen, asked, and told with all that makes its numbers what they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calame.evaluation.tasks.answers import measure_answers
from calame.evaluation.tasks.cloze import measure_cloze
from calame.evaluation.tasks.identify import measure_identify
from calame.evaluation.tasks.items import Item, read_items
from calame.evaluation.tasks.manifest import Task
from calame.evaluation.tasks.options import measure_options
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shape import Shape, shape_of
from calame.evaluation.tasks.shots import Chosen, choose_items
from calame.evaluation.tasks.threshold import measure_threshold
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.run.files import atomic, digest
from calame.run.progress import Bar

Kind = Callable[[Loaded, Chosen, Sequence[str], Done], Outcome]
KINDS: Mapping[str, Kind] = {
    "options": measure_options,
    "threshold": measure_threshold,
    "cloze": measure_cloze,
    "answers": measure_answers,
    "identify": measure_identify,
}


def measure_own(loaded: Loaded, task: Task, shots: int, limit: int | None, folder: Path) -> dict[str, Any]:
    """The result of a task, as `docs/evaluation-benchmarks.md` describes it; every item's in `folder`/NAME.jsonl.

    Raises `UserError` with the reason why it cannot be measured."""
    start = time.monotonic()
    if not task.path.is_file():
        raise refuse(str(task.path), "no such file")
    shape = shape_of(task.shape, task.language, task.name, task.own)
    if shape.kind not in KINDS:
        raise refuse(task.name, f"not measured: {shape.reason}")
    chosen = choose_items(read_items(task.path, shape), shape, shots, task.train, limit)
    with Bar(task.name, _asked(chosen), "requests") as bar:
        outcome = KINDS[shape.kind](loaded, chosen, shape.metrics, bar.advance)
    with atomic(folder / f"{task.name}.jsonl", "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in outcome.rows)
    return {
        "name": task.name,
        "by": "calame",
        "language": task.language,
        "category": chosen.items[0].shape.category,
        "headline": next(iter(outcome.figures)),
        "figures": {name: figure.as_json() for name, figure in outcome.figures.items()},
        "items": len(outcome.rows),
        "shots": len(chosen.examples),
        "template": shape.template,
        "items_hash": items_hash(chosen.items),
        "limit": limit,
        "cut": outcome.cut,
        "unscored": outcome.unscored,
        "left_out": chosen.left_out,
        "parts": parts_of(outcome, chosen.items, shape),
        "notes": outcome.notes,
        "about": dict(task.about),
        "seconds": round(time.monotonic() - start, 1),
    }


def _asked(chosen: Chosen) -> int:
    return sum(max(1, len(item.options)) if item.shape.kind == "options" else 1 for item in chosen.items)


def items_hash(items: Sequence[Item]) -> str:
    """Of what is asked, item by item."""
    return digest([dict(item.values) for item in items])[:16]


def parts_of(outcome: Outcome, items: Sequence[Item], shape: Shape) -> dict[str, dict[str, float]]:
    """The headline by part, where the shape says by what and it is a number an item: {part: {value, items}}."""
    metric = next(iter(outcome.figures))
    if not shape.parts or metric not in outcome.rows[0]:
        return {}
    named = {item.id: str(item.values.get(item.shape.parts, "")) for item in items}
    parts: dict[str, list[float]] = {}
    for row in outcome.rows:
        parts.setdefault(named[row["id"]], []).append(row[metric])
    parts.pop("", None)
    return {
        name: {"value": round(sum(values) / len(values), 4), "items": len(values)}
        for name, values in sorted(parts.items())
    }
