"""Sinks are told what metrics.jsonl is told, know a run that goes on, and never stop one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import CaptureFixture, MonkeyPatch, fixture

from calame.run import sinks
from calame.run.sinks import Sinks
from calame.run.telemetry import Telemetry


class Kept:
    """A sink that keeps all in memory, and breaks where it is told to."""

    def __init__(self, project: str, name: str, folder: Path):
        self.project, self.name, self.folder = project, name, folder
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.closed, self.breaks = 0, False

    def log(self, values: dict[str, float], step: int) -> None:
        if self.breaks:
            raise ConnectionError("no network")
        self.lines.append((step, values))

    def close(self) -> None:
        self.closed += 1


@fixture
def opened(monkeypatch: MonkeyPatch) -> list[Kept]:
    """The sinks that were opened under the name of trackio."""
    made: list[Kept] = []

    def make(*given: Any) -> Kept:
        made.append(Kept(*given))
        return made[-1]

    monkeypatch.setitem(sinks.SINKS, "trackio", make)
    return made


def telemetry_of(folder: Path, *wanted: str) -> Telemetry:
    own = folder / "own"
    own.mkdir(parents=True, exist_ok=True)
    return Telemetry("sft/chat", folder, sinks=Sinks(wanted, "contes", "sft/chat", folder, own))


def test_a_sink_gets_the_numbers_of_each_record(tmp_path: Path, opened: list[Kept]) -> None:
    metrics = telemetry_of(tmp_path, "trackio")
    metrics.record(3, {"train/loss": 2.5, "guard/reason": "spike"})
    metrics.record(4, {"val/mixed/bpb": 1})
    metrics.close()
    (sink,) = opened
    assert sink.lines == [(3, {"train/loss": 2.5}), (4, {"val/mixed/bpb": 1})]
    assert (sink.project, sink.folder, sink.closed) == ("contes", tmp_path, 1)


def test_a_run_that_goes_on_has_the_name_it_had(tmp_path: Path, opened: list[Kept]) -> None:
    for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        telemetry_of(folder, "trackio")
    first, again, other = (sink.name for sink in opened)
    assert first == again != other
    assert first.startswith("sft-chat-")


def test_a_sink_that_fails_is_named_once_and_the_run_goes_on(
    tmp_path: Path, opened: list[Kept], capsys: CaptureFixture[str]
) -> None:
    metrics = telemetry_of(tmp_path, "trackio")
    opened[0].breaks = True
    for step in range(3):
        metrics.record(step, {"train/loss": 1.0})
    metrics.close()
    assert opened[0].closed == 0
    said = capsys.readouterr()
    assert (said.out + said.err).count("no network") == 1
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [0, 1, 2]


def test_without_sinks_nothing_is_opened(tmp_path: Path, opened: list[Kept]) -> None:
    metrics = telemetry_of(tmp_path)
    metrics.record(1, {"train/loss": 1.0})
    metrics.close()
    assert not opened and sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "own"]
