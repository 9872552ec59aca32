"""A training killed at random moments, and the verb that lets a user see it with his own recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytest import mark

from builders import plan_of, trainer_of
from calame.cli import main
from calame.road import rehearse
from calame.run import checkpoint, telemetry
from support import Toy, run_cli


def said(out: str) -> dict[str, str]:
    """The table's rows."""
    lines = out.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("kills"))
    return {line[:40].strip(): line[40:].strip() for line in lines[begin:]}


@mark.slow
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    done = run_cli("doctor", "--resume", Toy(tmp_path).recipe(), "--kills", "100", cwd=tmp_path, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    table = said(done.stdout)
    assert table["kills"] == "100"
    assert table["losses and weights"] == "bit for bit the same"
    assert int(table["within the writing of a checkpoint"]) >= 10
    assert int(table["runs to the end"].split()[0]) >= 5


@mark.slow
def test_a_hundred_kills_with_a_guard_that_goes_back_lose_nothing(tmp_path: Path) -> None:
    """At so high a rate half a robust deviation makes a spike of 9 of 40 steps: the guard is at work all the time."""
    guard = {"spike": "rollback", "window": 10, "threshold": 0.5, "return_every": 4, "most": 40}
    keys = {"pretrain__optimizer": {"learning_rate": 0.03}, "pretrain__order": "lot"}  # dealt evenly, losses jump less
    path = Toy(tmp_path).recipe(pretrain__guard=guard, **keys)
    done = run_cli("doctor", "--resume", path, "--kills", "100", cwd=tmp_path, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(said(done.stdout)["runs to the end"].split()[4]) >= 5


def test_what_differs_is_found(tmp_path: Path) -> None:
    for name, rate in (("one", 1e-2), ("same", 1e-2), ("other", 1.001e-2)):
        plan = plan_of(tokens=4 * 64)
        plan = plan_of(tokens=4 * 64, optimizer=plan.optimizer.model_copy(update={"learning_rate": rate}))
        trainer_of(tmp_path / name, plan).run()
    assert rehearse._differences(tmp_path / "one", tmp_path / "same") == []
    found = rehearse._differences(tmp_path / "one", tmp_path / "other")
    assert any("loss of step 3" in fault for fault in found) and any("model: " in fault for fault in found)
    (tmp_path / "same/metrics.jsonl").write_text("")
    assert "loss of step 1" in rehearse._differences(tmp_path / "one", tmp_path / "same")[0]


def test_a_difference_is_1(toy: Toy, capsys: Any, monkeypatch: Any) -> None:
    """In the place of a training: one whose result hangs on how often it was started."""

    def train(job: rehearse.Job, folder: Path) -> None:
        log = telemetry.Telemetry("pretrain", folder)
        log.write(1, **{"train/loss": 1.0})
        checkpoint.save(folder / "checkpoints", log.attempt, {"model": {"w": torch.ones(2)}}, {})

    def child(context: Any, job: rehearse.Job, folder: Path, patience: float | None = None) -> bool:
        folder.mkdir(parents=True, exist_ok=True)
        train(job, folder)
        return patience is None

    monkeypatch.setattr(rehearse, "_child", child)
    assert main(["doctor", "--resume", toy.recipe(), "--kills", "2"]) == 1
    table = said(capsys.readouterr().out)
    assert table["losses and weights"] == "DIFFERENT"
    assert "step-00000001" in table[""] and "step-00000003" in table[""]


def test_kills_must_be_some(toy: Toy, capsys: Any) -> None:
    assert main(["doctor", "--resume", toy.recipe(), "--kills", "0"]) == 2
    assert "1 or more" in capsys.readouterr().err
