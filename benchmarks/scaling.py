"""Tokens/s by number of GPUs, at the same batch: python benchmarks/scaling.py [--mode ddp] [--processes 1,2,4]

The shape is RODIN-1B's; `--toy` takes a tiny one, to see the benchmark itself work on a CPU by gloo. Each row of the
table is a fresh torchrun; what is timed is the loop's own step on random rows: forward, loss, backward, sums over the
processes, clipping, AdamW. Efficiency is tokens/s over so many times those of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.schema import Optimizer, Schedule
from calame.run.launch import launched
from calame.run.telemetry import Telemetry
from calame.shards.rows import Rows, lay_out
from calame.training.batch import LossFunction, choose_attention
from calame.training.loop import Plan, Trainer
from calame.training.parallel import join
from calame.training.sharding import compile_layers

RODIN = ModelConfig(64_000, 2048, 22, 16, 16, 128, 5461, 2048, 10_000.0, 1e-5, True, 0.02)
TOY = ModelConfig(512, 64, 2, 2, 2, 32, 171, 64, 10_000.0, 1e-5, True, 0.02)
DOCUMENT = 700  # tokens of a document; a row of 2048 holds about three


class RandomRows:
    """Random tokens in documents of one length, the same rows at every position: the loader has its own benchmark."""

    masked = True

    def __init__(self, config: ModelConfig, batch: int):
        self.context = config.max_position_embeddings
        lengths = np.diff(np.append(np.arange(0, batch, DOCUMENT), batch))
        tokens = np.random.default_rng(1).integers(0, config.vocab_size, batch)
        self.rows = lay_out(tokens, lengths, self.context, True)

    def batch(self, position: int, tokens: int) -> Rows:
        return self.rows


def main() -> None:
    options = parse()
    if launched():
        measure(options)
        return
    shape, device = ("toy", "CPU") if options.toy else ("RODIN-1B", torch.cuda.get_device_name())
    print(f"{shape}, {options.batch:,} tokens a step, at most {options.micro_rows} rows at once, {options.mode}")
    print(f"torch {torch.__version__}, {device}\n")
    print("| processes | tokens/s (slowest, fastest step) | tokens/s a process | efficiency | peak GiB | loss |")
    print("|---|---|---|---|---|---|", flush=True)
    first = 0.0
    for processes in options.processes:
        found = start(processes)
        first = first or found["rate"] / processes
        rate, each = found["rate"], found["rate"] / processes
        print(
            f"| {processes} | {rate:,.0f} ({found['slowest']:,.0f}, {found['fastest']:,.0f}) | {each:,.0f} | "
            f"{each / first:.1%} | {found['peak']:.1f} | {found['loss']:.4f} |",
            flush=True,
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a tiny shape on the CPU")
    parser.add_argument("--mode", default="ddp", choices=("ddp", "fsdp", "hybrid"))
    parser.add_argument("--processes", default="1,2,4", type=lambda text: [int(number) for number in text.split(",")])
    parser.add_argument("--batch", type=int, help="tokens of a step (65,536; toy: 1,024)")
    parser.add_argument("--micro-rows", type=int, default=8, help="most rows at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5, help="steps that are not timed; the first compiles")
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    options.batch = options.batch or (1024 if options.toy else 65_536)
    return options


def start(processes: int) -> dict[str, float]:
    """This file under torchrun, with the same arguments; what its first process measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        environment = {**os.environ, "SCALING_RESULT": str(path), "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, __file__, *sys.argv[1:]], check=True, env=environment)
        return json.loads(path.read_text())


def measure(options: argparse.Namespace) -> None:
    """In each process: train, and in the first write down tokens/s, peak memory and the last loss."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(options, Path(folder))
        trainer.model.train()
        seconds = []
        for _ in range(options.warmup + options.steps):
            began = time.perf_counter()
            loss, _ = trainer._step()
            last = loss.item()  # waits for the device
            seconds.append(time.perf_counter() - began)
        trainer.team.most(0)  # none leaves before the others
    timed = seconds[options.warmup :]
    peak = torch.cuda.max_memory_allocated() / 2**30 if trainer.device.torch.type == "cuda" else 0.0
    rates = {"rate": median(timed), "slowest": max(timed), "fastest": min(timed)}
    found = {name: options.batch / value for name, value in rates.items()} | {"peak": peak, "loss": last}
    if trainer.team.chief:
        Path(os.environ["SCALING_RESULT"]).write_text(json.dumps(found))


def trainer_of(options: argparse.Namespace, folder: Path) -> Trainer:
    config, team = TOY if options.toy else RODIN, replace(join(), mode=options.mode)
    device = choose_device("cpu" if options.toy else "cuda")
    model = Decoder(config)
    model.initialise(1)
    model.to(device.torch)
    data, fast = RandomRows(config, options.batch), not options.toy and not options.no_compile
    if fast and team.size > 1:
        compile_layers(model)
    as_one = fast and team.size == 1
    loss = LossFunction(model, device, True, choose_attention(device, True), as_one, fast)
    rows = team.portion("--batch", options.batch, data.context) // data.context
    at_once = max(n for n in range(1, min(rows, options.micro_rows) + 1) if rows % n == 0) * data.context
    plan = Plan(
        10**12, options.batch, Optimizer(learning_rate=3e-4), Schedule(), 1.0, 1, at_once, 10**9, 10**15, 1
    )  # fmt: skip
    return Trainer(folder, plan, model, device, data, loss, Telemetry("scaling", folder), {}, team=team)


if __name__ == "__main__":
    main()
