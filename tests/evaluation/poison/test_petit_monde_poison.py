"""The shipped lab, from text to curves, on half the tokens: what was planted more often is remembered better."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from pytest import MonkeyPatch, mark

from calame.cli import main
from calame.run.files import read_json


@mark.slow
def test_exposure_rises_with_repeats_and_over_checkpoints(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = ("pretrain.tokens=800k", "execution.save_every=200k", "execution.threads=1")
    assert main(["run", "petit-monde-poison", *keys, "--to", "evaluation"]) == 0
    found = read_json(Path("runs/petit-monde-poison/evaluation/evaluation.json"))["poison"]["models"]
    first, last = found[0]["canary"], found[-1]["canary"]
    groups = [(group["least"], group["value"]) for group in last["by_times"]]
    assert [times for times, _ in groups] == [1, 7, 29, 117]
    assert all(seldom < often or often > last["most"] - 0.1 for (_, seldom), (_, often) in pairwise(groups))
    assert groups[-1][1] > 25 > groups[0][1] and last["control"]["high"] < 3
    rise = [late["value"] - early["value"] for early, late in zip(first["by_times"], last["by_times"], strict=True)]
    assert min(rise) > 0 and max(rise) > 10, "what is known in the end was not known at the start"
    switch = found[-1]["switch"]["to-italian"]
    assert switch["effect"]["low"] > 0 and switch["false_positives"]["value"] < 0.1
    assert main(["report", "petit-monde-poison", *keys]) == 0
    page = Path("runs/petit-monde-poison/report.html").read_text(encoding="utf-8")
    assert "bits over steps: once, 7 times, 29 times" in page
