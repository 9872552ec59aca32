"""Seconds of every task of a folder: python benchmarks/offline_suite.py FOLDER

Without --run the model is one of random weights, whose answers never end by themselves, with a small vocabulary of the
built-in world, which cuts real text into more tokens than a large one would: both make it slower than a trained model
is. With --run (a run, a checkpoint, a Hugging Face folder) the numbers themselves mean something.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from speed import SHAPES

from calame.corpus.petit_monde import rows
from calame.evaluation.tasks.measure import measure_tasks
from calame.evaluation.tasks.page import lines
from calame.inference.load import Loaded, load_any
from calame.model.config import count_parameters
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.evaluation import Evaluation
from calame.run.tables import text_table
from calame.tokenizer.train import train

VOCABULARY, BYTES = 2048, 1_000_000  # of the random model: entries, and text that they are learnt from


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="with a MANIFEST.json or .yaml")
    parser.add_argument("--run", help="a trained model")
    parser.add_argument("--model", default="klovis", choices=list(SHAPES), help="else: a shape of benchmarks/speed.py")
    parser.add_argument("--tasks", default="offline")
    parser.add_argument("--shots", type=int)
    parser.add_argument("--limit", type=int, help="items of a task")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    loaded = load_any(asked.run, device=asked.device) if asked.run else random_model(asked.model, asked.device)
    print(f"{count_parameters(loaded.model.config):,} parameters; {loaded.device.name}, {loaded.device.precision}")
    keys = Evaluation(tasks=asked.tasks.split(","), folder=asked.folder, shots=asked.shots, limit=asked.limit)
    with TemporaryDirectory() as folder:
        start = time.monotonic()
        found = measure_tasks(loaded, keys, Path(folder))
        seconds = time.monotonic() - start
    assert found is not None, "tasks are named"
    print("\n".join(lines({"the model": found})))
    slowest = sorted(found["results"], key=lambda result: -result["seconds"])
    print("\n".join(text_table(("task", "items", "seconds"), [[r["name"], r["items"], r["seconds"]] for r in slowest])))
    items = sum(result["items"] for result in found["results"])
    print(f"{len(slowest)} tasks, {items:,} items in {seconds:.1f} seconds")


def random_model(shape: str, device: str) -> Loaded:
    texts = (str(row["text"]) for row in rows("prose", seed=0, size=BYTES))
    model = Decoder(SHAPES[shape].model).eval()
    model.initialise(0)
    chosen = choose_device(device)
    entries = min(VOCABULARY, model.config.vocab_size)
    return Loaded(model.to(chosen.torch), train("byte-bpe", entries, texts), chosen, False, "random weights")


if __name__ == "__main__":
    main()
