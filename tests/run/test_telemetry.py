"""metrics.jsonl: attempts are counted, half lines are survived, and readers see each step as it was last."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.run import telemetry
from calame.run.telemetry import Telemetry


def losses(folder) -> dict[int, float]:
    return {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}


def test_every_line_says_stage_attempt_step_and_time(tmp_path):
    run, own = tmp_path / "run", tmp_path / "own"
    Telemetry("pretrain", run, own).write(3, loss=1.5)
    for folder in (run, own):
        line = json.loads((folder / "metrics.jsonl").read_text())
        assert line.pop("time") > 1e9
        assert line == {"stage": "pretrain", "attempt": 1, "step": 3, "loss": 1.5}


def test_attempts_are_counted_by_stage(tmp_path):
    Telemetry("pretrain", tmp_path).write(1, loss=1)
    Telemetry("pretrain", tmp_path).write(1, loss=1)
    assert Telemetry("pretrain", tmp_path).attempt == 3
    assert Telemetry("sft", tmp_path).attempt == 1
    assert Telemetry("pretrain", tmp_path, tmp_path / "new").attempt == 3


def test_what_is_said_of_a_step_at_several_times_is_one_record(tmp_path):
    """Validation and what was read of each source stand beside the training loss of their step, not in its place."""
    metrics = Telemetry("pretrain", tmp_path)
    metrics.record(5, {"train/loss": 2.5})
    metrics.record(5, {"val/mixed/loss": 2.6})
    metrics.record(5, {"data/contes/tokens": 10})
    (line,) = telemetry.read(tmp_path)
    assert (line["train/loss"], line["val/mixed/loss"], line["data/contes/tokens"]) == (2.5, 2.6, 10)


def test_a_later_attempt_takes_the_place_of_the_earlier_from_where_it_began(tmp_path):
    first = Telemetry("pretrain", tmp_path)
    for step in range(1, 8):
        first.record(step, {"train/loss": 1.0})
    second = Telemetry("pretrain", tmp_path)
    for step in (4, 5):
        second.record(step, {"train/loss": 2.0})
    assert losses(tmp_path) == {1: 1.0, 2: 1.0, 3: 1.0, 4: 2.0, 5: 2.0}  # 6 and 7 never were, in what goes on now


@pytest.mark.parametrize("half", ['{"stage": "pretrain", "attem', "{", "\ufffd", "é"])
def test_half_a_line_after_a_kill(tmp_path, half):
    first = Telemetry("pretrain", tmp_path)
    first.record(1, {"train/loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(half.encode()[:-1] or b"{")
    assert losses(tmp_path) == {1: 1.0}
    second = Telemetry("pretrain", tmp_path)
    assert second.attempt == 2
    second.record(2, {"train/loss": 2.0})
    assert losses(tmp_path) == {1: 1.0, 2: 2.0}


def test_nothing_written_yet(tmp_path):
    assert telemetry.read(tmp_path) == []


@given(st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_history_reads_as_the_last_attempt_saw_it(tmp_path_factory, attempts):
    folder = tmp_path_factory.mktemp("run")
    expected: dict[int, int] = {}
    for number, steps in enumerate(attempts, 1):
        metrics = Telemetry("pretrain", folder)
        expected = {step: value for step, value in expected.items() if step < min(steps)}
        for step in sorted(steps):
            metrics.record(step, {"train/loss": number})
            expected[step] = number
    assert losses(folder) == expected
    assert list(losses(folder)) == sorted(expected)


def test_energy_of_a_stage_is_that_of_all_its_attempts(tmp_path):
    """Each attempt counts from 0; what a later one repeats was drawn twice."""
    for last in (0.3, 0.5):
        metrics = Telemetry("pretrain", tmp_path)
        metrics.record(1, {"energy/kwh": 0.1})
        metrics.record(2, {"energy/kwh": last})
        metrics.record(3, {"val/mixed/loss": 2.0})
    Telemetry("sft/chat", tmp_path).record(1, {"energy/kwh": 0.25, "energy/estimated": True})
    Telemetry("elsewhere", tmp_path).record(1, {"train/loss": 1.0})
    assert telemetry.energy(tmp_path) == {"pretrain": (0.8, False), "sft/chat": (0.25, True)}
    assert telemetry.energy(tmp_path / "nowhere") == {}
