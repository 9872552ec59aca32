"""Profiles: what a model is good at, by category.

Of lm-evaluation-harness: the mean of the tasks' headlines in the categories of groups.yaml, as RODIN-1B publishes them.
Of tasks from local files, by language: how far above chance the headlines are on the mean, 0 for chance, 1 for all
right; metrics of one and the same scale at last, which accuracies of two and of four options are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calame.evaluation.tasks.harness_names import groups_file

Result = Mapping[str, Any]
SCORE, ABOVE = "score", "above chance"


def profiles_of(results: Sequence[Result]) -> dict[str, Any]:
    """{name: {scale, categories: {category: {value, chance, tasks, missing}}}}; missing: tasks of the category that
    were not measured and are in no number."""
    by_name = {result["name"]: result for result in results}
    found = {}
    for name, categories in groups_file()["profiles"].items():
        measured = {
            category: _category([by_name[task] for task in tasks if task in by_name], SCORE, tasks)
            for category, tasks in categories.items()
            if any(task in by_name for task in tasks)
        }
        if measured:
            found[name] = {"scale": SCORE, "categories": measured}
    return found | _own(results)


def _own(results: Sequence[Result]) -> dict[str, Any]:
    """A profile a language of the tasks from local files that have a chance level."""
    found: dict[str, dict[str, list[Result]]] = {}
    for result in results:
        if result.get("category") and _headline(result)["chance"] is not None:
            found.setdefault(result["language"], {}).setdefault(result["category"], []).append(result)
    return {
        f"offline-{language}": {
            "scale": ABOVE,
            "categories": {name: _category(part, ABOVE) for name, part in categories.items()},
        }
        for language, categories in found.items()
    }


def _category(results: Sequence[Result], scale: str, wanted: Sequence[str] = ()) -> dict[str, Any]:
    figures = [_headline(result) for result in results]
    chances = [figure["chance"] for figure in figures if figure["chance"] is not None]
    values = [figure["value"] if scale == SCORE else above_chance(figure) for figure in figures]
    chance = 0.0 if scale == ABOVE else sum(chances) / len(chances) if chances else None
    names = [result["name"] for result in results]
    return {
        "value": round(sum(values) / len(values), 4),
        "chance": None if chance is None else round(chance, 4),
        "tasks": names,
        "missing": [name for name in wanted if name not in names],
    }


def above_chance(figure: Mapping[str, float]) -> float:
    """0 at chance, 1 where all is right; below 0 where it is worse than chance. Where chance gets all right, as all
    answers are one and the same, nothing lies above it."""
    above, most = figure["value"] - figure["chance"], 1 - figure["chance"]
    return above / most if most else above


def _headline(result: Result) -> dict[str, Any]:
    return result["figures"][result["headline"]]
