"""The one training loop.

A step takes the batch at the token position, normalises its loss by what the whole batch counts (the targets), clips,
and steps.
The position, the weights, the optimizer's moments, the random state and what the guard has seen are all the state
there is: resuming is exact.
Whatever else should happen (validation, samples) is passed in as an observer.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.recipe.derive import default_warmup
from calame.recipe.schema import Guard as GuardKeys
from calame.recipe.schema import Optimizer, Schedule
from calame.recipe.timeline import Timed, Timeline
from calame.recipe.units import say_count, say_seconds
from calame.run import checkpoint
from calame.run.progress import Bar, say
from calame.run.telemetry import Telemetry
from calame.shards.rows import Rows
from calame.training.ahead import Ahead, collected_rarely
from calame.training.batch import Data, Objective
from calame.training.energy import Energy
from calame.training.guard import Guard, Verdict, stop_at, turn_away
from calame.training.keeping import MILESTONE, RETURN, Keeper
from calame.training.optimizer import build_optimizer
from calame.training.parallel import Team
from calame.training.passes import GraphedPasses, Passes
from calame.training.scaler import LossScaler
from calame.training.schedule import rate_share
from calame.training.sharding import spread
from calame.training.state import Origin, everything, resume
from calame.training.stopping import Cut, Interrupted, Requests, requests


@dataclass(frozen=True)
class Plan:
    """What to train, in tokens. `horizon` ends the schedule; `tokens` ends the run."""

    tokens: int
    batch: Timed
    optimizer: Optimizer
    schedule: Schedule
    clip: float
    seed: int
    micro_batch: int
    log_every: int
    save_every: int
    keep: int
    keep_best: str | None = None  # a metric: the checkpoint where it is lowest is kept too
    keep_every: int | None = None  # the checkpoint at each multiple stays for good
    deadline: float | None = None  # seconds since the program began
    guard: GuardKeys = field(default_factory=GuardKeys)


@dataclass
class Progress:
    """How far a run is, in tokens and steps. The schedule's warm-up and horizon are settled when a run first starts."""

    position: int = 0
    step: int = 0
    warmup: int = 0
    horizon: int = 0


Observer = Callable[[Progress], dict[str, Any]]


@dataclass(frozen=True)
class Taken:
    """A step that was taken: its first token in the run and how many they were; its loss (nats) and gradient norm,
    which lie on the device until somebody reads them."""

    number: int
    position: int
    batch: int
    loss: Tensor
    norm: Tensor


