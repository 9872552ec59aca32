"""`calame evaluate`: from what is asked on the command line to the files, and the lines that are printed.

benchmarks.json    what `measure_tasks` found, with the hash of the weights
benchmarks.html    the same as tables, bars and profiles
TASK.jsonl         what each item scored
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from calame.evaluation.identity import weights_of
from calame.evaluation.spoken import recipe_of
from calame.evaluation.tasks.measure import choose, measure_tasks
from calame.evaluation.tasks.page import lines, page, words
from calame.evaluation.tasks.profile import profiles_of
from calame.inference.load import load_any, run_folder
from calame.recipe.errors import refuse
from calame.recipe.evaluation import Evaluation
from calame.run.files import read_json, write_json
from calame.run.html_page import write_page

FOLDER, RESULTS, PAGE = "benchmarks", "benchmarks.json", "benchmarks.html"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for (`calame evaluate --help`)."""

    model: str
    runs: str
    device: str
    base: bool
    tasks: str | None
    folder: str | None
    shots: int | None
    limit: int | None
    to: str | None


def evaluate_tasks(asked: Asked) -> Iterator[str]:
    """Measure, write every file, return lines for the terminal. What the command line leaves open is as the model's
    recipe has it."""
    loaded = load_any(asked.model, asked.runs, asked.device, asked.base)
    model = Path(loaded.origin)
    keys, folder = _keys(asked, model), _place(asked, model)
    choice = choose(keys)
    folder.mkdir(parents=True, exist_ok=True)
    found = measure_tasks(loaded, keys, folder, choice)
    assert found is not None, "tasks are named"
    found = with_earlier({**found, "weights": weights_of(model)}, folder / RESULTS)
    name = f"{asked.model}: {model.name}"
    write_json(folder / RESULTS, found)
    write_page(folder / PAGE, name, f"<h1>{escape(name)}</h1>{page({model.name: found})}")
    yield from lines({model.name: found})
    yield from (verdict.sentence for verdict in words({model.name: found}))
    yield str(folder / PAGE)


def _keys(asked: Asked, model: Path) -> Evaluation:
    recipe = recipe_of(model)
    own = recipe.evaluation if recipe else Evaluation()
    given = {
        "tasks": [name.strip() for name in asked.tasks.split(",")] if asked.tasks else None,
        "folder": asked.folder,
        "shots": asked.shots,
        "limit": asked.limit,
    }
    keys = own.model_copy(update={key: value for key, value in given.items() if value is not None})
    if not keys.tasks:
        raise refuse("--tasks", "none, and the model's recipe has none", "e.g. french_bench, or offline")
    return keys


def _place(asked: Asked, model: Path) -> Path:
    """Where the results lie. A folder a checkpoint: numbers of two are never mixed."""
    if asked.to:
        return Path(asked.to)
    run = run_folder(asked.model, asked.runs)
    if not (run / "recipe.yaml").is_file():
        raise refuse("--to", f"{asked.model} is no run, whose folder would hold the result", "a folder")
    return run / FOLDER / model.parent.parent.name / model.name


def with_earlier(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """With the results of tasks that were measured before, of the same weights in the same way of computing."""
    earlier = read_json(path) if path.is_file() else {}
    if any(earlier.get(key) != found[key] for key in ("weights", "model")):
        return found
    new = {one["name"] for part in ("results", "excluded") for one in found[part]}
    kept = {part: [one for one in earlier[part] if one["name"] not in new] for part in ("results", "excluded")}
    results, excluded = (kept[part] + found[part] for part in ("results", "excluded"))
    return {**found, "results": results, "excluded": excluded, "profiles": profiles_of(results)}
