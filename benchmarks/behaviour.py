"""Seconds of the behaviour suite: 600 prompts x 64 tokens, written down as JSON and as a table: behaviour.py --random

The whole measurement is timed as the evaluation makes it (evaluation/behaviour/measure.py): prompts read, generations
in batches, every text judged, intervals, files; twice, for the first time holds what a device has to prepare. The model
is a trained one (--model: a Hugging Face folder, a checkpoint, a run), whose figures then mean something, or one of
random weights in Klovis's shape. That one never ends by itself and says only what its tokenizer knows, so that every
generation has its 64 tokens: its output rows of other entries are zero, and of the fifty likeliest one is drawn.

The bar is 60 seconds on one GPU; the exit code is 1 where it is missed there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from speed import SHAPES

from calame.corpus.petit_monde import rows
from calame.evaluation.behaviour.measure import FILE, GENERATIONS, measure_behaviour
from calame.evaluation.behaviour.page import lines
from calame.evaluation.behaviour.prompts import SHIPPED
from calame.inference.load import Loaded, in_bf16, load_any
from calame.model.config import count_parameters
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.evaluation import Behaviour
from calame.run.tables import text_table
from calame.tokenizer.train import train

BAR = 60.0  # seconds on one GPU, issue "Evaluation"
EACH = 200  # prompts of each of three languages
VOCABULARY, BYTES = 4096, 2_400_000  # of the random model: entries, and text that they are learnt from
QUICK = {"prompts": 10, "tokens": 16, "layers": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="a trained model: a folder, or a run's name")
    which.add_argument("--random", action="store_true", help="random weights in Klovis's shape")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"), help="of weights and products (fp32)")
    parser.add_argument("--quick", action="store_true", help=f"a rehearsal: {QUICK}, the layers of a random model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--to", type=Path, default=Path(".reports/behaviour.json"), help="(.reports/behaviour.json)")
    asked = parser.parse_args()
    loaded = random_model(asked.device, asked.quick) if asked.random else load_any(asked.model, device=asked.device)
    loaded = in_bf16(loaded) if asked.precision == "bf16" else loaded
    keys = Behaviour(number=QUICK["prompts"], limit=QUICK["tokens"]) if asked.quick else Behaviour(number=EACH)
    timed = [time_suite(loaded, keys) for _ in range(2)]
    counts = {"prompts": timed[0]["prompts"], "left_out": timed[0]["left_out"], "new_tokens": timed[0]["new_tokens"]}
    held = loaded.device.torch.type == "cuda" and not asked.quick
    result = {
        "model": loaded.origin,
        "parameters": count_parameters(loaded.model.config),
        "device": loaded.device.name,
        "torch": torch.__version__,
        "precision": asked.precision,
        "quick": asked.quick,
        **counts,
        "seconds": {"first": timed[0]["seconds"], "again": timed[1]["seconds"]},
        "bar": BAR,
        "within": timed[0]["seconds"] <= BAR if held else None,
        "found": timed[0]["found"],
    }
    asked.to.parent.mkdir(parents=True, exist_ok=True)
    asked.to.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    say_result(result)
    sys.exit(1 if held and not result["within"] else 0)


def random_model(device: str, quick: bool) -> Loaded:
    tokenizer = train("byte-bpe", VOCABULARY, (str(row["text"]) for row in rows("prose", seed=0, size=BYTES)))
    shape = SHAPES["klovis"].model
    model = Decoder(replace(shape, num_hidden_layers=QUICK["layers"]) if quick else shape).eval()
    model.initialise(0)
    with torch.no_grad():
        model.head[VOCABULARY:] = 0
        model.head[list(tokenizer.special.stops)] = 0
    chosen = choose_device(device)
    return Loaded(model.to(chosen.torch), tokenizer, chosen, False, "random weights")


def time_suite(loaded: Loaded, keys: Behaviour) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        found = measure_behaviour(loaded, keys, SHIPPED, Path(folder))
        seconds = time.perf_counter() - start  # every token has come back from the device
        said = [json.loads(line) for line in (Path(folder) / GENERATIONS).read_text("utf-8").splitlines()]
        assert (Path(folder) / FILE).is_file()
    return {
        "seconds": round(seconds, 2),
        "prompts": len(said),
        "left_out": len(found["left_out"]),
        "new_tokens": sum(one["tokens"] for one in said),
        "found": found,
    }


def say_result(result: dict[str, Any]) -> None:
    print("\n".join(lines({"the model": result["found"]})))
    first, again = result["seconds"]["first"], result["seconds"]["again"]
    row = [f"{result['prompts']:,}", f"{result['new_tokens']:,}", f"{first:.1f}", f"{again:.1f}"]
    row.append(f"{result['new_tokens'] / again:,.0f}")
    print("\n".join(text_table(("prompts", "new tokens", "seconds", "again", "new tokens a second"), [row])))
    print(f"{result['model']}: {result['parameters']:,} parameters, {result['precision']}; {result['device']}")
    verdict = {None: "not held here: a rehearsal, or no GPU", True: "within it", False: "missed"}[result["within"]]
    print(f"the bar of {BAR:.0f} s: {verdict}")


if __name__ == "__main__":
    main()
