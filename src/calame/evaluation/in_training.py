"""What looks at the model on its way through pretraining, beside validation: what it writes, and benchmarks.

Observers are handed to the loop with how often they look (`training/loop.py`). What they measure is a small part of
what the stage evaluation measures in the end, and is measured in the same way: for curves, not for a report.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

from calame.evaluation.behaviour.measure import behave, prompts_of, telemetry
from calame.evaluation.looked_at import looked_at
from calame.evaluation.samples import continue_prompts
from calame.evaluation.tasks.in_training import watch_tasks
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.recipe.units import say_count, say_seconds
from calame.run.progress import say
from calame.training.loop import Observer, Progress
from calame.training.setup import Bench

PROMPTS = 24  # of each language, the same ones each time
WORDS = {
    "loop_rate": "end in a loop",
    "language_consistency": "are in the prompt's language",
    "eos_rate": "end by themselves",
}
SAMPLES = "samples"  # key in telemetry: [{"prompt", "continuation"}]


def watch(bench: Bench) -> list[tuple[int, Observer]]:
    """What `execution` asks for, as the loop takes it. None of it ends a training: what cannot be measured is told,
    and the rest goes on. Raises `UserError`, before the training, for a file of prompts that is none."""
    execution = bench.recipe.execution
    if bench.team.size > 1:
        if execution.tasks_every or execution.generate_every:
            say("  generations and benchmarks in training: none, the model is spread over several processes")
        return []
    return [*_watch_writing(bench), *watch_tasks(bench)]


def _watch_writing(bench: Bench) -> list[tuple[int, Observer]]:
    every, keys, languages = bench.recipe.execution.generate_every, bench.recipe.evaluation, bench.recipe.languages
    asked = keys.behaviour.model_copy(update={"number": min(keys.behaviour.number, PROMPTS)})
    behaves = bool(prompts_of(asked, languages))
    if not every or not (behaves or keys.prompts):
        return []
    if bench.device.precision == "fp8":
        say("  generations in training: none in fp8, whose products want many tokens at once")
        return []
    loaded = Loaded(bench.model, bench.tokenizer, bench.device, False, "in training")

    def observe(progress: Progress) -> dict[str, Any]:
        start, values, words = time.monotonic(), {}, "samples"
        at = f"  what it writes at {say_count(progress.position)} tokens"
        try:
            with looked_at(bench.model):
                if behaves:
                    result, _ = behave(loaded, asked, languages)
                    values, words = telemetry(result), _in_words(result)
                samples = continue_prompts(loaded, keys.prompts)
        except (UserError, RuntimeError) as error:  # as of a device without memory, or of a kernel that is not there
            out = isinstance(error, torch.OutOfMemoryError)
            say(f"{at}: not measured: {'the device has no memory left' if out else ' '.join(str(error).split())}")
            return {}
        say(f"{at}: {words} ({say_seconds(time.monotonic() - start)})")
        return {**values, SAMPLES: samples} if samples else values

    return [(every, observe)]


def _in_words(result: Mapping[str, Any]) -> str:
    whole, left_out = result["all"], len(result["left_out"])
    texts = f"of {whole['generations']} texts" + (f" ({left_out} prompts do not fit)" if left_out else "")
    rates = {name: whole[name]["value"] for name in WORDS if whole.get(name, {}).get("value") is not None}
    told = ", ".join(f"{rate:.0%} {WORDS[name]}" for name, rate in rates.items())
    return f"{texts} {told or 'nothing can be said'}"
