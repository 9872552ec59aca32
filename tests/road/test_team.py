"""The road by several processes: the same stages, the same numbers; one of them walks, writes and speaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from pytest import approx, mark
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

import calame.evaluation.evaluate
import calame.inference.load
import calame.release.huggingface  # what a road imports, once for all forks
import calame.tuning.sft  # noqa: F401
from calame import cli
from calame.run import checkpoint, telemetry
from calame.run.files import read_json
from support import Toy, environment
from team import free_port, together

SMALL: dict[str, Any] = {"execution__save_every": 1024, "execution__validate_every": 2048}


def walk(folder: Path, *arguments: str) -> int:
    os.chdir(folder)
    return cli.main(["run", "toy.yaml", *arguments])


def made(folder: Path) -> dict[str, str]:
    """Each stage's fingerprint: what the run's store holds."""
    done = [read_json(path) for path in sorted((folder / "runs/.store").glob("*/*/done.json"))]
    return {stage["stage"]: stage["fingerprint"] for stage in done}


def same_road(one: Path, other: Path) -> None:
    assert made(one) == made(other)
    assert len(made(one)) == 11
    ours, theirs = telemetry.read(one / "runs/toy"), telemetry.read(other / "runs/toy")
    assert [(line["stage"], line["step"]) for line in ours] == [(line["stage"], line["step"]) for line in theirs]
    for line, their in zip(ours, theirs, strict=True):
        for name, value in line.items():
            if name.startswith(("train/", "val/", "data/")):
                assert their[name] == approx(value, abs=5e-5, rel=1e-4), (line["step"], name)
    for stage in ("pretrain", "sft/chat"):
        last = [checkpoint.newest_valid(folder / "runs/toy" / stage / "checkpoints") for folder in (one, other)]
        assert last[0] is not None and last[1] is not None and last[0].name == last[1].name
        weights, others = (checkpoint.load(folder)[0]["model"] for folder in last if folder)
        assert all((weights[name] - others[name]).abs().max() < 1e-3 for name in weights)


def test_two_walk_the_road_of_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Toy(tmp_path / name).recipe(**SMALL, execution__parallel="fsdp")
    assert together(1, walk, tmp_path / "one") == [0]
    assert together(2, walk, tmp_path / "two") == [0, 0]
    same_road(tmp_path / "one", tmp_path / "two")
    lines = (tmp_path / "two/runs/toy/metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines if '"train/loss"' in line and '"pretrain"' in line]
    assert steps == list(range(1, 13)), "each step is written once"
    assert together(2, walk, tmp_path / "two") == [0, 0], "everything is fresh: nothing to join"


def test_a_mistake_is_said_once_and_all_leave(tmp_path: Path, capfd) -> None:
    """Rows that do not divide are found by every process; a misspelt key by the first one alone."""
    Toy(tmp_path).recipe()
    assert together(3, walk, tmp_path) == [2, "SystemExit: 2", "SystemExit: 2"]
    said = capfd.readouterr().err
    assert said.count("8 rows of 64 tokens do not divide among 3 processes") == 1
    assert together(2, walk, tmp_path, "pretrain.bach=3") == [2, 0]
    assert capfd.readouterr().err.count("pretrain.bach") == 1
