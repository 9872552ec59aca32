"""Signals and the deadline: everything is saved, a validation cut short is done again, the exit code says what for."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, fixture, mark, raises

from builders import plan_of, random_rows, slice_of, trainer_of
from calame.run import checkpoint, telemetry
from calame.training import stopping
from calame.training.loop import Progress, Trainer
from calame.training.setup import validation_observer
from calame.training.slices import Slice
from calame.training.stopping import Interrupted, poll

STEPS = 12
FULL = plan_of(tokens=STEPS * 64, save_every=256)


def slices() -> list[Slice]:
    rows = random_rows(24, 16, seed=5)
    return [slice_of(f"fr-{name}", rows[start : start + 12]) for name, start in (("a", 0), ("b", 12))]


def trainer(folder: Path, before: Callable[[Progress], Any] = lambda progress: None, **plan: Any) -> Trainer:
    """Validates every third step, in twelve micro-batches a slice; `before` is called first."""
    made = trainer_of(folder, plan_of(**{**vars(FULL), **plan}))
    measure = validation_observer(made.loss, slices(), "even", 16)

    def ask(progress: Progress) -> dict[str, Any]:
        before(progress)
        return {}

    made.observers = [(192, ask), (192, measure), (192, lambda progress: {"data/a/tokens": progress.position})]
    return made


def at(step: int, number: int) -> Callable[[Progress], None]:
    """A signal at the beginning of that step's validation."""
    return lambda progress: os.kill(os.getpid(), number) if progress.step == step else None


def measured(folder: Path) -> list[dict[str, Any]]:
    """What a reader finds in the metrics, but for the clock and the attempt."""
    own = ("time", "attempt", "perf/tok_per_sec", "perf/data_wait_s", "perf/evaluation_s")
    return [{key: value for key, value in line.items() if key not in own} for line in telemetry.read(folder)]


def last(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    tensors, state = checkpoint.load(newest)
    return {f"{group}/{name}": value for group in tensors for name, value in tensors[group].items()}, state


def same_run(one: Path, other: Path) -> None:
    (tensors, state), (others, other_state) = last(one), last(other)
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)
    assert state == other_state
    assert measured(one) == measured(other)


@fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trainer(folder).run()
    assert [line["step"] for line in measured(folder) if "val/mixed/loss" in line] == [3, 6, 9, 12]
    return folder


CODES = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGUSR1: 75}


@mark.parametrize(("number", "step"), [*((number, 3) for number in CODES), (signal.SIGTERM, STEPS)])
def test_a_stop_within_validation_loses_nothing(number: int, step: int, whole: Path, tmp_path: Path) -> None:
    """It is saved at once, without half a record; the validation is done when the run goes on."""
    old = signal.getsignal(number)
    with raises(Interrupted, match="the same command goes on") as stop:
        trainer(tmp_path, at(step, number)).run()
    assert stop.value.code == CODES[signal.Signals(number)]
    assert signal.getsignal(number) == old
    saved = checkpoint.newest_valid(tmp_path / "checkpoints")
    assert saved is not None and saved.name == f"step-{step:08d}"
    found = {key for line in measured(tmp_path) if line["step"] == step for key in line}
    assert "train/loss" in found and not any(key.startswith(("val/", "data/")) for key in found)
    trainer(tmp_path).run()
    same_run(whole, tmp_path)


