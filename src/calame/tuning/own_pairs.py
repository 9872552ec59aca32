"""Preferences out of the model's own answers: several are drawn for each prompt, a judge marks them, and the best
stands against the worst. The rows are those of the format `prompt`, for dpo.pairs to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.run.files import atomic
from calame.run.progress import say
from calame.tokenizer.policy import USER

SAMPLED = Sampling(temperature=0.9, top_k=50, top_p=0.95, limit=256)
Judge = Callable[[Sequence[tuple[str, str]]], Sequence[float | None]]
"""Marks of (prompt, answer), higher for better; None where it gives none."""


@dataclass
class Ranked:
    """prompts = pairs + all of `left_out`."""

    prompts: int = 0
    pairs: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def write_own_pairs(
    loaded: Loaded,
    prompts: Sequence[str],
    judge: Judge,
    path: Path,
    samples: int = 4,
    sampling: Sampling = SAMPLED,
    gap: float = 0.0,
) -> Ranked:
    """Write a row for each prompt whose best and worst answers differ by more than `gap` marks; what became of the
    others is counted. Raises `UserError` if no pair is left."""
    ranked = Ranked()
    with atomic(path, "w") as file:
        for item in rank(draw(loaded, prompts, samples, sampling), judge, gap):
            ranked.prompts += 1
            if isinstance(item, str):
                ranked.left_out[item] += 1
            else:
                ranked.pairs += 1
                file.write(json.dumps(item, ensure_ascii=False) + "\n")
        if not ranked.pairs:
            reasons = ", ".join(f"{reason} ({number})" for reason, number in ranked.left_out.items())
            raise refuse(
                str(path), f"no pair of {ranked.prompts} prompts: {reasons or 'there are none'}", "other prompts"
            )
    say(f"  {ranked.pairs:,} pairs of {ranked.prompts:,} prompts, in {path}")
    return ranked


def draw(
    loaded: Loaded, prompts: Sequence[str], samples: int, sampling: Sampling
) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """For each prompt `samples` answers, each with whether it ended by itself."""
    for number, prompt in enumerate(prompts):
        ids = loaded.tokenizer.chat([{"role": USER, "content": prompt}])
        found = complete(loaded, [ids] * samples, replace(sampling, seed=sampling.seed + number))
        yield prompt, [(one.text.strip(), one.stopped) for one in found]


def rank(
    answered: Iterator[tuple[str, list[tuple[str, bool]]]], judge: Judge, gap: float = 0.0
) -> Iterator[dict[str, Any] | str]:
    """A row for each prompt, or why there is none. What did not end by itself is never chosen, whatever its marks."""
    for prompt, answers in answered:
        different = {text: stopped for text, stopped in answers if text}
        if len(different) < 2:
            yield "its answers are all alike"
            continue
        marks = judge([(prompt, text) for text in different])
        marked = [(mark, text) for text, mark in zip(different, marks, strict=True) if mark is not None]
        ended = [item for item in marked if different[item[1]]]
        if not ended or len(marked) < 2:
            yield "no two answers with marks, one of them ended by itself"
            continue
        (best, chosen), (worst, rejected) = max(ended), min(marked)
        if best - worst <= gap or chosen == rejected:
            yield "its answers have the same marks"
            continue
        yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, "marks": [best, worst]}
