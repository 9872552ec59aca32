"""The benchmark of generation runs to its end on a toy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pytest import mark

from support import environment

ROOT = Path(__file__).parents[2]


@mark.slow
def test_the_rehearsal_measures_everything(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, str(ROOT / "benchmarks/generation.py"), "--quick", "--device", "cpu", "--out", str(out)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert not found["missing"] and len(found["judged"]) == 6
    whats = {(figure["what"], figure["who"]) for figure in found["figures"]}
    assert {("batch 1", "calame"), ("batch 32", "calame"), ("first token", "calame")} < whats
    assert any("4 of 4 greedy answers of 8 tokens equal those of transformers" in note for note in found["notes"])
    assert any("20 of 20 answers are the same to the last token" in note for note in found["notes"])
