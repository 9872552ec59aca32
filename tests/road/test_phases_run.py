"""A run with phases and shares by language: to the report, and which stages its keys belong to."""

import json
from pathlib import Path

import pytest

from calame.cli import main
from calame.recipe.load import load_recipe
from calame.road.stages import build_road
from calame.run.folder import RunFolder
from support import made_by

PHASES = {
    "naive": {"until": 3_000, "mixture": {"languages": {"fr": 0.7, "it": 0.3}}},
    "cooldown": {"mixture": {"source_balanced": True}},
}


def fingerprints(path: str, *overrides: str) -> dict[str, str]:
    return {stage.name: stage.fingerprint for stage in build_road(RunFolder(load_recipe(path, overrides)[0]))}


def test_phases_are_run_told_and_gone_on_with(toy, capsys, monkeypatch):
    path = toy.recipe(pretrain__phases=PHASES, pretrain__tokens=5120, sft=None)
    assert main(["run", path, "--to", "pretrain"]) == 0
    found = json.loads(Path("runs/toy/pretrain/mixture.json").read_text())
    naive, cooldown = found["phases"]
    assert (naive["from"], naive["to"], cooldown["to"]) == (0, 3_008, 5_120)  # 3,008: the first row at or after
    assert naive["languages"]["wanted"] == {"fr": 0.7, "it": 0.3}
    assert cooldown["wanted"] == {"contes": 0.5, "fiabe": 0.5}
    assert main(["report", path]) == 0
    page = Path("runs/toy/report.html").read_text(encoding="utf-8")
    assert "cooldown, 3.01k to 5.12k tokens, by language: furthest off by" in page and "asked for" in page
    made = made_by(monkeypatch)
    assert main(["run", path, "--to", "pretrain", "pretrain.tokens=6144"]) == 0
    assert made == ["pretrain"] and "goes on from step-00000010" in capsys.readouterr().out


def test_a_phase_that_runs_out_of_text_is_refused_before_anything_is_trained(toy, capsys):
    long = {"one": {"until": "30k"}, "two": {"until": "900k", "mixture": {"weights": {"fiabe": 1}}}, "three": {}}
    path = toy.recipe(pretrain__phases=long, pretrain__tokens=900_096)
    assert main(["run", path, "--to", "pretrain"]) == 2
    said = capsys.readouterr().err
    assert "pretrain.phases.two.until" in said and "no more text after" in said and "Traceback" not in said
    assert not Path("runs/toy/pretrain/checkpoints").exists()


@pytest.mark.parametrize("mixture", ({}, {"source_balanced": True}))
def test_a_source_of_another_kind_is_not_read_again(toy, mixture):
    path = toy.recipe(pretrain__mixture=mixture)
    before, after = fingerprints(path), fingerprints(path, "corpus.sources.contes.kind=books")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == (set() if not mixture else {"pretrain", "select", "sft/chat", "evaluation", "release"})
