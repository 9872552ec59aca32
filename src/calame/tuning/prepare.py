"""What the two stages of tuning prepare alike."""

from __future__ import annotations

from pathlib import Path

from calame.recipe.schema import Recipe
from calame.recipe.tuning import Dpo, Sft
from calame.run import checkpoint
from calame.run.sinks import Sinks
from calame.run.telemetry import Telemetry
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.loop import Plan
from calame.training.setup import Bench, prepare


def begin(recipe: Recipe, tokenizer: Tokenizer, start: Path) -> Bench:
    """The recipe's model on its device, with the weights of a checkpoint."""
    bench = prepare(recipe, tokenizer, masked=True)
    bench.model.load_state_dict(checkpoint.load(start)[0]["model"])
    return bench


def plan_of(recipe: Recipe, keys: Sft | Dpo, tokens: int, at_once: int) -> Plan:
    """What the loop is told: a tuning of so many tokens, saved at each quarter."""
    assert keys.batch and keys.optimizer
    execution = recipe.execution
    return Plan(
        tokens,
        keys.batch,
        keys.optimizer,
        keys.schedule,
        keys.clip,
        recipe.seed,
        at_once,
        execution.log_every,
        max(tokens // 4, keys.batch),
        execution.keep,
        deadline=execution.deadline,
    )


def telemetry_of(recipe: Recipe, stage: str, folder: Path, run: Path) -> Telemetry:
    sinks = Sinks(recipe.execution.telemetry, recipe.name, stage, run, folder)
    return Telemetry(stage, run, folder, sinks=sinks)
