"""What looks at the model on its way through pretraining, beside validation: what it writes, and benchmarks.

Observers are handed to the loop with how often they look (`training/loop.py`). What they measure is a small part of
what the stage evaluation measures in the end, and is measured in the same way: for curves, not for a report.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from calame.evaluation.behaviour.generate import generate
from calame.evaluation.behaviour.measure import prompts_of
from calame.evaluation.behaviour.prompts import choose
from calame.evaluation.behaviour.summary import summarise
from calame.evaluation.looked_at import looked_at
from calame.evaluation.samples import continue_prompts
from calame.evaluation.tasks.in_training import watch_tasks
from calame.inference.generate import Sampling
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.recipe.units import say_count, say_seconds
from calame.run.progress import say
from calame.training.loop import Observer, Progress
from calame.training.setup import Bench

PROMPTS = 24  # of each language, the same ones each time
RATES = (  # of all languages together; what each is: docs/evaluation-behaviour.md
    "loop_rate",
    "repeated_4gram_rate",
    "distinct_2",
    "language_consistency",
    "language_switch_rate",
    "completion_rate",
    "eos_rate",
)
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
    every, keys = bench.recipe.execution.generate_every, bench.recipe.evaluation
    prompts = choose(prompts_of(keys.behaviour, bench.recipe.languages), PROMPTS) if keys.behaviour.number else []
    if not every or not (prompts or keys.prompts):
        return []
    loaded = Loaded(bench.model, bench.tokenizer, bench.device, False, "in training")
    asked = keys.behaviour
    sampling = Sampling(**asked.decoding.model_dump(), seed=asked.seed, limit=asked.limit)

    def observe(progress: Progress) -> dict[str, Any]:
        start = time.monotonic()
        try:
            with looked_at(bench.model):
                generations, left_out = generate(loaded, prompts, sampling)
                samples = continue_prompts(loaded, keys.prompts)
        except (UserError, torch.OutOfMemoryError) as error:
            why = " ".join(str(error).split()) if isinstance(error, UserError) else "the device has no memory left"
            say(f"  what it writes at {say_count(progress.position)} tokens: not measured: {why}")
            return {}
        found = summarise(generations)
        values = {name: found[name]["value"] for name in RATES if found.get(name, {}).get("value") is not None}
        texts = f"{len(generations)} texts"
        if left_out:
            texts += f" ({len(left_out)} prompts do not fit)"
        words = _in_words(values, texts) if prompts else "samples"
        at = f"what it writes at {say_count(progress.position)} tokens"
        say(f"  {at}: {words} ({say_seconds(time.monotonic() - start)})")
        return {**{f"behaviour/{name}": value for name, value in values.items()}, **_said(samples)}

    return [(every, observe)]


def _said(samples: list[dict[str, str]]) -> dict[str, Any]:
    return {SAMPLES: samples} if samples else {}


def _in_words(values: dict[str, float], texts: str) -> str:
    if "loop_rate" not in values:
        return f"nothing can be said of {texts}"
    stays = values.get("language_consistency")
    language = f"{stays:.0%} in the prompt's language, " if stays is not None else ""
    return f"of {texts} {values['loop_rate']:.0%} end in a loop, {language}{values['eos_rate']:.0%} end by themselves"
