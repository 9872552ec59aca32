"""Rehearse the worst: kill a small training of a recipe again and again, and see that nothing is lost.

One run goes to its end undisturbed; others are killed (SIGKILL) at random moments, also within the writing of a
checkpoint, and go on. All must end in the same losses and the same weights, bit for bit.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from calame.recipe.derive import derive
from calame.recipe.errors import refuse
from calame.recipe.load import load_recipe
from calame.recipe.schema import Pretrain, Recipe
from calame.recipe.timeline import last_of
from calame.recipe.units import say_count
from calame.road.stages import build_road
from calame.road.walk import Choice, walk
from calame.run import checkpoint, telemetry
from calame.run.folder import RunFolder
from calame.run.progress import say

STEPS = 40
SEED = 1


@dataclass(frozen=True)
class Job:
    """A training to be done by a process of its own. shards, tokenizer: folders of the stages before it."""

    recipe: dict[str, Any]
    shards: Mapping[str, Path]
    tokenizer: Path


@dataclass
class Tally:
    """What the kills met: all of them, those before the first step of a run, those within the writing of a checkpoint;
    the runs that came to their end, and how they differ from the undisturbed one; steps that its guard turned away."""

    kills: int = 0
    early: int = 0
    in_writing: int = 0
    runs: int = 0
    turned_away: int = 0
    faults: list[str] = field(default_factory=list)


def rehearse_resume(recipe: str, overrides: Sequence[str], kills: int) -> tuple[list[str], bool]:
    """Lines of a table, and whether every run ended as the undisturbed one. Makes the corpus and the shards if need be;
    everything else happens in a temporary folder."""
    if kills < 1:
        raise refuse("--kills", f"{kills}", "1 or more")
    loaded, derived = load_recipe(recipe, overrides)
    folder = RunFolder(loaded)
    road = build_road(folder)
    folder.open(derived)
    walk(folder, road, Choice(last="shards"))
    stages = {stage.name: folder.store.folder(stage) for stage in road}
    shards = {name: stages[f"shards/{name}"] for name in loaded.corpus.sources}
    small = _small(loaded)
    job = Job(small.model_dump(by_alias=True, mode="json"), shards, stages["tokenizer"])
    say(f"rehearsal: {STEPS} steps of {say_count(last_of(small.pretrain.batch))} tokens, {kills} kills")
    with tempfile.TemporaryDirectory(prefix="calame-rehearsal-") as place:
        tally = _kill_and_compare(job, Path(place), kills)
    return _table(tally), not tally.faults


def _small(recipe: Recipe) -> Recipe:
    """The recipe cut down to a few steps with many checkpoints: in fp32 and not compiled, unless the recipe itself asks
    to be deterministic."""
    batch, context = last_of(recipe.pretrain.batch), last_of(recipe.pretrain.context)
    changes = {"tokens": STEPS * batch, "batch": batch, "context": context, **_uncapped(recipe.pretrain)}
    as_it_is = recipe.execution.deterministic
    pretrain = recipe.pretrain.model_copy(update=changes if as_it_is else {**changes, "precision": "fp32"})
    often = {"validate_every": 8 * batch, "save_every": 2 * batch, "log_every": 1, "keep": 2, "keep_every": None}
    calm = {"deadline": None, "validation_tokens": context, "generate_every": 0, "telemetry": []}
    execution = recipe.execution.model_copy(update={**often, **calm, **({} if as_it_is else {"compile": "off"})})
    return derive(recipe.model_copy(update={"pretrain": pretrain, "execution": execution, "select": "last"}))[0]


def _uncapped(keys: Pretrain) -> dict[str, Any]:
    """The mixture and the phases, however little text there is."""
    much = {"epochs": 1000.0, "epochs_by_source": None}
    phases = {
        name: phase.model_copy(update={"mixture": phase.mixture.model_copy(update=much)})
        for name, phase in (keys.phases or {}).items()
    }
    return {"mixture": keys.mixture.model_copy(update=much), "phases": phases or None}


def _kill_and_compare(job: Job, place: Path, kills: int) -> Tally:
    draw, tally = random.Random(SEED), Tally()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "calame.training.pretrain"])
    whole, killed = place / "whole", place / "killed"
    _child(context, job, whole)  # the first one pays for the imports
    shutil.rmtree(whole)
    began = time.monotonic()
    _child(context, job, whole)
    seconds = time.monotonic() - began
    stepping = _seconds_of_steps(whole)
    tally.turned_away = sum("guard/reason" in line for line in telemetry.read(whole))
    while tally.kills < kills or killed.exists():
        before = _half_written(killed)
        finished = _child(context, job, killed, _moment(draw, seconds - stepping, stepping, tally.kills < kills))
        if not finished:
            tally.kills += 1
            tally.early += not (killed / "metrics.jsonl").is_file()
            tally.in_writing += _half_written(killed) != before
            continue
        tally.runs += 1
        tally.faults += _differences(whole, killed)
        shutil.rmtree(killed)
    return tally


def _half_written(folder: Path) -> set[tuple[str, int]]:
    """What killed saves have left behind, until the next save removes it."""
    left = (folder / "checkpoints").glob(".step-*.tmp")
    return {(path.name, path.stat().st_ino) for path in left}


@dataclass(frozen=True)
class Moment:
    """When a run is killed: so many seconds after its start, or after it wrote its first record."""

    seconds: float
    stepping: bool


def _moment(draw: random.Random, starting: float, stepping: float, wanted: bool) -> Moment | None:
    """One kill in eight falls while a run starts (and compiles), the others where there are steps and checkpoints: of a
    run on a GPU starting is nearly all."""
    early, share = draw.random() < 1 / 8, draw.random()
    if not wanted:
        return None
    return Moment(share * starting, False) if early else Moment(0.6 * share * max(stepping, 0.05), True)


def _seconds_of_steps(folder: Path) -> float:
    """From the first record of a run to its last."""
    return (folder / "metrics.jsonl").stat().st_mtime - _first_record(folder)


def _first_record(folder: Path) -> float:
    return telemetry.read(folder)[0]["time"]


def _child(context: Any, job: Job, folder: Path, moment: Moment | None = None) -> bool:
    """Train in a process of its own, killed at a moment; whether it came to its end by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    records = folder / "metrics.jsonl"
    written = records.stat().st_size if records.is_file() else 0
    process: BaseProcess = context.Process(target=_train, args=(job, folder))
    process.start()
    if moment is not None and moment.stepping:
        while process.is_alive() and (not records.is_file() or records.stat().st_size <= written):
            process.join(0.005)
    process.join(moment.seconds if moment is not None else None)
    if process.exitcode is None:
        process.kill()
        process.join()
    if process.exitcode not in (0, -9):
        raise refuse(
            "rehearsal", f"the training failed with exit code {process.exitcode}", remedy="see its message above"
        )
    return process.exitcode == 0