def test_the_validation_ends_within_a_micro_batch_and_the_model_trains_on(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    seen: list[int] = []
    made.loss.model.register_forward_hook(lambda *_: seen.append(1))
    observe = validation_observer(made.loss, slices(), "even", 16)
    with stopping.requests() as stop:
        made.loss.model.register_forward_pre_hook(lambda *_: setattr(stop, "code", 75) if len(seen) == 4 else None)
        with raises(stopping.Cut):
            observe(Progress())
    assert len(seen) == 5
    assert made.loss.model.training


def test_a_stop_while_what_was_cut_short_is_done_again(whole: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with raises(Interrupted):
            trainer(tmp_path, at(6, signal.SIGTERM)).run()
    trainer(tmp_path).run()
    same_run(whole, tmp_path)


def test_a_stop_after_the_last_step_is_heeded_and_the_run_is_whole(whole: Path, tmp_path: Path) -> None:
    """Else what comes after it, as the tuning, would begin."""
    made = trainer(tmp_path)
    made.observers = [*made.observers, (STEPS * 64, lambda progress: at(STEPS, signal.SIGUSR1)(progress) or {})]
    with raises(Interrupted) as stop:
        made.run()
    assert stop.value.code == 75
    trainer(tmp_path).run()
    same_run(whole, tmp_path)


def test_a_stop_while_the_last_checkpoint_is_written_is_heeded(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    made = trainer(tmp_path)
    wait = made.keeper.writer.wait

    def ask() -> None:
        if made.finished:
            os.kill(os.getpid(), signal.SIGTERM)
        wait()

    monkeypatch.setattr(made.keeper.writer, "wait", ask)
    with raises(Interrupted):
        made.run()
    assert last(tmp_path)[1]["progress"]["step"] == STEPS


def test_the_deadline_saves_and_asks_to_be_started_again(whole: Path, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(stopping, "BEGAN", 40.0)

    def pass_time(progress: Progress) -> None:
        clock[0] += 10.0 if progress.step == 6 else 0.0

    with raises(Interrupted) as stop:
        trainer(tmp_path, pass_time, deadline=70.0).run()
    assert stop.value.code == 75
    assert last(tmp_path)[1]["progress"]["step"] == 6
    with raises(Interrupted):  # it is over: not a step more
        trainer(tmp_path, deadline=70.0).run()
    assert last(tmp_path)[1]["progress"]["step"] == 6
    monkeypatch.undo()
    trainer(tmp_path, deadline=10**6).run()
    same_run(whole, tmp_path)


def test_before_the_first_step_a_signal_is_heeded_at_once(tmp_path: Path) -> None:
    """As within a compiler that takes minutes: nothing is to be saved."""
    made = trainer(tmp_path)

    def slow(position: int, tokens: int) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it went on")

    made.data.batch = slow  # type: ignore[method-assign]
    with raises(Interrupted):
        made.run()
    assert not (tmp_path / "checkpoints").exists()


def test_a_second_sigint_stops_at_once_but_not_one_that_was_forwarded(monkeypatch: MonkeyPatch) -> None:
    with stopping.requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked() == 130
        os.kill(os.getpid(), signal.SIGINT)  # the launcher's, of the same key
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.asked() == 130
        monkeypatch.setattr(stopping, "IMPATIENCE", 0.0)
        time.sleep(0.001)
        with raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_without_a_run_at_work_there_is_nothing_to_poll(tmp_path: Path) -> None:
    poll()
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(trainer_of(tmp_path).run()))
    thread.start()  # where no signals can be had
    thread.join()
    assert outcome == [None]


def test_every_line_of_the_metrics_is_json_of_one_record(whole: Path) -> None:
    for line in (whole / "metrics.jsonl").read_text().splitlines():
        assert json.loads(line)["step"] > 0


def test_a_stop_does_not_wait_for_text(tmp_path: Path) -> None:
    """The third batch would take half a minute: what was learnt before it is saved at once."""
    made, enough, plain = trainer(tmp_path), threading.Event(), trainer(tmp_path / "plain").data

    def slow(position: int, tokens: int) -> Any:
        if position == 2 * 64:
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
            enough.wait(30)
        return plain.batch(position, tokens)

    made.data.batch = slow  # type: ignore[method-assign]
    start = time.monotonic()
    try:
        with raises(Interrupted) as error:
            made.run()
    finally:
        enough.set()
    assert time.monotonic() - start < 15 and error.value.code == 130
    assert last(tmp_path)[1]["progress"]["step"] == 2
