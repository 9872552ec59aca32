"""Loader speed from a warm memory map on one core: python benchmarks/loader.py

Prints tokens/s (median and spread over windows) at mean document lengths of 50 and 1,000 tokens, three sources.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from calame.run.files import write_json
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.shards.read import FORMAT, INDEX, Shard

TOKENS = 40_000_000
SOURCES = 3
CONTEXT = 512
WINDOWS = 30


class AnyTokenizer:
    """Stands for the tokenizer of the shards below: they hold random ids."""

    hash = "benchmark"


def random_shard(folder: Path, name: str, tokens: int, mean_length: int, seed: int) -> Shard:
    """A shard of random tokens whose document lengths are geometric, as lengths of real documents roughly are."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / mean_length, 2 * tokens // mean_length) + 2
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), tokens))]
    index = np.zeros(len(lengths), INDEX)
    index["start"] = np.cumsum(lengths) - lengths
    folder.mkdir(parents=True)
    random.integers(0, 32_000, int(lengths.sum()), dtype=np.uint16).tofile(folder / "train.bin")
    np.save(folder / "train.npy", index)
    write_json(
        folder / "header.json",
        {
            "format": FORMAT,
            "source": name,
            "tokenizer": AnyTokenizer.hash,
            "dtype": "uint16",
            "languages": ["fr"],
            "splits": {"train": {"documents": len(lengths), "tokens": int(lengths.sum()), "sha256": ""}},
        },
    )
    return Shard(folder, "train", AnyTokenizer())  # type: ignore[arg-type]


def measure(mean_length: int) -> list[float]:
    """Tokens a second for each of WINDOWS windows, after two to warm up."""
    with tempfile.TemporaryDirectory() as folder:
        shards = [
            random_shard(Path(folder) / str(k), f"s{k}", TOKENS // SOURCES, mean_length, k) for k in range(SOURCES)
        ]
        for shard in shards:
            np.asarray(shard.tokens).sum()
        sizes = {shard.name: int(shard.starts[-1]) for shard in shards}
        mixture = Mixture(sizes, [Phase({"s0": 0.5, "s1": 0.3, "s2": 0.2}, 4.0)], CONTEXT)
        loader = Loader(shards, mixture, CONTEXT, True, 1)
        rates = []
        for window in range(WINDOWS + 2):
            start = time.perf_counter()
            loader.batch(window * mixture.window, mixture.window)
            rates.append(mixture.window / (time.perf_counter() - start))
        return rates[2:]


if __name__ == "__main__":
    print(f"{'mean document':>14} {'median':>10} {'slowest':>10} {'fastest':>10}  (M tokens/s, one core)")
    for mean_length in (50, 1000):
        rates = measure(mean_length)
        median, slowest, fastest = (rate / 1e6 for rate in (statistics.median(rates), min(rates), max(rates)))
        print(f"{mean_length:>14} {median:>10.1f} {slowest:>10.1f} {fastest:>10.1f}")
