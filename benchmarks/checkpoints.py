"""How long training waits for a checkpoint, and how long the checkpoint takes: python benchmarks/checkpoints.py

Tensors of a model with its AdamW moments, all fp32, are saved once the plain way and then behind the training's back.
On a GPU the wait is until the device is free again, since the copies are queued before the next step.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from calame.recipe.units import say_bytes, say_count
from calame.run import checkpoint
from calame.run.writer import Writer

PIECE = 8_000_000  # parameters of one tensor, as of a large matrix


def build(parameters: int, device: str) -> dict[str, dict[str, torch.Tensor]]:
    sizes = [PIECE] * (parameters // PIECE) + ([parameters % PIECE] if parameters % PIECE else [])

    def filled(name: str) -> dict[str, torch.Tensor]:
        return {f"{number}/{name}": torch.randn(size, device=device) for number, size in enumerate(sizes)}

    return {"model": filled("weight"), "optimizer": filled("exp_avg") | filled("exp_avg_sq")}


def wait_for_device(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parameters", type=float, default=100e6)
    parser.add_argument("--saves", type=int, default=4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--ways", nargs="+", choices=("plain", "behind"), default=["plain", "behind"])
    options = parser.parse_args()
    tensors = build(int(options.parameters), options.device)
    size = sum(tensor.nbytes for content in tensors.values() for tensor in content.values())
    print(f"{say_count(options.parameters)} parameters on {options.device}: {say_bytes(size)} a checkpoint")
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        for name in options.ways:
            writer, root = Writer(background=name == "behind"), Path(place) / name
            start = time.perf_counter()
            writer.prepare(tensors)
            writer.wait()
            print(f"{name:<7} memory for copies is there after {time.perf_counter() - start:6.3f} s")
            for step in range(1, options.saves + 1):
                wait_for_device(options.device)
                start = time.perf_counter()
                writer.save(root, step, tensors, {}, lambda folder: None)
                wait_for_device(options.device)
                stall = time.perf_counter() - start
                writer.wait()
                whole = time.perf_counter() - start
                print(f"{name:<7} save {step}: training waits {stall:6.3f} s, whole after {whole:6.3f} s")
                checkpoint.keep_newest(root, 1, set())


if __name__ == "__main__":
    main()
