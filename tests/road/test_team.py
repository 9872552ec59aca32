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
    assert together(3, walk, tmp_path / "two") == [0, 0, 0], "nor any batch to divide"


def test_a_mistake_is_said_once_and_all_leave(tmp_path: Path, capfd) -> None:
    """Found by the first one, before anything is made; batches of what comes later too."""
    Toy(tmp_path).recipe(sft__batch=192)
    assert together(3, walk, tmp_path) == [2, 0, 0]
    said = capfd.readouterr().err
    assert said.count("8 rows of 64 tokens do not divide among 3 processes") == 1 and "sft" not in said
    assert together(2, walk, tmp_path) == [2, 0]
    assert capfd.readouterr().err.count("sft.batch: 3 rows of 64 tokens do not divide among 2 processes") == 1
    assert not (tmp_path / "runs/toy").exists()
    assert together(2, walk, tmp_path, "pretrain.bach=3") == [2, 0]
    assert capfd.readouterr().err.count("pretrain.bach") == 1


def torchrun(folder: Path, *arguments: str, to: str = "release") -> subprocess.Popen[str]:
    """`torchrun ARGUMENTS -m calame run toy.yaml --to STAGE` in a folder."""
    walk = ["-m", "calame", "run", "toy.yaml", "--to", to]
    command = [sys.executable, "-m", "torch.distributed.run", *arguments, *walk]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, text=True)


def ends(*started: subprocess.Popen[str], most: float = 300) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each; all are killed if one of them does not end."""
    found = []
    try:
        for process in started:
            out, errors = process.communicate(timeout=most)
            found.append((process.returncode, out, errors))
    finally:
        for process in started:
            process.kill()
    return found


def nodes(port: int) -> list[tuple[str, ...]]:
    """Arguments for two machines of one process."""
    common = ("--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port))
    return [("--node-rank", str(node), *common) for node in range(2)]


@mark.slow
def test_two_machines_walk_the_road_of_one(tmp_path: Path) -> None:
    """Two agents of torchrun on the loopback, each with a process that takes itself for a machine's only one."""
    for name in ("one", "two"):
        Toy(tmp_path / name).recipe(**SMALL, execution__parallel="hybrid")
    assert together(1, walk, tmp_path / "one") == [0]
    found = ends(*[torchrun(tmp_path / "two", *arguments) for arguments in nodes(free_port())])
    assert [code for code, _, _ in found] == [0, 0], found
    same_road(tmp_path / "one", tmp_path / "two")
    assert found[0][1].count("2 processes, 1 on this machine; execution.parallel = hybrid") == 2, "pretrain and sft"
    assert "pretrain" not in found[1][1], "the other machine's process is silent"


def wait_for_steps(process: subprocess.Popen[str], folder: Path, steps: int) -> None:
    metrics = folder / "runs/toy/metrics.jsonl"
    until = time.monotonic() + 120
    while not metrics.is_file() or metrics.read_text().count("\n") < steps:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)


LONG: dict[str, Any] = {"pretrain__tokens": 500_000, "pretrain__mixture": {"epochs": 1000}, "execution__keep": 9}


@mark.slow
@mark.parametrize("machines", (1, 2))
def test_asked_to_stop_torchrun_saves_once_and_all_leave(machines: int, tmp_path: Path) -> None:
    """SIGTERM to the first machine's agent, as a scheduler sends it."""
    Toy(tmp_path).recipe(**LONG, execution__save_every=10**9)
    places = nodes(free_port()) if machines == 2 else [("--standalone", "--nproc-per-node", "2")]
    started = [torchrun(tmp_path, *arguments) for arguments in places]
    wait_for_steps(started[0], tmp_path, 5)
    began = time.monotonic()
    started[0].send_signal(signal.SIGTERM)
    found = ends(*started)
    assert time.monotonic() - began < 60
    assert all(code != 0 for code, _, _ in found)
    (folder,) = (path for path in (tmp_path / "runs/.store/pretrain").iterdir() if path.is_dir())
    (kept,) = checkpoint.steps(folder / "checkpoints")
    assert checkpoint.damage(kept) is None
    assert sum(out.count("  saved step-") for _, out, _ in found) == 1
    assert sum(errors.count("the same command goes on") for _, _, errors in found) == 1, found


@mark.slow
def test_when_one_is_killed_torchrun_ends_and_the_same_command_goes_on(tmp_path: Path) -> None:
    Toy(tmp_path).recipe(**{**LONG, "pretrain__tokens": 102_400}, execution__save_every=1024)
    process = torchrun(tmp_path, "--standalone", "--nproc-per-node", "2")
    wait_for_steps(process, tmp_path, 5)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    ((code, _, errors),) = ends(process)
    assert code != 0 and "another process of this run has ended" in errors
    ((code, out, errors),) = ends(torchrun(tmp_path, "--standalone", "--nproc-per-node", "2"))
    assert code == 0, errors
    assert out.count("goes on from step-") == 1


@mark.slow
def test_the_benchmark_of_scaling_runs(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks/scaling.py"
    command = [sys.executable, str(script), "--toy", "--processes", "1,2", "--steps", "2", "--mode", "fsdp"]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    one, two = (line.split("|") for line in done.stdout.splitlines()[-2:])
    assert (one[1].strip(), two[1].strip()) == ("1", "2")
    assert one[6] == two[6], "the loss"


@mark.gpu
@mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@mark.parametrize("mode", ("ddp", "fsdp"))
def test_all_cards_learn_what_one_learns(mode: str, tmp_path: Path) -> None:
    """fp32, fifty steps, on one card and on two or four."""
    losses = []
    for cards in [number for number in (1, 2, 4) if number <= torch.cuda.device_count()]:
        folder = tmp_path / str(cards)
        changes = {"pretrain__tokens": 25_600, "pretrain__mixture": {"epochs": 99}, "pretrain__precision": "fp32"}
        Toy(folder).recipe(**changes, execution={"device": "cuda", "log_every": 1, "parallel": mode})
        ((code, _, errors),) = ends(torchrun(folder, "--standalone", "--nproc-per-node", str(cards), to="pretrain"))
        assert code == 0, errors
        lines = [line for line in telemetry.read(folder / "runs/toy") if line["stage"] == "pretrain"]
        losses.append(torch.tensor([line["train/loss"] for line in lines if "train/loss" in line]))
    assert len(losses[0]) == 50
    for found in losses[1:]:
        apart = (found - losses[0]).abs().max()
        print(f"{mode}: losses differ by at most {apart:.2e} nats")
        assert apart < 1e-5
