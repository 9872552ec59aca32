"""Tokens/s by number of GPUs, at the same batch: python benchmarks/scaling.py [--mode ddp] [--processes 1,2,4]

The shape is RODIN-1B's; `--toy` takes a tiny one, to see the benchmark itself work on a CPU by gloo. Each row of the
table is a fresh torchrun; what is timed is the loop's own step on rows of --shards, else of random tokens: forward,
loss, backward, sums over the processes, clipping, AdamW. Efficiency: tokens/s over so many times those of one process.

--to keeps each row's figures and losses in a folder. `--band FOLDER` then holds the losses of several processes
against those of one that passes other numbers of rows at once: all would be equal if sums did not round.
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
from typing import Any

import torch
from speed import SHAPES, Stream, draw

from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.schema import Optimizer, Schedule
from calame.run.launch import launched
from calame.run.tables import text_table
from calame.run.telemetry import Telemetry
from calame.training.batch import LossFunction, choose_attention
from calame.training.loop import Plan, Trainer
from calame.training.parallel import join
from calame.training.sharding import compile_layers


def main() -> None:
    options = parse()
    if options.band:
        band([json.loads(file.read_text()) for file in sorted(options.band.glob("*.json"))])
        return
    if launched():
        measure(options)
        return
    shape, device = ("toy", "CPU") if options.toy else ("RODIN-1B", torch.cuda.get_device_name())
    print(f"{shape}, {options.batch:,} tokens a step, at most {options.micro_rows} rows at once, {options.mode}")
    print(f"torch {torch.__version__}, {device}\n")
    print("| processes | tokens/s (slowest, fastest step) | tokens/s a process | efficiency | peak GiB | loss |")
    print("|---|---|---|---|---|---|", flush=True)
    first = options.one
    for processes in options.processes:
        found = start(processes, options.to)
        first = first or found["rate"] / processes
        rate, each = found["rate"], found["rate"] / processes
        print(
            f"| {processes} | {rate:,.0f} ({found['slowest']:,.0f}, {found['fastest']:,.0f}) | {each:,.0f} | "
            f"{each / first:.1%} | {found['peak']:.1f} | {found['losses'][-1]:.4f} |",
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
    parser.add_argument("--one", type=float, default=0.0, help="tokens/s of one process, measured before")
    parser.add_argument("--shards", nargs="*", default=[], help="train.bin files of 16-bit tokens")
    parser.add_argument("--to", type=Path, help="a folder for figures and losses")
    parser.add_argument("--band", type=Path, metavar="FOLDER", help="compare losses that --to has kept")
    options = parser.parse_args()
    options.batch = options.batch or (1024 if options.toy else 65_536)
    return options


def start(processes: int, to: Path | None) -> dict[str, Any]:
    """This file under torchrun, with the same arguments; what its first process measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        environment = {**os.environ, "SCALING_RESULT": str(path), "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, __file__, *sys.argv[1:]], check=True, env=environment)
        found = json.loads(path.read_text())
    if to:
        to.mkdir(parents=True, exist_ok=True)
        way = f"{found['processes']}-{found['mode']}-{found['micro_rows']}"
        (to / f"{way}.json").write_text(json.dumps(found))
    return found


def measure(options: argparse.Namespace) -> None:
    """In each process: train, and in the first write down tokens/s, peak memory and the losses."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(options, Path(folder))
        trainer.model.train()
        seconds, losses = list[float](), list[float]()
        for _ in range(options.warmup + options.steps):
            began = time.perf_counter()
            loss, _ = trainer._step()
            losses.append(loss.item())  # waits for the device
            seconds.append(time.perf_counter() - began)
        trainer.team.most(0)  # none leaves before the others
    timed = seconds[options.warmup :]
    peak = torch.cuda.max_memory_allocated() / 2**30 if trainer.device.torch.type == "cuda" else 0.0
    rates = {"rate": median(timed), "slowest": max(timed), "fastest": min(timed)}
    way = {"processes": trainer.team.size, "mode": options.mode, "micro_rows": options.micro_rows}
    found = {**way, **{name: options.batch / value for name, value in rates.items()}, "peak": peak, "losses": losses}
    if trainer.team.chief:
        Path(os.environ["SCALING_RESULT"]).write_text(json.dumps(found))


def trainer_of(options: argparse.Namespace, folder: Path) -> Trainer:
    shape, team = SHAPES["toy" if options.toy else "rodin"], replace(join(), mode=options.mode)
    device = choose_device("cpu" if options.toy else "cuda")
    torch.manual_seed(1)
    with device.torch:
        model = draw(Decoder(shape.model))
    data, fast = Stream(shape, True, options.shards), not options.toy and not options.no_compile
    if fast and team.size > 1:
        compile_layers(model)
    as_one = fast and team.size == 1
    loss = LossFunction(model, device, True, choose_attention(device, True), as_one, fast)
    rows = team.portion("--batch", options.batch, data.context) // data.context
    at_once = max(n for n in range(1, min(rows, options.micro_rows) + 1) if rows % n == 0) * data.context
    schedule = Schedule(kind="constant", warmup=options.warmup * options.batch)
    plan = Plan(
        10**12, options.batch, Optimizer(learning_rate=3e-4), schedule, 1.0, 1, at_once, 10**9, 10**15, 1
    )  # fmt: skip
    return Trainer(folder, plan, model, device, data, loss, Telemetry("scaling", folder), {}, team=team)


def band(found: list[dict[str, Any]]) -> None:
    """How far the losses of each run are from those of the (other) runs of one process: the root mean square over all
    steps, the median of those runs. The widest of one process is the band."""
    losses = [torch.tensor(run["losses"], dtype=torch.float64) for run in found]
    alone = [at for at, run in enumerate(found) if run["processes"] == 1]
    assert len(alone) >= 3, "losses of three runs of one process are wanted"

    def apart(at: int) -> float:
        return median([float((losses[at] - losses[n]).square().mean().sqrt()) for n in alone if n != at])

    widest = max(map(apart, alone))
    rows = [
        [
            "one process" if at in alone else f"{run['processes']} processes, {run['mode']}",
            str(run["micro_rows"]),
            f"{losses[at][0]:.5f}",
            f"{losses[at][-1]:.5f}",
            f"{apart(at):.2e}",
            f"{apart(at) / widest:.2f}",
        ]
        for at, run in enumerate(found)
    ]
    print(f"{len(losses[0])} steps; nats apart from runs of one process")
    head = ("run", "rows at once", "first loss", "last loss", "nats apart", "of the widest")
    print("\n".join(text_table(head, rows)))


if __name__ == "__main__":
    main()
