"""Steps that are turned away: loss or gradient is no number, or the loss is a spike.

A step turned away leaves the weights as they are while the position moves on, so that its text is not read again. With
`spike: rollback` the weights and moments of the last return point come back as well (Chowdhery et al. 2022, section
5.1, went back about 100 steps and left the batches in between out). What is decided hangs on the losses alone, and they
are in the checkpoint: a run that was stopped decides what one that was not would have.

Judging a step reads its loss before the optimizer steps, so a GPU is waited for once a step; with `nonfinite: stop` and
`spike: off` nothing is judged here, and nothing waits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from calame.recipe.errors import refuse
from calame.recipe.schema import Guard as Keys
from calame.run import checkpoint
from calame.run.files import atomic
from calame.run.progress import say
from calame.shards.rows import Rows
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.state import put_back

if TYPE_CHECKING:
    from calame.training.loop import Trainer

GAUSS = 1.4826  # median absolute deviations of a normal distribution in its standard deviation
LEAST = 0.01  # nats; losses that hardly vary make no spike of a difference that nobody would notice
FOLDER = "turned-away"


@dataclass(frozen=True)
class Verdict:
    """Why a step is turned away (`nonfinite` or `spike`) and what to do: `skip`, `rollback` or `stop`. loss: nats a
    token; norm: of the gradient."""

    reason: str
    action: str
    loss: float
    norm: float
    deviations: float | None = None

    def record(self, did: str) -> dict[str, Any]:
        """Its values for the metrics; a loss that is no number is left out, as JSON has no name for it."""
        values: dict[str, Any] = {"guard/reason": self.reason, "guard/action": did}
        if math.isfinite(self.loss):
            values["guard/loss"] = self.loss
        if self.deviations is not None:
            values["guard/deviations"] = round(self.deviations, 2)
        return values


class Guard:
    """Judges steps. Its state: the losses of the last steps that were taken, and the steps turned away."""

    def __init__(self, keys: Keys):
        self.keys = keys
        self.losses: list[float] = []
        self.turned_away: list[int] = []

    @property
    def watches(self) -> bool:
        return self.keys.nonfinite == "skip" or self.keys.spike != "off"

    @property
    def returns(self) -> bool:
        return self.keys.spike == "rollback"

    def returns_to(self, step: int) -> bool:
        """Whether the checkpoint of a step is a return point."""
        return self.returns and step % self.keys.return_every == 0

    def judge(self, loss: Tensor, norm: Tensor, step: int) -> Verdict | None:
        """What is wrong with a step, or None: then it is to be taken. loss, norm: scalars, waited for.

        The run is to stop for more than `most` of a window, and for what is no number under `nonfinite: stop`.
        """
        if not self.watches:
            return None
        value, length = loss.item(), norm.item()
        verdict = self._verdict(value, length)
        if verdict is None:
            self.losses = [*self.losses, value][-self.keys.window :]
            return None
        self.turned_away = [old for old in self.turned_away if old > step - self.keys.window] + [step]
        stop = verdict.reason == "nonfinite" and self.keys.nonfinite == "stop"
        return replace(verdict, action="stop") if stop or len(self.turned_away) > self.keys.most else verdict

    def _verdict(self, loss: float, norm: float) -> Verdict | None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return Verdict("nonfinite", "skip", loss, norm)
        if self.keys.spike == "off" or len(self.losses) < self.keys.window:
            return None
        if (far := deviations(self.losses, loss)) <= self.keys.threshold:
            return None
        return Verdict("spike", self.keys.spike, loss, norm, far)

    def state(self) -> dict[str, Any]:
        return {"losses": self.losses, "turned_away": self.turned_away}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.losses, self.turned_away = list(state["losses"]), list(state["turned_away"])


def deviations(losses: list[float], loss: float) -> float:
    """How many robust deviations a loss lies above the median of others: (loss - median) / (1.4826 MAD)."""
    middle = median(losses)
    spread = median(abs(other - middle) for other in losses)
    return (loss - middle) / max(GAUSS * spread, LEAST)


def stop_at(trainer: Trainer, step: int, rows: Rows, verdict: Verdict) -> Exception:
    """The error of a run that is spoilt by a step, whose batch is kept; the checkpoints before it are good."""
    kept = trainer.team.tell(lambda: keep_batch(trainer.folder, step, rows, verdict))
    of_late = len(trainer.guard.turned_away)
    before = f", and {of_late} steps were turned away of late" if of_late > 1 else ""
    return refuse(
        f"training step {step}",
        f"the loss is {verdict.loss:g}, the gradient's norm {verdict.norm:g}{before}; its batch: {kept}",
        remedy="a lower learning rate, or a longer warm-up; the checkpoints before it are kept",
    )


def turn_away(trainer: Trainer, rows: Rows, verdict: Verdict) -> None:
    """Keep the batch of a step that was not taken and note it; go back to the last return point if that is asked.

    Raises `UserError` where the run is to stop."""
    step, did = trainer.progress.step, "skip"
    if verdict.action == "stop":
        raise stop_at(trainer, step, rows, verdict)
    kept = trainer.team.tell(lambda: keep_batch(trainer.folder, step, rows, verdict))
    point = trainer.team.tell(trainer.keeper.return_point) if verdict.action == "rollback" else None
    if point is not None:
        put_back(trainer, checkpoint.load(point, verified=True)[0])
        did = f"rollback to {point.name}"
    say(f"  step {step} is turned away ({verdict.reason}, loss {verdict.loss:.3f}): {did}; its batch: {kept}")
    trainer.telemetry.record(step, verdict.record(did))


def keep_batch(folder: Path, step: int, rows: Rows, verdict: Verdict) -> Path:
    """Write the rows of a step turned away to turned-away/step-XXXXXXXX.npz, and their text beside it where the folder
    holds a tokenizer."""
    path = folder / FOLDER / f"step-{step:08d}.npz"
    with atomic(path) as file:
        np.savez_compressed(file, **vars(rows))
    if (folder / "tokenizer").is_dir():
        tokenizer = Tokenizer.load(folder / "tokenizer")
        with atomic(path.with_suffix(".txt"), "w") as file:
            file.write(json.dumps(verdict.record(verdict.action)) + "\n")
            file.writelines(f"\n--- row {n}\n{tokenizer.decode(row.tolist())}\n" for n, row in enumerate(rows.tokens))
    return path
