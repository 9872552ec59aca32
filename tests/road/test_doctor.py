"""`calame doctor RUN`: a sound run passes, Gaperon's pure bf16 is found out."""

from __future__ import annotations

import shutil

from pytest import CaptureFixture

from calame.cli import main
from calame.road.doctor import examine
from support import Toy

GROUPS = ("embedding", "vectors", "feed-forward", "attention")


def test_a_sound_run_has_no_fault(finished: Toy, capsys: CaptureFixture[str]) -> None:
    assert main(["doctor", "toy"]) == 0
    said = capsys.readouterr().out
    for name in (*(f"moved, {group}" for group in GROUPS), "norms near zero", "decay", "cross-entropy"):
        assert f"ok     {name}: " in said
    assert "FAULT" not in said
    assert "100.0% of 24,576 weights" in said


def test_pure_bf16_is_found_out(finished: Toy, capsys: CaptureFixture[str]) -> None:
    """At a rate of 3e-4 most weights stay where they are, and decay does nothing; the loss is in fp32 all the same."""
    changes = ["name=pure", "pretrain.precision=bf16-scaled", "pretrain.optimizer.learning_rate=3e-4"]
    assert main(["run", finished.recipe(), "--to", "pretrain", *changes]) == 0
    capsys.readouterr()
    assert main(["doctor", "pure"]) == 1
    found = {finding.name: finding for finding in examine("pure", "runs", "auto")}
    faults = {name for name, finding in found.items() if not finding.good}
    assert faults == {"decay", *(f"moved, {group}" for group in GROUPS)}
    assert "100.0% of the weights stay" in found["decay"].figures
    assert "bf16-rounded" in str(found["decay"])
    assert found["cross-entropy"].figures.startswith("float32")


def test_what_it_needs_is_said(finished: Toy, capsys: CaptureFixture[str]) -> None:
    steps = sorted((finished.folder / "runs/toy/pretrain/checkpoints").resolve().glob("step-*"))
    shutil.rmtree(finished.folder / "runs/toy/shards")
    assert main(["doctor", "runs/toy"]) == 2
    assert "shards/contes" in capsys.readouterr().err
    for step in steps[1:]:
        (step / "model.safetensors").write_bytes(b"")
    assert main(["doctor", "toy"]) == 2
    assert "has 1 whole checkpoints" in capsys.readouterr().err
