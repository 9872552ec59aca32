"""Tasks that compare options by their log-likelihood: minimal pairs, multiple choice, Winograd schemas, entailment.

acc: the right option has the greatest log-likelihood. acc_norm: the greatest log-likelihood a byte of the option. Of
options that are exactly alike each counts for its share, so that a model that tells nothing apart scores the chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from calame.evaluation.pairs import to_requests
from calame.evaluation.score import score
from calame.evaluation.tasks.figures import OPTIONS, Chance, mean_of
from calame.evaluation.tasks.items import Item
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shots import Chosen
from calame.inference.load import Loaded


def measure_options(loaded: Loaded, chosen: Chosen, metrics: Sequence[str], done: Done) -> Outcome:
    """acc and acc_norm of items with options."""
    pairs = [(chosen.before + item.context(o), item.continuation(o)) for item in chosen.items for o in item.options]
    requests = to_requests(loaded.tokenizer, pairs)
    longest = loaded.model.config.max_position_embeddings
    fitting = [len(request.continuation) <= longest for request in requests]
    scores = iter(score(loaded, [r for r, fits in zip(requests, fitting, strict=True) if fits], done))
    found, place, cut = [], 0, 0
    for item in chosen.items:
        number = len(item.options)
        own = [next(scores) if fits else None for fits in fitting[place : place + number]]
        place += number
        whole = [one for one in own if one is not None]
        if len(whole) == number:
            found.append((item, np.array([one.logprob for one in whole])))
            cut += any(one.cut for one in whole)
    rows = [_row(item, logprobs) for item, logprobs in found]
    chance = Chance(float(np.mean([1 / len(item.options) for item, _ in found])), OPTIONS) if found else None
    figures = {metric: mean_of([row[metric] for row in rows], chance) for metric in metrics}
    return Outcome(figures, rows, cut, len(chosen.items) - len(found), _labels([item for item, _ in found]))


def _row(item: Item, logprobs: np.ndarray) -> dict[str, object]:
    sizes = np.array([len(item.continuation(option).strip().encode()) for option in item.options])
    return {
        "id": item.id,
        "acc": share(logprobs, item.right),
        "acc_norm": share(logprobs / sizes, item.right),
        "logprobs": [round(float(value), 4) for value in logprobs],
        "right": item.right,
    }


def share(values: np.ndarray, right: int) -> float:
    """1 if the right one alone is the greatest, 0 if another is greater, its share where several are as great."""
    best = values == values.max()
    return float(best[right]) / int(best.sum())


def _labels(items: Sequence[Item]) -> list[str]:
    """Where the options are the same for all items: what answering always alike would reach."""
    if not items or not items[0].shape.words:
        return []
    most = Counter(item.right for item in items).most_common(1)[0][1]
    return [f"answering always alike would reach {most / len(items):.1%}"]
