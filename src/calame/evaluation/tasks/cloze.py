"""The last word of a passage: whether it is what the model would say, and how likely it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from calame.evaluation.pairs import to_requests
from calame.evaluation.score import score
from calame.evaluation.tasks.figures import Chance, mean_of
from calame.evaluation.tasks.items import Item
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shots import Chosen
from calame.inference.load import Loaded


def measure_cloze(loaded: Loaded, chosen: Chosen, metrics: Sequence[str], done: Done) -> Outcome:
    """acc: every token of the word is the likeliest one (greedy decoding says it). nats: -log p of the word."""
    pairs = [(item.context(), item.continuation()) for item in chosen.items]
    scores = score(loaded, to_requests(loaded.tokenizer, pairs), done)
    rows = [
        {"id": item.id, "acc": float(found.greedy), "nats": -round(found.logprob, 4)}
        for item, found in zip(chosen.items, scores, strict=True)
    ]
    chance = Chance(float(np.mean([in_context(item) for item in chosen.items])), "a word of the passage, drawn by lot")
    figures = {
        "acc": mean_of([row["acc"] for row in rows], chance),
        "nats": mean_of([row["nats"] for row in rows], shares=False),
    }
    return Outcome({m: figures[m] for m in metrics}, rows, sum(found.cut > 0 for found in scores))


def in_context(item: Item) -> float:
    """The share of the passage's words that are the one asked for."""
    words = re.findall(r"\w+", item.values["context"].casefold())
    return words.count(item.values["target"].casefold()) / len(words) if words else 0.0
