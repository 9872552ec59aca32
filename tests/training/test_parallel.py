"""Several processes train what one trains alone, to the sums' last digits; on the CPU, by gloo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest import approx, mark, raises

from builders import plan_of, trainer_of
from calame.run import checkpoint, telemetry
from calame.training.parallel import join
from team import together


def train(folder: Path, mode: str, **changes: Any) -> None:
    trainer_of(folder, plan_of(**changes), team=replace(join(), mode=mode)).run()


def losses(folder: Path) -> list[float]:
    found = {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}
    return [found[step] for step in sorted(found)]


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_two(mode: str, tmp_path: Path) -> None:
    plan: dict[str, Any] = {"tokens": 50 * 64, "micro_batch": 16}
    train(tmp_path / "one", mode, **plan)
    print(together(2, train, tmp_path / "two", mode, plan))
