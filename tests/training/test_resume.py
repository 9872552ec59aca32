"""A run that is stopped anywhere and goes on is bit for bit the run that was not stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytest import fixture, mark, raises

from builders import plan_of, trainer_of
from calame.recipe.errors import UserError
from calame.recipe.schema import Schedule
from calame.run import checkpoint, telemetry
from calame.training.loop import Interrupted, Progress, Trainer


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}


def same_run(one: Path, other: Path) -> None:
    """Every loss, and every tensor of the last checkpoint, bit for bit."""
    assert losses(one) == losses(other)
    last = [checkpoint.newest_valid(folder / "checkpoints") for folder in (one, other)]
    assert last[0] is not None and last[1] is not None
    (tensors, state), (others, other_state) = map(checkpoint.load, last)
    assert state == other_state
    for group, content in tensors.items():
        assert set(content) == set(others[group])
        assert all(torch.equal(tensor, others[group][name]) for name, tensor in content.items()), group


class Stop(Exception):
    pass


def at_step(step: int, act: Callable[[], None]) -> Any:
    def observe(progress: Progress) -> dict[str, Any]:
        if progress.step == step:
            act()
        return {}

    return observe


def stop() -> None:
    raise Stop


@fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Twenty steps without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    trainer_of(folder, plan_of(tokens=20 * 64)).run()
    assert len(losses(folder)) == 20
    return folder


@mark.parametrize("stops", ((1,), (2, 3, 4), (7, 12, 19), (20,)))
def test_stopped_by_an_error_it_goes_on_exactly(stops: tuple[int, ...], whole: Path, tmp_path: Path) -> None:
    for step in stops:
        with raises(Stop):
            trainer_of(tmp_path, plan_of(tokens=20 * 64), observers=[(64, at_step(step, stop))]).run()
    trainer_of(tmp_path, plan_of(tokens=20 * 64)).run()
    same_run(whole, tmp_path)


@mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_asked_to_stop_it_saves_at_the_end_of_the_step(number: int, whole: Path, tmp_path: Path) -> None:
    ask = at_step(5, lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    with raises(Interrupted, match="goes on"):
        trainer_of(tmp_path, plan_of(tokens=20 * 64), observers=[(64, ask)]).run()
    assert checkpoint.steps(tmp_path / "checkpoints")[-1].name == "step-00000005"
    assert signal.getsignal(number) == before
    trainer_of(tmp_path, plan_of(tokens=20 * 64)).run()
    same_run(whole, tmp_path)


def test_killed_again_and_again_it_goes_on_exactly(whole: Path, tmp_path: Path) -> None:
    """kill -9 in the middle, twice: no goodbye."""
    script, tests = Path(__file__).with_name("going_on.py"), Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests), *sys.path])
    command = [sys.executable, str(script), str(tmp_path), "0.1"]
    for steps in (5, 12):
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL) as process:
            until = time.monotonic() + 60
            while len(losses(tmp_path)) < steps and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert steps <= len(losses(tmp_path)) < 20
    trainer_of(tmp_path, plan_of(tokens=20 * 64)).run()
    same_run(whole, tmp_path)


def test_a_damaged_checkpoint_is_passed_over(whole: Path, tmp_path: Path) -> None:
    with raises(Stop):
        trainer_of(tmp_path, plan_of(tokens=20 * 64), observers=[(64, at_step(11, stop))]).run()
    newest = checkpoint.steps(tmp_path / "checkpoints")[-1] / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    trainer_of(tmp_path, plan_of(tokens=20 * 64)).run()
    same_run(whole, tmp_path)


def test_more_tokens_keep_the_warmup_and_the_horizon(tmp_path: Path) -> None:
    """The schedule is drawn when a run first starts; what comes after its end runs at the final rate."""
    plan = plan_of(schedule=Schedule(final=0.2))
    trainer_of(tmp_path, plan).run()
    longer = trainer_of(tmp_path, plan_of(tokens=12 * 64, schedule=Schedule(final=0.2)))
    longer.run()
    assert (longer.progress.warmup, longer.progress.horizon) == (8 * 64 // 50, 8 * 64)
    rates = {line["step"]: line["train/lr"] for line in telemetry.read(tmp_path) if "train/lr" in line}
    assert len(rates) == 12
    assert all(abs(rates[step] - 0.2e-2) < 1e-12 for step in range(9, 13))
    assert longer.progress.position == 12 * 64


def test_going_further_equals_having_gone_so_far(tmp_path: Path) -> None:
    drawn = Schedule(warmup=100, horizon=512)
    trainer_of(tmp_path / "further", plan_of(schedule=drawn)).run()
    trainer_of(tmp_path / "further", plan_of(schedule=drawn, tokens=12 * 64)).run()
    trainer_of(tmp_path / "at once", plan_of(schedule=drawn, tokens=12 * 64)).run()
    same_run(tmp_path / "at once", tmp_path / "further")


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    trainer_of(tmp_path).run()
    lines = (tmp_path / "metrics.jsonl").read_text()
    trainer_of(tmp_path).run()
    trainer_of(tmp_path, plan_of(tokens=4 * 64)).run()
    assert (tmp_path / "metrics.jsonl").read_text() == lines


@mark.parametrize("key", ("tokenizer", "model"))
def test_a_checkpoint_of_another_tokenizer_or_model_is_refused(key: str, tmp_path: Path) -> None:
    trainer_of(tmp_path).run()
    other = trainer_of(tmp_path)
    other.identity[key] = "another"
    with raises(UserError, match=f"its {key} is another one"):
        other.run()


def test_a_checkpoint_holds_all_there_is(tmp_path: Path) -> None:
    trainer: Trainer = trainer_of(tmp_path)
    trainer.run()
    newest = checkpoint.newest_valid(tmp_path / "checkpoints")
    assert newest is not None
    tensors, state = checkpoint.load(newest)
    assert set(tensors) == {"model", "optimizer", "random"}
    assert len(tensors["optimizer"]) == 3 * len(tensors["model"])
    assert state["progress"] == {"position": 512, "step": 8, "warmup": 100, "horizon": 512}
    assert state["tokenizer"] == "a"
