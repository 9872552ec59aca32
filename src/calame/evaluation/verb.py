"""`calame evaluate --measure`: a model by measurements of the stage evaluation, on validation text of any run.

evaluation.json    as the stage's (docs/evaluation.md)
evaluation.html    the same for people
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from calame.evaluation.behaviour.prompts import SHIPPED
from calame.evaluation.evaluate import evaluate, not_measured, table_lines
from calame.evaluation.measurement import Measurement, Setting
from calame.evaluation.measurements import MEASUREMENTS
from calame.evaluation.page import measured_sections, verdict_lines, words_section
from calame.evaluation.spoken import recipe_of, stages_of
from calame.inference.load import load_any, run_folder
from calame.recipe.errors import refuse
from calame.recipe.evaluation import Evaluation
from calame.recipe.load import load_recipe
from calame.recipe.schema import Recipe
from calame.run.html_page import write_page

FOLDER, PAGE = "measured", "evaluation.html"
MODEL = "model"  # what it is called in the results


@dataclass(frozen=True)
class Asked:
    """What the command line asks for (`calame evaluate --help`)."""

    model: str
    runs: str
    device: str
    base: bool
    measure: str
    on: str | None
    to: str | None


def evaluate_model(asked: Asked) -> Iterator[str]:
    """Measure, write every file, return lines for the terminal. How is said by the recipe of the run that `on` names,
    or else by the model's own.

    Raises `UserError` for a measurement that there is not, and where nothing could be measured."""
    measurements = _measurements(asked.measure)
    origin = Path(load_any(asked.model, asked.runs, asked.device, asked.base).origin)
    run = run_folder(asked.on or asked.model, asked.runs)
    recipe = _recipe(asked, origin, run)
    keys, languages = (recipe.evaluation, tuple(recipe.languages)) if recipe else (Evaluation(), SHIPPED)
    if recipe is None:
        yield f"no recipe is known: measured in {', '.join(SHIPPED)}, by the defaults (--on RUN: as that run says)"
    folder = _place(asked, origin)
    folder.mkdir(parents=True, exist_ok=True)
    stages = stages_of(run) if (run / "recipe.yaml").is_file() else {}
    setting = Setting(keys, languages, {MODEL: origin}, stages, folder, asked.device, recipe)
    found = evaluate(setting, measurements)
    if not any(part.name in found for part in measurements):
        reasons = "; ".join(" ".join(line.split()) for line in not_measured(found))
        raise refuse("--measure", f"nothing was measured: {reasons or 'the recipe asks for none of it'}")
    title = f"{asked.model}: {origin.name}"
    write_page(folder / PAGE, title, f"<h1>{escape(title)}</h1>{words_section(found)}{measured_sections(found)}")
    yield from table_lines(found, measurements)
    yield from verdict_lines(found)
    yield str(folder / PAGE)


def _measurements(names: str) -> list[Measurement]:
    known = {part.name: part for part in MEASUREMENTS if part.each}
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        raise refuse("--measure", f"{', '.join(map(repr, unknown))} is no measurement", ", ".join(known))
    return [part for name, part in known.items() if name in wanted]


def _recipe(asked: Asked, origin: Path, run: Path) -> Recipe | None:
    if asked.on is None:
        return recipe_of(origin)
    if not (run / "recipe.yaml").is_file():
        raise refuse("--on", f"{asked.on} is no run", "a run's name or folder")
    return load_recipe(str(run / "recipe.yaml"))[0]


def _place(asked: Asked, origin: Path) -> Path:
    """Where the results lie. A folder a checkpoint: numbers of two are never mixed."""
    if asked.to:
        return Path(asked.to)
    run = run_folder(asked.model, asked.runs)
    if not (run / "recipe.yaml").is_file():
        raise refuse("--to", f"{asked.model} is no run, whose folder would hold the result", "a folder")
    return run / FOLDER / origin.parent.parent.name / origin.name
