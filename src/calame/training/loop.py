"""The one training loop.

A step takes the batch at the token position, normalises its loss by the targets of the whole batch, clips, and steps.
The position, the weights, the optimizer's moments and the random state are all the state there is: resuming is exact.
Whatever else should happen (validation, samples) is passed in as an observer.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.recipe.derive import default_warmup
from calame.recipe.errors import refuse
from calame.recipe.schema import Optimizer, Schedule
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.progress import Bar, say
from calame.run.telemetry import Telemetry
from calame.shards.rows import IGNORE, Rows
from calame.training.ahead import Ahead, collected_rarely
from calame.training.batch import Data, LossFunction
from calame.training.optimizer import build_optimizer
from calame.training.scaler import LossScaler
from calame.training.schedule import rate_share
from calame.training.select import best_checkpoint


class Interrupted(Exception):
    """The user or the machine asked to stop; everything so far is saved."""


@dataclass(frozen=True)
class Plan:
    """What to train, in tokens. `horizon` ends the schedule; `tokens` ends the run."""

    tokens: int
    batch: int
    optimizer: Optimizer
    schedule: Schedule
    clip: float
    seed: int
    micro_batch: int
    log_every: int
    save_every: int
    keep: int
    keep_best: str | None = None  # a metric: the checkpoint where it is lowest is kept too


@dataclass
class Progress:
    """How far a run is, in tokens and steps. The schedule's warm-up and horizon are settled when a run first starts."""

    position: int = 0
    step: int = 0
    warmup: int = 0
    horizon: int = 0


Observer = Callable[[Progress], dict[str, Any]]


@dataclass
class Trainer:
    """One training run in one folder. `identity` (tokenizer hash, model, recipe) is written into every checkpoint;
    a checkpoint of another tokenizer or model is refused.

    observers: (every so many tokens, function of the progress giving telemetry values); also called at the end.
    """

    folder: Path
    plan: Plan
    model: Decoder
    device: Device
    data: Data
    loss: LossFunction
    telemetry: Telemetry
    identity: dict[str, Any]
    flops_per_token: float = 0.0
    peak_flops: float | None = None
    observers: Sequence[tuple[int, Observer]] = ()
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        compiled = self.loss.compiled
        self.optimizer = build_optimizer(self.model, self.plan.optimizer, self.device, self.plan.seed, compiled)
        self.scaler = LossScaler(self.device.compute == torch.float16)
        self.ahead = Ahead(self.data)
        self.checkpoints = self.folder / "checkpoints"
        schedule = self.plan.schedule
        self.progress.warmup = default_warmup(self.plan.tokens) if schedule.warmup is None else schedule.warmup
        self.progress.horizon = schedule.horizon or self.plan.tokens

    def run(self) -> None:
        """Train from the newest valid checkpoint, if any, to `plan.tokens`. Raises `Interrupted` after saving."""
        torch.manual_seed(self.plan.seed)
        self._resume()
        total = self.plan.tokens // self.plan.batch
        self.model.train()
        with (
            _polite_signals() as asked_to_stop,
            collected_rarely(),
            self.ahead,
            Bar("train", self.plan.tokens, "tokens", self.progress.position) as bar,
        ):
            meter = _Meter(self)
            while self.progress.step < total:
                loss, norm = self._step()
                meter.note(loss, norm, bar)
                self._observe(last=self.progress.step == total)
                stop = asked_to_stop() and self.progress.step < total
                if stop or self._crossed(self.plan.save_every) or self.progress.step == total:
                    self.check_finite(loss, norm)
                    self._save()
                if stop:
                    raise Interrupted(
                        f"stopped at {say_count(self.progress.position)} tokens; the same command goes on"
                    )
                meter.restart()

    def _step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimizer step; returns its mean loss and gradient norm, still on the device."""
        rows = self.ahead.batch(self.progress.position, self.plan.batch)
        targets = int((rows.targets != IGNORE).sum())
        self.optimizer.set_rate(self.rate())
        total = torch.zeros((), device=self.device.torch)
        for part in _micro_batches(rows, self.plan.micro_batch // self.data.context):
            loss = self.loss.total(part) / max(targets, 1)
            self.scaler.scale(loss).backward()
            total += loss.detach()
        self.scaler.unscale(self.model)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        if self.scaler.accept(norm):
            self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.position += self.plan.batch
        self.progress.step += 1
        return total, norm

    def rate(self) -> float:
        """The learning rate of the step about to be taken."""
        now = self.progress
        share = rate_share(self.plan.schedule, now.position, self.plan.batch, now.warmup, now.horizon)
        return self.plan.optimizer.learning_rate * share

    def _crossed(self, every: int) -> bool:
        """Whether the last step passed a multiple of `every` tokens."""
        return self.progress.position // every > (self.progress.position - self.plan.batch) // every

    def _observe(self, last: bool) -> None:
        """Call the observers that are due; what they say at a step is one record."""
        due = [observer for every, observer in self.observers if last or self._crossed(every)]
        values = {name: value for observer in due for name, value in observer(self.progress).items()}
        if values:
            self.telemetry.record(self.progress.step, values)
            gc.collect()  # off during the steps

    def check_finite(self, loss: torch.Tensor, norm: torch.Tensor) -> None:
        """Raises `UserError` once loss or gradient of a step are no numbers any more: what would follow is lost, and it
        must not take the place of a good checkpoint. (A finite loss with an infinite gradient has spoilt the weights.)
        """
        if not self.scaler.left_out and not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise refuse(
                f"training step {self.progress.step}",
                f"the loss is {loss.item():g}, the gradient's norm {norm.item():g}",
                remedy="a lower learning rate, or a longer warm-up; the checkpoints before it are kept",
            )

    def _save(self) -> None:
        random = {"cpu": torch.get_rng_state()}
        if self.device.torch.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state()
        tensors = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.tensors(self.model),
            "random": random,
            **({"scaler": self.scaler.tensors()} if self.scaler.on else {}),
        }
        state = {"progress": vars(self.progress), **self.identity}
        saved = checkpoint.save(self.checkpoints, self.progress.step, tensors, state)
        best = best_checkpoint(self.folder, self.plan.keep_best)[0] if self.plan.keep_best else None
        checkpoint.keep_newest(self.checkpoints, self.plan.keep, {best.name} if best else set())
        say(f"  saved {saved.name} ({say_count(self.progress.position)} tokens)")

    def _resume(self) -> None:
        folder = checkpoint.newest_valid(self.checkpoints)
        if folder is None:
            return
        tensors, state = checkpoint.load(folder)
        check_identity(folder, state, self.identity)
        self.model.load_state_dict(tensors["model"])
        self.optimizer.restore(self.model, tensors["optimizer"])
        torch.set_rng_state(tensors["random"]["cpu"])
        if self.device.torch.type == "cuda" and "cuda" in tensors["random"]:
            torch.cuda.set_rng_state(tensors["random"]["cuda"])
        if self.scaler.on and "scaler" in tensors:
            self.scaler.restore(tensors["scaler"])
        horizon = self.progress.horizon
        self.progress = Progress(**state["progress"])
        say(f"  goes on from {folder.name} ({say_count(self.progress.position)} tokens)")
        if horizon != self.progress.horizon:
            say(
                f"  the schedule was drawn to {say_count(self.progress.horizon)} tokens when the run began "
                "and stays so: what comes after runs at its final rate"
            )


def check_identity(folder: Path, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raises `UserError` if a checkpoint is of another tokenizer or another model."""
    for key in ("tokenizer", "model"):
        if state.get(key) != identity.get(key):
            raise refuse(
                str(folder),
                f"its {key} is another one",
                f"{identity.get(key)}",
                "take a checkpoint of this recipe, or begin a run of another name",
            )


