"""One road, several processes: the chief walks it, the others come along where something is trained."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from calame.recipe.errors import Problem, UserError
from calame.recipe.load import load_recipe
from calame.recipe.schema import Recipe
from calame.recipe.timeline import last_of, values_of
from calame.road.stages import build_road
from calame.road.walk import Begun
from calame.run.folder import RunFolder
from calame.run.stage import Work
from calame.training.loop import Interrupted
from calame.training.parallel import Team, join


def run_together(recipe: str, overrides: Sequence[str], walk: Callable[[Begun], None]) -> None:
    """In the chief `walk`, given whom to tell of a trained stage that begins; in the others, those stages."""
    team = join()
    if team.chief:
        _lead(team, walk)
    else:
        _follow(team, recipe, overrides)
    team.part()


def check_batches(recipe: Recipe, stages: Collection[str]) -> None:
    """Raises `UserError` with every batch of the `stages` to be walked whose rows do not divide among the processes."""
    team, pretrain = join(), recipe.pretrain
    batches = {"pretrain": ("pretrain.batch", math.gcd(*values_of(pretrain.batch)), last_of(pretrain.context))}
    if (sft := recipe.sft) and sft.batch and sft.context:
        batches["sft"] = ("sft.batch", sft.batch, sft.context)
    if (dpo := recipe.dpo) and dpo.batch and dpo.context:
        batches["dpo"] = ("dpo.batch", dpo.batch, 2 * dpo.context)
    problems = list[Problem]()
    for kind in {name.partition("/")[0] for name in stages} & batches.keys():
        try:
            team.portion(*batches[kind])
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(sorted(problems, key=lambda problem: problem.where))


def _lead(team: Team, walk: Callable[[Begun], None]) -> None:
    """Where anything unforeseen ends the walk, torchrun ends the others: they may be in the middle of a stage."""

    def begun(stage: str, before: dict[str, Path]) -> None:
        team.order({"stage": stage, "before": {name: str(path.absolute()) for name, path in before.items()}})

    try:
        walk(begun)
    except (Interrupted, UserError) as error:
        team.leave(str(error))
        raise
    team.leave("")


def _follow(team: Team, recipe: str, overrides: Sequence[str]) -> None:
    """The recipe is read when the first order comes: what is wrong with it has been said by then."""
    for order in team.orders():
        folder = RunFolder(load_recipe(recipe, overrides)[0])
        stage = next(stage for stage in build_road(folder) if stage.name == order["stage"])
        try:
            with tempfile.TemporaryDirectory() as notes:  # each process writes the same; only the chief's counts
                stage.make(Work(Path(notes), {name: Path(path) for name, path in order["before"].items()}))
        except (Interrupted, UserError) as error:
            if not team.left(str(error)):
                raise
            sys.exit(130 if isinstance(error, Interrupted) else 2)  # it has been said once