@dataclass
class Trainer:
    """One training run in one folder. `identity` (tokenizer hash, model, recipe) is written into every checkpoint;
    a checkpoint of another tokenizer or model is refused.

    observers: (every so many tokens, function of the progress giving telemetry values); also called at the end.
    graphed: passes as CUDA graphs, on one GPU.
    begin: called where there is no checkpoint yet, to begin from something else (`start.begin_from`).
    """

    folder: Path
    plan: Plan
    model: Decoder
    device: Device
    data: Data
    loss: Objective
    telemetry: Telemetry
    identity: dict[str, Any]
    flops_per_token: Callable[[int], float] = lambda position: 0.0
    peak_flops: float | None = None
    observers: Sequence[tuple[int, Observer]] = ()
    begin: Callable[[Trainer], None] | None = None
    team: Team = field(default_factory=Team)
    graphed: bool = False
    progress: Progress = field(default_factory=Progress)
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        self.spread = spread(self.model, self.team, self.device)
        compiled = self.loss.compiled
        self.optimizer = build_optimizer(self.model, self.plan.optimizer, self.device, self.plan.seed, compiled)
        self.scaler = LossScaler(self.device.compute == torch.float16)
        self.ahead = Ahead(self.data)
        self.timeline = Timeline(self.plan.batch)
        self.before = 0  # where the last step began
        self.unread = list[Taken]()
        self.observing = 0.0  # seconds that the observers took so far
        self.prepared = False  # whether the writer knows what it will have to copy
        self.keeper = Keeper(self.folder, self.plan.keep, self.plan.keep_best)
        self.guard = Guard(self.plan.guard)
        schedule = self.plan.schedule
        self.progress.warmup = default_warmup(self.plan.tokens) if schedule.warmup is None else schedule.warmup
        self.progress.horizon = schedule.horizon or self.plan.tokens

    @cached_property
    def passes(self) -> Passes:
        return (GraphedPasses if self.graphed else Passes)(self.loss, self.scaler)

    @property
    def end(self) -> int:
        """The position that the run goes to."""
        return self.plan.tokens + self.origin.length

    @property
    def finished(self) -> bool:
        return self.progress.position + self.batch > self.end

    @property
    def batch(self) -> int:
        """Tokens of the step about to be taken."""
        return self.timeline.at(self.progress.position).batch

    def run(self) -> None:
        """Train from the newest valid checkpoint, if any, to the end. Raises `Interrupted` after saving when asked to
        stop, and the error of a save that failed as soon as it is known."""
        torch.manual_seed(self.plan.seed)
        with self.team.together(), requests(self.plan.deadline) as stop:
            try:
                stop.nothing_to_save = self.team.size == 1  # of several processes none leaves between two steps
                cut_short = resume(self)
                at = self.progress.position
                self.before = max(0, at - self.timeline.at(max(0, at - 1)).batch)
                self.model.train()
                with collected_rarely(), self.ahead, self.keeper, Bar("train", self.end, "tokens", at) as bar:
                    if cut_short is not None:
                        self._observe_again(cut_short)
                    self._walk(stop, bar)
            except Cut:  # before a first step was done: there is nothing to save
                pass
            finally:
                self.telemetry.close()
            code = self._asked(stop)  # also where it came after the last step, while the last checkpoint was written
        if code:
            position = say_count(self.progress.position)
            raise Interrupted(f"stopped at {position} tokens; the same command goes on", code)

    def _asked(self, stop: Requests) -> int:
        """The exit code to leave with once any process was asked to stop, else 0."""
        return self.team.most(stop.asked() or 0)

    def _walk(self, stop: Requests, bar: Bar) -> None:
        """Step after step, to the end or until asked to stop, with everything saved."""
        meter = _Meter(self)
        leave = self._asked(stop)
        while not self.finished and not leave:
            if self._stopped_waiting(stop):
                self._save(True, self._marks())  # it may be there already, as a milestone
                break
            loss, norm = self._step()
            stop.nothing_to_save = False
            self._prepare_saving()
            self.keeper.writer.check()
            meter.note(loss, norm, bar)
            observed = self._observe()
            marks, leave = self._marks(), self._asked(stop)
            if marks or leave or self._crossed(self.plan.save_every) or self.finished:
                self._save(observed, marks)
            meter.restart()
        meter.energy.conclude()
        if self.observing:
            say(f"  measured on the way, in this time: {say_seconds(self.observing)}")

    def _stopped_waiting(self, stop: Requests) -> bool:
        """Whether to leave before the next step, asked to while its batch was waited for. Several processes leave only
        where all do, after it."""
        if self.team.size > 1 or stop.nothing_to_save:
            return False
        self.ahead.wait(self.progress.position + self.origin.data, self.batch, stop.asked)
        return bool(stop.asked())

    def _save(self, observed: bool, marks: list[str]) -> None:
        self.check_finite()
        saved = everything(self, observed)
        if self.team.chief:
            self.keeper.save(*saved, marks)

    def _prepare_saving(self) -> None:
        """After the first step of this process, when there are moments; parts of several processes would travel."""
        if not self.prepared and self.team.size == 1:
            self.prepared = True
            self.keeper.writer.prepare(everything(self, True)[0])

    def _step(self) -> tuple[Tensor, Tensor]:
        """One optimizer step, unless the guard turns it away; returns its mean loss and gradient norm, still on the
        device."""
        batch = self.batch
        rows = self.ahead.batch(self.progress.position + self.origin.data, batch)
        targets = self.loss.count(rows)
        self.optimizer.set_rate(self.rate())
        total = torch.zeros((), device=self.device.torch)
        parts = list(_micro_batches(self.team.share(rows), self.plan.micro_batch // rows.tokens.shape[1]))
        for number, part in enumerate(parts, 1):
            self.spread.begin(last=number == len(parts))
            total += self.passes(part, max(targets, 1))
        self.spread.finish()
        self.scaler.unscale(self.model)
        total = self.team.sum(total)
        norm, divisor = self._clip()
        accepted = self.scaler.accept(norm)
        verdict = self.guard.judge(total, norm, self.progress.step + 1) if accepted else None
        if accepted and verdict is None:
            self.optimizer.step(divisor)
            self.unread.append(Taken(self.progress.step + 1, self.progress.position, batch, total, norm))
        self.optimizer.zero_grad()
        self.before = self.progress.position
        self.progress.position += batch
        self.progress.step += 1
        if verdict is not None:
            turn_away(self, rows, verdict)
        return total, norm

    def _clip(self) -> tuple[Tensor, Tensor | None]:
        """The gradient's norm; and what the optimizer has to divide it by, unless it is scaled down already."""
        norm = self.spread.norm() if self.optimizer.divides else None
        if norm is None:
            return self.spread.clip(self.plan.clip), None
        return norm, ((norm + 1e-6) / self.plan.clip).clamp(min=1.0)  # as torch's clip_grad_norm_ has it

    def rate(self) -> float:
        """The learning rate of the step about to be taken."""
        now = self.progress
        along = now.position + self.origin.schedule
        return self.plan.optimizer.learning_rate * rate_share(
            self.plan.schedule, along, self.batch, now.warmup, now.horizon
        )

    def _crossed(self, every: int) -> bool:
        """Whether the last step passed a multiple of `every` tokens."""
        return self.progress.position // every > self.before // every

    def _marks(self) -> list[str]:
        """What a checkpoint of this step is kept as, whatever comes after it."""
        every = self.plan.keep_every
        milestone = [MILESTONE] if every and self._crossed(every) else []
        return milestone + ([RETURN] if self.guard.returns_to(self.progress.step) else [])

    def _observe(self) -> bool:
        """Call the observers that are due; what they say at a step is one record, with the time they took. False: a
        stop cut them short, and nothing is written."""
        due = [observer for every, observer in self.observers if self.finished or self._crossed(every)]
        start = time.monotonic()
        try:
            values = {name: value for observer in due for name, value in observer(self.progress).items()}
        except Cut:
            return False
        self.spread.settle()
        if values:
            took = time.monotonic() - start
            self.observing += took
            at = {"train/tokens": self.progress.position, "perf/evaluation_s": round(took, 3)}
            self.telemetry.record(self.progress.step, {**values, **at})
            gc.collect()  # off during the steps
        return True

    def _observe_again(self, folder: Path) -> None:
        """What a stop cut short at the step of a checkpoint is done now; its record completes the one of that step."""
        with self.telemetry.of_last_attempt():
            if not self._observe():
                raise Cut
        checkpoint.amend(folder, observed=None)

    def check_finite(self) -> None:
        """Raises `UserError` if loss or gradient of a step since the last look are no numbers: what would follow is
        lost, and it must not take the place of a good checkpoint. (A finite loss with an infinite gradient has spoilt
        the weights.) The first such step's batch is kept. Steps turned away or left out did not touch the weights.
        """
        taken, self.unread = self.unread, []
        for step in taken:
            verdict = Verdict("nonfinite", "stop", step.loss.item(), step.norm.item())
            if not (math.isfinite(verdict.loss) and math.isfinite(verdict.norm)):
                rows = self.ahead.batch(step.position + self.origin.data, step.batch)
                raise stop_at(self, step.number, rows, verdict)


def _micro_batches(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Meter:
    """Writes train/ and perf/ values every so many steps; reading the loss waits for the device, so not at each."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        self.seconds, self.position, self.step = 0.0, trainer.progress.position, trainer.progress.step
        self.waited = trainer.ahead.waited
        self.energy = Energy(trainer.team, trainer.device)
        self.restart()

    def restart(self) -> None:
        """The clock runs during steps only, not while something is validated or saved."""
        self.start = time.monotonic()

    def note(self, loss: Tensor, norm: Tensor, bar: Bar) -> None:
        trainer, progress = self.trainer, self.trainer.progress
        batch = progress.position - trainer.before
        due = trainer.finished or progress.step == 1 or progress.step % trainer.plan.log_every == 0
        value = loss.item() if due else 0.0  # waits for the device
        self.seconds += time.monotonic() - self.start
        if not due:
            bar.advance(batch)
            return
        trainer.check_finite()
        rate = (progress.position - self.position) / max(self.seconds, 1e-9)
        waited = (trainer.ahead.waited - self.waited) / max(progress.step - self.step, 1)
        self.seconds, self.position, self.step = 0.0, progress.position, progress.step
        self.waited = trainer.ahead.waited
        values = {
            "train/loss": value,
            "train/lr": trainer.optimizer.rate,
            **({} if trainer.scaler.left_out else {"train/grad_norm": norm.item()}),
            **trainer.scaler.telemetry(),
            "train/tokens": progress.position,
            "perf/tok_per_sec": round(rate, 1),
            "perf/data_wait_s": round(waited, 6),
            **self.energy.telemetry(),
        }
        note = f"loss {value:.3f}"
        if trainer.peak_flops:
            peak = trainer.peak_flops * trainer.team.size
            values["perf/mfu"] = round(rate * trainer.flops_per_token(trainer.before) / peak, 4)
            note += f", {values['perf/mfu']:.0%} MFU"
        if trainer.device.torch.type == "cuda":
            values["mem/peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
        # What is no number is left out: JSON has no name for it. (The guard turned the step away.)
        trainer.telemetry.record(progress.step, {key: value for key, value in values.items() if math.isfinite(value)})
        bar.advance(batch, note)