def _micro_batches(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Meter:
    """Writes train/ and perf/ values every so many steps; reading the loss waits for the device, so not at each."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        self.seconds, self.position, self.waited = 0.0, trainer.progress.position, 0.0
        self.restart()

    def restart(self) -> None:
        """The clock runs during steps only, not while something is validated or saved."""
        self.start = time.monotonic()

    def note(self, loss: torch.Tensor, norm: torch.Tensor, bar: Bar) -> None:
        trainer, progress = self.trainer, self.trainer.progress
        last = progress.position + trainer.plan.batch > trainer.plan.tokens
        due = last or progress.step == 1 or progress.step % trainer.plan.log_every == 0
        value = loss.item() if due else 0.0  # waits for the device
        self.seconds += time.monotonic() - self.start
        if not due:
            bar.advance(trainer.plan.batch)
            return
        trainer.check_finite(loss, norm)
        rate = (progress.position - self.position) / max(self.seconds, 1e-9)
        steps = (progress.position - self.position) // trainer.plan.batch
        waited = (trainer.ahead.waited - self.waited) / max(steps, 1)
        self.seconds, self.position, self.waited = 0.0, progress.position, trainer.ahead.waited
        values = {
            "train/loss": value,
            "train/lr": trainer.optimizer.rate,
            **({} if trainer.scaler.left_out else {"train/grad_norm": norm.item()}),
            **trainer.scaler.telemetry(),
            "train/tokens": progress.position,
            "perf/tok_per_sec": round(rate, 1),
            "perf/data_wait_s": round(waited, 6),
        }
        note = f"loss {value:.3f}"
        if trainer.peak_flops:
            values["perf/mfu"] = round(rate * trainer.flops_per_token / trainer.peak_flops, 4)
            note += f", {values['perf/mfu']:.0%} MFU"
        if trainer.device.torch.type == "cuda":
            values["mem/peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
        trainer.telemetry.record(progress.step, values)
        bar.advance(trainer.plan.batch, note)


@contextmanager
def _polite_signals() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM ask for a stop at the end of the step; a second one stops at once."""
    asked = []
    old = {}

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        say("  asked to stop: finishing the step, then saving")

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            old[number] = signal.signal(number, ask)
    except ValueError:  # not in the main thread: whoever runs us there stops us in his own way
        pass
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
