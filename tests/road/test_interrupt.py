"""Interrupt anything anywhere: the same command goes on, and the end is that of a run that was never disturbed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calame.run import checkpoint, telemetry
from calame.run.files import file_digest
from support import Toy, environment, start

# `calame` as a process of its own, without paying for the imports each time: a fresh fork of one that has them.
FORKER = """
import os, sys
import calame.cli, calame.road.run, calame.evaluation.evaluate, calame.training.pretrain, calame.tuning.sft
import calame.release.huggingface
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
print("ready 0", flush=True)
for line in sys.stdin:
    folder, *arguments = line.split()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = calame.cli.main(arguments)
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print("child", child, flush=True)
    print("code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forker:
    def __init__(self) -> None:
        command = [sys.executable, "-c", FORKER]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), text=True)
        self._answer("ready")

    def _answer(self, expected: str) -> int:
        assert self.process.stdout is not None
        word, number = self.process.stdout.readline().split()
        assert word == expected
        return int(number)

    def start(self, folder: Path, *arguments: str) -> int:
        """Start `calame ARGUMENTS` in a folder, where its output is in the files `out` and `err`; its process id."""
        assert self.process.stdin is not None
        print(folder, *arguments, file=self.process.stdin, flush=True)
        return self._answer("child")

    def wait(self) -> int:
        return self._answer("code")

    def run(self, folder: Path, *arguments: str) -> int:
        self.start(folder, *arguments)
        return self.wait()


@pytest.fixture(scope="module")
def calame() -> Iterator[Forker]:
    forker = Forker()
    yield forker
    forker.process.kill()
    forker.process.wait()


def wait_until(condition) -> None:
    """Wait for something that the running process does."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it never came to pass")


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}


def outcome(folder: Path) -> tuple[str, dict, dict]:
    """The tuned weights' hash and the training losses by step of both trainings."""
    run = folder / "runs/toy"
    tuned = checkpoint.newest_valid(run / "sft/chat/checkpoints")
    assert tuned is not None
    return file_digest(tuned / "model.safetensors"), losses(run / "pretrain"), losses(run / "sft/chat")


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path, calame):
    for name in ("whole", "killed"):
        Toy(tmp_path / name).recipe(
            pretrain__tokens=24_576, pretrain__mixture={"epochs": 9}, sft__epochs=12, execution__save_every=2048
        )
    began = time.monotonic()
    assert calame.run(tmp_path / "whole", "run", "toy.yaml") == 0
    whole = time.monotonic() - began
    draw, kills, where = random.Random(3), 0, set()
    while True:
        child = calame.start(tmp_path / "killed", "run", "toy.yaml")
        if kills < 12:
            time.sleep(draw.uniform(0.02, 0.25) * whole)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        code = calame.wait()
        if code == 0:
            break
        assert code == -signal.SIGKILL, (tmp_path / "killed/err").read_text()
        kills += 1
        said = (tmp_path / "killed/out").read_text()
        where.add(said.count(": up to date") + said.count(": done in"))
    assert kills >= 6
    assert len(where) >= 2, "always killed in the same stage"
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


def test_ctrl_c_in_training_saves_and_the_same_command_goes_on(tmp_path, calame):
    Toy(tmp_path).recipe(pretrain__tokens=100_000, pretrain__mixture={"epochs": 1000}, execution__save_every=100_000)
    metrics = tmp_path / "runs/toy/metrics.jsonl"
    child = calame.start(tmp_path, "run", "toy.yaml", "--to", "pretrain")
    wait_until(lambda: metrics.is_file() and metrics.read_text().count("\n") > 3)
    os.kill(child, signal.SIGINT)
    assert calame.wait() == 130
    said = (tmp_path / "err").read_text()
    assert "the same command goes on" in said and "Traceback" not in said
    (folder,) = (path for path in (tmp_path / "runs/.store/pretrain").iterdir() if path.is_dir())
    (saved,) = checkpoint.steps(folder / "checkpoints")
    step = checkpoint.read_state(saved)["progress"]["step"]
    assert saved.name == f"step-{step:08d}"

    assert calame.run(tmp_path, "run", "toy.yaml", "--to", "pretrain") == 0
    said = (tmp_path / "out").read_text()
    assert "pretrain: was interrupted: goes on" in said and f"goes on from {saved.name}" in said
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert min(line["step"] for line in lines if line["attempt"] == 2) == step + 1


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, 75), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_before_the_training_leaves_nothing_half_made(tmp_path, calame, sign, code):
    Toy(tmp_path, documents=1000).recipe()
    child = calame.start(tmp_path, "run", "toy.yaml", "--to", "tokenizer")
    out = tmp_path / "out"
    wait_until(lambda: out.is_file() and "corpus/contes: not made yet" in out.read_text())
    os.kill(child, sign)
    assert calame.wait() == code
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert calame.run(tmp_path, "run", "toy.yaml", "--to", "tokenizer") == 0


def test_ctrl_c_at_the_command_itself_is_130(tmp_path):
    Toy(tmp_path, documents=1000).recipe()
    process = start("run", "toy.yaml", "--to", "corpus", cwd=tmp_path)
    assert process.stdout is not None
    next(line for line in process.stdout if "not made yet" in line)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted; the same command goes on\n")
