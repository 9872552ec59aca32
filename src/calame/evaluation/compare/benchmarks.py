"""The headline of a benchmark, item by item, as its own rows have it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from calame.evaluation.measured import Measured
from calame.evaluation.measurement import CannotMeasure
from calame.evaluation.tasks.measure import measure_tasks
from calame.inference.load import Loaded
from calame.recipe.evaluation import Evaluation


def measure_benchmark(loaded: Loaded, keys: Evaluation, name: str) -> Measured:
    """A task, or the tasks of a group, each counting alike. Raises `CannotMeasure` where one of them is excluded, or
    has no number an item (as a correlation has none)."""
    with TemporaryDirectory() as folder:
        found = measure_tasks(loaded, keys.model_copy(update={"tasks": [name]}), Path(folder))
        assert found is not None, "a task is named"
        if found["excluded"]:
            out = found["excluded"][0]
            raise CannotMeasure(f"eval/{name}: {out['name']} is excluded: {out['reason']}")
        rows = [row for result in found["results"] for row in _rows(result, Path(folder))]
    things, tasks, values = zip(*rows, strict=True)
    return Measured.of_rows([name], things, tasks, [[value] for value in values])


def _rows(result: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, str, float]]:
    """(item, task, score) of each item."""
    name, metric = result["name"], result["headline"].split(" (")[0]  # of the harness with its filter behind it
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    scored = [(str(row["id"]), row.get(metric)) for row in map(json.loads, lines)]
    if any(not isinstance(score, int | float) for _, score in scored) or len(dict(scored)) < len(scored):
        raise CannotMeasure(f"eval/{name}: {result['headline']} is no number an item, and cannot be compared in pairs")
    for item, score in scored:
        yield f"{result['items_hash']}/{item}", name, float(score)
