"""metrics.jsonl: always written, whatever else is on. Readers see each step as the last attempt left it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calame.run.launch import chief
from calame.run.sinks import Sinks

FILE = "metrics.jsonl"


class Telemetry:
    """Appends records to one or more metrics files (the run's, and the trained stage's own).

    Each line holds `stage`, `attempt` (how often the stage was started), `step`, `time` (Unix seconds) and the
    values, under the names of docs/telemetry.md. Slice names in keys hold no slash of their own.
    Of several processes only the first one writes. `sinks` are told the same.
    """

    def __init__(self, stage: str, *folders: Path, sinks: Sinks | None = None):
        self.stage, self.sinks = stage, sinks
        self.files = [folder / FILE for folder in folders if chief()]
        self.attempt = 1 + max((attempts(file, stage) for file in self.files), default=0)
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)
            _end_last_line(file)

    def write(self, step: int, **values: Any) -> None:
        self.record(step, values)

    def record(self, step: int, values: dict[str, Any]) -> None:
        line = {"stage": self.stage, "attempt": self.attempt, "step": step, "time": round(time.time(), 3), **values}
        text = json.dumps(line, ensure_ascii=False) + "\n"
        for path in self.files:
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
        if self.sinks:
            self.sinks.log(step, values)

    def close(self) -> None:
        """Nothing more is recorded."""
        if self.sinks:
            self.sinks.close()

    @contextmanager
    def of_last_attempt(self) -> Iterator[None]:
        """Records within belong to the attempt before this one: they complete what it was stopped over."""
        now, self.attempt = self.attempt, max(1, self.attempt - 1)
        try:
            yield
        finally:
            self.attempt = now


def read(folder: Path) -> list[dict[str, Any]]:
    """The records of a folder's metrics file, one for each step with all that was measured there, in order of stage
    and step. From its first step on, an attempt takes the place of those before it."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    newest: dict[str, int] = {}
    for line in lines(folder / FILE):
        stage, step = line["stage"], line["step"]
        if line["attempt"] > newest.get(stage, 0):
            newest[stage] = line["attempt"]
            found[stage] = {old: record for old, record in found.get(stage, {}).items() if old < step}
        found[stage][step] = {**found[stage].get(step, {}), **line}
    return [found[stage][step] for stage in sorted(found) for step in sorted(found[stage])]


def energy(folder: Path) -> dict[str, tuple[float, bool]]:
    """kWh of each stage that was measured, and whether they are an estimate. All attempts together: what was lost
    with one was drawn none the less."""
    last = {(line["stage"], line["attempt"]): line for line in lines(folder / FILE) if "energy/kwh" in line}
    found: dict[str, tuple[float, bool]] = {}
    for (stage, _), line in last.items():
        kwh, estimated = found.get(stage, (0.0, False))
        found[stage] = kwh + line["energy/kwh"], estimated or line.get("energy/estimated", False)
    return found


def measuring(folder: Path) -> dict[str, float]:
    """Seconds that each stage's measurements on the way took in its last attempt, as the stage's own seconds."""
    found: dict[str, tuple[int, float]] = {}
    for line in lines(folder / FILE):
        attempt, before = found.get(line["stage"], (0, 0.0))
        before = before if attempt == line["attempt"] else 0.0
        found[line["stage"]] = line["attempt"], before + line.get("perf/evaluation_s", 0.0)
    return {stage: seconds for stage, (_, seconds) in found.items() if seconds}


def attempts(path: Path, stage: str) -> int:
    """How often the stage has been started so far."""
    return max((line["attempt"] for line in lines(path) if line["stage"] == stage), default=0)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a metrics file as they were written, of all attempts. Whole lines only: a kill can leave half of
    one behind."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                yield json.loads(text)
            except ValueError:  # half an object, or half a character
                continue


def _end_last_line(path: Path) -> None:
    if path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
        with path.open("a") as file:
            file.write("\n")
