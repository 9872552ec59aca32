"""The verbs that walk: run a recipe, say where it stands, trace a position back to its documents."""

from __future__ import annotations

import time
from collections.abc import Sequence

from calame.recipe.load import load_recipe
from calame.recipe.units import say_seconds
from calame.road.stages import build_road
from calame.road.walk import Begun, Choice, judge, walk
from calame.run.files import read_json
from calame.run.folder import RunFolder
from calame.run.launch import chief, launched
from calame.run.progress import program, say
from calame.run.stage import Stage
from calame.training.stopping import requeue_at_usr1


class Shortfall(Exception):
    """The road was walked to its end, but the model is below what the recipe requires. Exit code 1."""


def run(recipe: str, overrides: Sequence[str], choice: Choice, dry_run: bool = False) -> None:
    """Walk the road of a recipe; at its end write the report and hold the model against `evaluation.require`.

    Under torchrun the first process does so, and the others join it in the trained stages."""
    if launched() and not dry_run:
        from calame.road.team import run_together

        run_together(recipe, overrides, lambda begun: _run(recipe, overrides, choice, begun=begun))
    elif chief():
        _run(recipe, overrides, choice, dry_run)


def _run(
    recipe: str,
    overrides: Sequence[str],
    choice: Choice,
    dry_run: bool = False,
    begun: Begun = lambda stage, before: None,
) -> None:
    start = time.time()
    loaded, derived = load_recipe(recipe, overrides)
    folder = RunFolder(loaded)
    road = build_road(folder)
    picked = choice.pick(road)
    if dry_run:
        walk(folder, road, choice, dry_run=True)
        return
    if launched():
        from calame.road.team import check_batches

        to_do = [stage.name for stage in picked if choice.force or not folder.store.judge(stage, None).fresh]
        check_batches(loaded, to_do)
    folder.open(derived)
    folder.forget_all_but(road)
    for note in derived:
        say(f"{note.key} = {f'{note.value:g}' if isinstance(note.value, float) else note.value}: {note.reason}")
    with requeue_at_usr1():
        walk(folder, road, choice, begun=begun)
    if picked[-1] is road[-1] and all(verdict.fresh for verdict in judge(folder, road).values()):
        _finish(folder, road, start)


def _finish(folder: RunFolder, road: Sequence[Stage], start: float) -> None:
    """The report, the evaluation's tables, where to go from here, and whether it is good enough."""
    from calame.evaluation.evaluate import FILE, table_lines
    from calame.evaluation.exam import shortfalls
    from calame.evaluation.measurements import MEASUREMENTS
    from calame.evaluation.page import verdict_lines
    from calame.road.report import write_report

    report = write_report(folder, road)
    found = read_json(folder.path / "evaluation" / FILE)
    for line in [*table_lines(found, MEASUREMENTS), *verdict_lines(found)]:
        say(line)
    say(f"report: {report}\ntook {say_seconds(time.time() - start)}")
    name, called = folder.recipe.name, program()
    say(f"talk to it: {called} chat {name}; pass it on, with its card: {called} release {name}")
    if missing := shortfalls(folder.recipe.evaluation.require, found.get("exam", {})):
        raise Shortfall("below what evaluation.require asks:\n  " + "\n  ".join(missing))


def status(recipe: str, overrides: Sequence[str]) -> list[tuple[str, str, str]]:
    """(stage, fresh or not, reason) for each stage, without making anything."""
    folder = RunFolder(load_recipe(recipe, overrides)[0])
    verdicts = judge(folder, build_road(folder))
    return [(name, "fresh" if verdict.fresh else "to do", verdict.reason) for name, verdict in verdicts.items()]