def _train(job: Job, folder: Path) -> None:
    """In the child: what stage pretrain does, deterministic and without a word."""
    from calame.training.determinism import deterministic
    from calame.training.pretrain import pretrain

    with _quiet(), deterministic(True):
        pretrain(Recipe.model_validate(job.recipe), job.shards, job.tokenizer, folder, folder, None)


@contextmanager
def _quiet() -> Iterator[None]:
    from calame.run.progress import console

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        console.file = nowhere
        yield


def _differences(one: Path, other: Path) -> list[str]:
    """In which losses, and in which tensors of the last checkpoint, two runs differ."""
    import torch

    losses = [
        {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}
        for folder in (one, other)
    ]
    steps = [step for step in {**losses[0], **losses[1]} if losses[0].get(step) != losses[1].get(step)]
    found = [f"loss of step {step}: {losses[0].get(step)} and {losses[1].get(step)}" for step in steps[:3]]
    last = [checkpoint.newest_valid(folder / "checkpoints") for folder in (one, other)]
    if last[0] is None or last[1] is None or last[0].name != last[1].name:
        return [*found, f"last checkpoints {[path and path.name for path in last]}"]
    (tensors, state), (others, other_state) = map(checkpoint.load, (last[0], last[1]))
    for group, content in tensors.items():
        names = [name for name in content if not torch.equal(content[name], others[group][name])]
        found += [f"{group}: {len(names)} of {len(content)} tensors differ, the first {names[0]}"] if names else []
    return found + ([] if state == other_state else ["the state in the manifest"])


def _table(tally: Tally) -> list[str]:
    rows = [
        ("kills", f"{tally.kills}"),
        ("  before the first step of a run", f"{tally.early}"),
        ("  within the writing of a checkpoint", f"{tally.in_writing}"),
        ("runs to the end", f"{tally.runs} of {STEPS} steps, {tally.turned_away} of them turned away"),
        ("losses and weights", "bit for bit the same" if not tally.faults else "DIFFERENT"),
        *(("", fault) for fault in tally.faults[:6]),
    ]
    return [f"{name:<40} {value}" for name, value in rows]
