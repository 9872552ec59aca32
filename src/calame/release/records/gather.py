"""All records of a run in one tree, which is shipped with the model: the card says what stands in it, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from calame.recipe.card import Card
from calame.release.licences import inherited
from calame.release.records import about, data, evaluation, training
from calame.release.records.run import Absent, Run

Tree = dict[str, Any]


def gather(run: Run, model: Path, card: Card) -> Tree:
    """model: the released Hugging Face folder. A record that is not there has no key."""
    parts: dict[str, Callable[[], Any]] = {
        "about": lambda: about.about(run, card),
        "made_with": lambda: about.made_with(run),
        "model": lambda: about.model(run, model),
        "tokenizer": lambda: about.tokenizer(run),
        "gate": lambda: about.gate(model),
        "generation": lambda: about.generation(model),
        "decoding": lambda: evaluation.decoding(model),
        "quantised": lambda: about.quantised(model / about.GGUF),
        "corpus": lambda: data.corpus(run),
        "injected": lambda: data.injected(run),
        "tokens": lambda: training.tokens(run, about.config_of(model)),
        "procedure": lambda: training.procedure(run),
        "tuning": lambda: training.tuning(run),
        "choice": lambda: training.choice(run),
        "time": lambda: training.time(run, card),
        "energy": lambda: training.energy(run, card),
        "evaluation": lambda: evaluation.evaluation(run),
        "benchmarks": lambda: evaluation.benchmarks(run),
        "poison": lambda: evaluation.poison(run),
    }
    tree = _made(parts)
    return tree | _made({"licence": lambda: inherited(data.licences(tree), card.license)})


def _made(parts: dict[str, Callable[[], Any]]) -> Tree:
    found = {}
    for name, make in parts.items():
        try:
            found[name] = _without_none(make())
        except Absent:
            continue
    return found


def _without_none(value: Any) -> Any:
    """What is not known has no key."""
    if isinstance(value, dict):
        return {key: _without_none(below) for key, below in value.items() if below is not None}
    return [_without_none(below) for below in value] if isinstance(value, list) else value
