"""Training speed against `transformers` + torch.compile, in one run on one GPU: python benchmarks/speed.py

Every measurement is a process of its own, ours and the peer's in turn; a row of the table is the median over processes
with its spread. Both read the same rows of real shards (those of --shards, else ones of random tokens whose
frequencies fall as words' do), and do forward, loss, backward, clipping at 1.0 and fused AdamW on fp32 weights with
bf16 compute. Ours runs through the product's own loop. The peer takes scaled-dot-product attention and the settings of
SETTINGS that are asked for; the fastest is what ratios are to. No document mask on either side; --ways adds rows of
ours with it, and with other precisions and less memory.

Processes start and compile side by side, as many as fit the card. One that is ready is timed alone: all others are
halted meanwhile (SIGSTOP), and what they had queued has run. The clock is looked at every BLOCK steps, so that the
processor may run ahead of the device, as in training.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calame.model.config import ModelConfig, count_parameters
from calame.recipe.schema import Optimizer, Schedule
from calame.shards.rows import Rows, lay_out

BLOCK, BLOCKS, WARM = 8, 2, 5  # steps between two looks at the clock, such blocks, and steps before them
AGAIN = 3  # steps before the clock once all others are halted
PROFILED = 3  # steps of a profile
SETTLE = 1.0  # seconds after the others are halted, for what they had queued
BEGAN = time.perf_counter()
DOCUMENT = 700  # mean tokens of a document of random tokens


@dataclass(frozen=True)
class Shape:
    """A published system's model, and how many rows of its context pass through at once. gib: what a process of ours
    and one of the peer's may take of the card, so that not too many run side by side."""

    model: ModelConfig
    rows: int
    gib: tuple[int, int]


def llama(entries: int, width: int, layers: int, heads: int, groups: int, inner: int, context: int, **rest: Any):
    """A model of these sizes; `rest` is what is not Llama's usual."""
    usual = {"tie_word_embeddings": True, "initializer_range": 0.02}
    sizes = (entries, width, layers, heads, groups, width // heads, inner, context)
    return ModelConfig(*sizes, 1e4, 1e-5, **{**usual, **rest})


SHAPES = {
    "klovis": Shape(llama(32_005, 768, 14, 12, 4, 3072, 512), 64, (18, 25)),
    "rodin": Shape(llama(64_000, 2048, 22, 16, 16, 5461, 2048), 8, (38, 45)),
    "gaperon": Shape(llama(128_256, 2048, 16, 32, 8, 8192, 4096, tie_word_embeddings=False), 4, (38, 47)),
    "1gpu-llm": Shape(llama(32_000, 768, 12, 12, 12, 3072, 2500, family="gpt2"), 12, (13, 17)),
    "toy": Shape(llama(331, 64, 2, 4, 2, 100, 64), 4, (1, 1)),
}
SETTINGS: dict[str, dict[str, Any]] = {  # options of torch.compile; `own loss`: the class's, else F.cross_entropy
    "default": {"own loss": True},
    "loss beside": {},
    "max-autotune-no-cudagraphs": {"mode": "max-autotune-no-cudagraphs"},
    "reduce-overhead": {"mode": "reduce-overhead"},
}


# To train ours, beside the usual one. rows: that pass through at once, parts: so many times a step; memory: in GB.
WAYS: dict[str, dict[str, Any]] = {
    "masked": {"masked": True},
    "light": {"again": "light"},
    "selective": {"again": "selective"},
    "full": {"again": "full"},
    "fp8": {"precision": "fp8"},
    "graphs": {"graphs": True},
    "rounded, int8, full": {"precision": "bf16-rounded", "state": "int8", "again": "full"},
    "torch's attention": {"newer": False},
    "masked, torch's attention": {"masked": True, "newer": False},
    "plain": {"kernels": "plain"},
    "240,000 tokens a step in 16 GB": {"memory": 16, "rows": 12, "parts": 8},
    "65,536 tokens a step in 24 GB": {
        "memory": 24, "rows": 4, "parts": 8, "precision": "bf16-rounded", "state": "int8", "again": "full"
    },
}  # fmt: skip
USUAL: dict[str, Any] = {
    "masked": False,
    "again": "none",
    "precision": "auto",
    "state": None,
    "kernels": "auto",
    "graphs": False,
    "newer": True,
    "rows": None,
    "parts": 1,
    "memory": None,
}


class Stream:
    """Rows of one shape cut out of shard files, or of random tokens; a pure function of the position."""

    def __init__(self, shape: Shape, masked: bool, files: list[str]):
        self.context, self.masked = shape.model.max_position_embeddings, masked
        random = np.random.default_rng(0)
        size = 4_000_000
        if files:
            self.tokens = (
                np.concatenate([np.fromfile(file, np.uint16)[:size] for file in files]) % shape.model.vocab_size
            )
        else:
            self.tokens = np.minimum(random.zipf(1.2, size) - 1, shape.model.vocab_size - 1).astype(np.int32)
        lengths = random.geometric(1 / DOCUMENT, 2 * len(self.tokens) // DOCUMENT)
        self.ends = np.cumsum(lengths)

    def batch(self, position: int, tokens: int) -> Rows:
        """The rows at a token position, round in a circle, cut into documents at fixed random places."""
        start = position % (len(self.tokens) - tokens)
        cuts = self.ends[(self.ends > start) & (self.ends < start + tokens)]
        lengths = np.diff(np.concatenate([[start], cuts, [start + tokens]]))
        return lay_out(self.tokens[start : start + tokens].astype(np.int32), lengths, self.context, self.masked)


def ours(shape: Shape, stream: Stream, keys: argparse.Namespace) -> Clock:
    """Steps through the product's own loop."""
    from calame.model.attention import take_newer_flash
    from calame.model.decoder import Decoder
    from calame.model.device import choose_device
    from calame.run.telemetry import Telemetry
    from calame.training.batch import LossFunction, choose_attention
    from calame.training.loop import Plan, Progress, Trainer
    from calame.training.memory import cap_memory, checkpoint_activations
    from calame.training.precision import apply_precision

    class Enough(Exception):
        """All steps are timed; nothing is to be saved."""

    device = choose_device("auto", keys.precision)
    cap_memory(keys.memory and keys.memory * 10**9, device)
    with device.torch:
        model = apply_precision(draw(Decoder(shape.model)), device)
    checkpoint_activations(model, keys.again)
    fast, at_once = keys.kernels == "auto", (keys.rows or shape.rows) * stream.context
    batch = keys.parts * at_once
    attention = choose_attention(device, stream.masked) if fast else "dense"
    sizes = (shape.model.head_dim, shape.model.num_attention_heads, shape.model.num_key_value_heads)
    newer = take_newer_flash(device.torch, *sizes) if fast and keys.newer else None
    print(f"newer flash attention: {newer}", file=sys.stderr)
    loss = LossFunction(model, device, stream.masked, attention, device.torch.type == "cuda", fast)
    clock, profiler = Clock(keys.blocks, keys.turn), torch.profiler.profile() if keys.profile else None

    def observe(progress: Progress) -> dict[str, Any]:
        clock.step()
        if clock.over == 0 and profiler:
            profiler.start()
        elif clock.over >= (PROFILED if profiler else 0):
            raise Enough
        return {}

    never = 10**15
    plan = Plan(never, batch, Optimizer(state=keys.state), Schedule(), 1.0, 0, at_once, 10**9, never, 1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            Path(folder), plan, model, device, stream, loss, Telemetry("speed", Path(folder), Path(folder)), {},
            observers=[(batch, observe)], graphed=keys.graphs,
        )  # fmt: skip
        with contextlib.suppress(Enough):
            trainer.run()
    if profiler:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        profiler.stop()
        print_profile(profiler)
    return clock


def draw(model: Any) -> Any:
    """Weights as at the beginning of a training, drawn where they are."""
    for parameter in model.parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, 0.0, 0.02)
    return model


def print_profile(profiler: Any) -> None:
    """Milliseconds of a step by kernel, the longest first, to the errors' stream."""
    kernels = [e for e in profiler.key_averages() if e.self_device_time_total and e.device_type.name == "CUDA"]
    kernels.sort(key=lambda e: -e.self_device_time_total)
    whole = sum(e.self_device_time_total for e in kernels)
    print(f"profile: {whole / PROFILED / 1e3:.2f} ms of kernels a step", file=sys.stderr)
    for e in kernels[:40]:
        spent, calls = e.self_device_time_total / PROFILED / 1e3, e.count / PROFILED
        print(f"profile: {spent:7.3f} ms {calls:5.0f}x  {e.key[:110]}", file=sys.stderr)


class Clock:
    """Seconds of a step, for each block of steps after those that warm up. `turn`: a file that is written when the
    process is warm, and gone when it may go on, alone."""

    def __init__(self, blocks: int, turn: str | None):
        self.blocks, self.turn, self.steps, self.seconds, self._last = blocks, turn, 0, list[float](), 0.0
        self.first = 0.0  # when the first step was done, in seconds since this program was begun

    @property
    def over(self) -> int:
        """Steps since the last block; below 0 before that."""
        return self.steps - WARM - AGAIN - self.blocks * BLOCK

    def step(self) -> None:
        self.steps += 1
        if self.steps == 1:
            self.first = time.perf_counter() - BEGAN
        if self.steps == WARM:
            self._wait()
        since = self.steps - WARM - AGAIN
        if since >= 0 and since % BLOCK == 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            time_now = time.perf_counter()
            if since > 0 and self.over <= 0:
                self.seconds.append((time_now - self._last) / BLOCK)
            self._last = time_now

    def _wait(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if self.turn:
            Path(self.turn).touch()
            while Path(self.turn).exists():
                time.sleep(0.01)


def peer(shape: Shape, stream: Stream, keys: argparse.Namespace) -> Clock:
    """Steps of the stock class, as its documentation has one train it."""
    import torch.nn.functional as F
    from transformers import AutoConfig, AutoModelForCausalLM

    from calame.model.huggingface import to_config

    values = to_config(shape.model, "float32", {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0})
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    config = AutoConfig.for_model(**values)
    with torch.device(kind):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.95), 1e-8, 0.1, fused=True)

    options = dict(SETTINGS[keys.setting])
    own_loss = options.pop("own loss", False)

    def loss_of(tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            if own_loss:  # `shift_labels` are labels that were shifted before
                return model(input_ids=tokens, labels=targets, shift_labels=targets, use_cache=False).loss
            logits = model(input_ids=tokens, use_cache=False).logits
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    run = torch.compile(loss_of, dynamic=False, **options) if kind == "cuda" else loss_of
    batch = shape.rows * stream.context
    clock = Clock(keys.blocks, keys.turn)
    for step in range(keys.blocks * BLOCK + WARM + AGAIN):
        rows = stream.batch(step * batch, batch)
        tokens, targets = (torch.from_numpy(a).long() for a in (rows.tokens, rows.targets))
        if kind == "cuda":
            tokens, targets = (t.pin_memory().to(kind, non_blocking=True) for t in (tokens, targets))
        run(tokens, targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        clock.step()
    return clock


def measure(keys: argparse.Namespace) -> dict[str, Any]:
    """One process's figures."""
    torch.set_float32_matmul_precision("high")
    shape = SHAPES[keys.shape]
    stream = Stream(shape, keys.masked, keys.shards)
    clock = (ours if keys.who == "ours" else peer)(shape, stream, keys)
    typical = statistics.median(clock.seconds)
    return {
        "tokens_per_s": keys.parts * (keys.rows or shape.rows) * stream.context / typical,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0,
        "first_step_s": round(clock.first, 1),
        "step_ms": round(typical * 1000, 2),
    }


class Run:
    """A process that measures one row once."""

    def __init__(self, row: str, folder: Path, keys: dict[str, Any]):
        self.row, self.keys, self.turn = row, keys, folder / "turn"
        self.gib = SHAPES[keys["shape"]].gib[keys["who"] == "peer"]
        self.out, self.err = (folder / name for name in ("out", "err"))  # a pipe would wait for compilers
        command = [sys.executable, __file__, "--one", json.dumps({**keys, "turn": str(self.turn)})]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)

    @property
    def ready(self) -> bool:
        """Warm, or ended by a fault."""
        return self.turn.exists() or self.process.poll() is not None

    def finish(self) -> dict[str, Any] | None:
        """Its figures, once it may go on; None if it failed, and why is printed."""
        self.turn.unlink(missing_ok=True)
        code = self.process.wait()
        lines = [line for line in self.out.read_text().splitlines() if line.startswith("{")]
        if code or not lines:
            print(f"failed: {self.row} {self.keys}\n{self.err.read_text()[-1500:]}", flush=True)
            return None
        if self.keys["profile"]:
            told = self.err.read_text().splitlines(True)
            print("".join(line for line in told if line.startswith("profile: ")), end="")
        print(f"  {self.keys['shape']} {self.row} {lines[-1]}", flush=True)
        return json.loads(lines[-1])


def plan(keys: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """(row, options) of each process in order: pair after pair over all shapes; last what is asked once."""
    for number in range(keys.pairs):
        for name in keys.shapes:
            for row, options in rows_of(name, keys.settings, keys.ways).items():
                profiled = keys.profile and number == 0 and options["who"] == "ours" and not options["masked"]
                yield row, {**options, "shards": keys.shards, "profile": profiled}
    for name in keys.shapes:
        for row, options in rows_of(name, (), keys.once).items():
            if row != "calame":
                yield row, {**options, "shards": keys.shards, "profile": False}


def rows_of(name: str, settings: Sequence[str], ways: Sequence[str]) -> dict[str, dict[str, Any]]:
    common = {"shape": name, "blocks": BLOCKS, "setting": "default", **USUAL}
    asked = [text.partition("=")[::2] for text in ways]  # SHAPE=WAY, or WAY for all shapes
    own = [way or shape for shape, way in asked if not way or shape == name]
    peers = {f"transformers ({setting})": {"who": "peer", "setting": setting} for setting in settings}
    ours_ = {"calame": {"who": "ours"}, **{f"calame, {way}": {"who": "ours", **WAYS[way]} for way in own}}
    return {row: {**common, **options} for row, options in (peers | ours_).items()}


def run_all(keys: argparse.Namespace) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Figures by shape and row. Every process is timed while all others are halted; what cannot be begun before
    --seconds are over is left out, and said."""
    todo, running = list(plan(keys)), list[Run]()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as place:
        while todo or running:
            late = time.perf_counter() - BEGAN > keys.seconds
            while todo and not late and len(running) < keys.at_once and fits(todo[0], running, keys.card):
                row, options = todo.pop(0)
                running.append(Run(row, Path(tempfile.mkdtemp(dir=place)), options))
            if late and todo:
                print("no time for", ", ".join(f"{options['shape']} {row}" for row, options in todo), flush=True)
                todo = []
            run = next((run for run in running if run.ready), None)
            if run is None or (keys.after and not keys.after.exists()):
                time.sleep(0.05)
                continue
            running.remove(run)
            figures = alone(run, [*(other.process.pid for other in running), *keys.halt])
            found.setdefault((run.keys["shape"], run.row), []).extend([figures] if figures else [])
    return found


def fits(task: tuple[str, dict[str, Any]], running: Sequence[Run], card: int) -> bool:
    options = task[1]
    return sum(run.gib for run in running) + SHAPES[options["shape"]].gib[options["who"] == "peer"] <= card


def alone(run: Run, others: Sequence[int]) -> dict[str, Any] | None:
    """others: process groups, with the compilers that they started."""
    signal_all(others, signal.SIGSTOP)
    time.sleep(SETTLE)
    try:
        return run.finish()
    finally:
        signal_all(others, signal.SIGCONT)


def signal_all(groups: Sequence[int], which: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, which)


def table(found: dict[tuple[str, str], list[dict[str, Any]]]) -> list[str]:
    lines = ["| shape | who | tokens/s | spread (k) | ratio | peak GiB | of the peer's | first step (s) |"]
    lines.append("|---" * 8 + "|")
    for (name, row), runs in found.items():
        peers = [r for (shape, who), r in found.items() if shape == name and who.startswith("transformers") and r]
        best = max(peers, key=lambda r: typical(r, "tokens_per_s"), default=None)
        if runs:
            lines.append(table_row(name, row, runs, best))
    return lines


def typical(runs: Sequence[dict[str, Any]], what: str) -> float:
    return statistics.median(run[what] for run in runs)


def table_row(name: str, row: str, runs: Sequence[dict[str, Any]], best: Sequence[dict[str, Any]] | None) -> str:
    rates = [run["tokens_per_s"] for run in runs]
    rate, peak, first = (typical(runs, what) for what in ("tokens_per_s", "peak_gib", "first_step_s"))
    ratio = f"{rate / typical(best, 'tokens_per_s'):.3f}" if best else "-"
    share = f"{peak / typical(best, 'peak_gib'):.2f}" if best and peak else "-"
    spread = f"{min(rates) / 1e3:.1f}-{max(rates) / 1e3:.1f} of {len(runs)}"
    return f"| {name} | {row} | {rate / 1e3:.1f}k | {spread} | {ratio} | {peak:.1f} | {share} | {first:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["klovis", "rodin", "gaperon", "1gpu-llm"])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--ways", nargs="*", default=["masked"], help=f"more rows of ours, as WAY or SHAPE=WAY: {WAYS}")
    parser.add_argument("--once", nargs="*", default=[], help="more rows of ours, of one process each")
    parser.add_argument("--at-once", type=int, default=5, help="most processes side by side")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing more after so long")
    parser.add_argument("--card", type=int, default=128, help="GiB that processes may take together")
    parser.add_argument("--after", type=Path, help="nothing is timed before this file is there")
    parser.add_argument("--halt", nargs="*", type=int, default=[], help="process groups of others, halted too")
    parser.add_argument("--shards", nargs="*", default=[], help="train.bin files of 16-bit tokens")
    parser.add_argument("--profile", action="store_true", help="kernels of a step of ours, by time")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    keys = parser.parse_args()
    if keys.one:
        print(json.dumps(measure(argparse.Namespace(**json.loads(keys.one)))), flush=True)
        os._exit(0)  # everybody waits: nothing is taken down in order
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    found = run_all(keys)
    print(f"\n{card}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}\n")
    for name in keys.shapes:
        shape = SHAPES[name]
        print(f"- {name}: {count_parameters(shape.model):,} parameters, {shape.rows} rows; {asdict(shape.model)}")
    print("\n" + "\n".join(table(found)))


if __name__ == "__main__":
    main()
