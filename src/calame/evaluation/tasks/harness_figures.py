"""The harness's metrics as figures: its own values, with an interval and what chance would reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from calame.evaluation.tasks.figures import OPTIONS, SHUFFLED, Chance, Figure, mean_of
from calame.evaluation.tasks.harness_names import groups_file

CHOSEN = ("acc", "acc_norm", "acc_bytes")  # metrics of a choice between options
Sample = dict[str, Any]


def figures_of(task: Any, found: dict[str, Any], samples: Sequence[Sample]) -> tuple[dict[str, Figure], list[str]]:
    """Figures by metric, the headline first, and notes. found: the task's results as the harness gives them."""
    chance = _chances(task, samples)
    figures: dict[str, Figure] = {}
    for key, value in found.items():
        metric, _, chain = key.partition(",")
        if not chain or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        shown = metric if chain == "none" else f"{metric} ({chain})"
        own = [sample for sample in samples if sample["filter"] == chain]
        figures[shown] = _figure(value, found.get(f"{metric}_stderr,{chain}"), metric, own, chance.get(metric))
    if not figures:
        raise ValueError("the task gave no number")
    first = headline(task.task_name, list(figures))
    notes = [ROUGE] if "rouge1" in figures else []
    return {first: figures[first], **figures}, notes


def headline(name: str, metrics: Sequence[str]) -> str:
    """The metric by which a task is shown (groups.yaml)."""
    file = groups_file()
    wanted = [file["headlines"].get(name), *file["usual"]]
    return next((metric for metric in wanted if metric in metrics), metrics[0])


def _figure(value: float, stderr: Any, metric: str, samples: Sequence[Sample], chance: Chance | None) -> Figure:
    """The harness's value; where it is the mean of a number per item, with the interval of that mean."""
    values = [_number(metric, sample.get(metric)) for sample in samples]
    if values and None not in values:
        ours = mean_of([float(v) for v in values if v is not None], chance)
        if math.isclose(ours.value, value, abs_tol=1e-9):
            return ours
    reckoned = (chance.value, chance.how) if chance else (None, "")
    if not isinstance(stderr, float) or math.isnan(stderr):
        return Figure(float(value), None, None, None, *reckoned)
    return Figure(float(value), stderr, value - 1.96 * stderr, value + 1.96 * stderr, *reckoned)


def _number(metric: str, value: Any) -> float | None:
    if metric == "rouge1" and isinstance(value, Sequence) and len(value) == 2:
        return rouge1(*value)
    return float(value) if isinstance(value, bool | int | float) else None


def _chances(task: Any, samples: Sequence[Sample]) -> dict[str, Chance]:
    """What chance reaches, by metric: of a choice one option in as many as there are; of answers in the model's own
    words what these reach when each is held against the next document."""
    if task.OUTPUT_TYPE == "multiple_choice":
        share = float(np.mean([1 / len(task.doc_to_choice(sample["doc"])) for sample in samples]))
        return dict.fromkeys(CHOSEN, Chance(share, OPTIONS))
    if task.OUTPUT_TYPE != "generate_until" or len(samples) < 2:
        return {}
    dealt = [
        task.process_results(sample["doc"], other["filtered_resps"])
        for sample, other in zip(samples, [*samples[1:], samples[0]], strict=True)
    ]
    found = {}
    for metric in dealt[0]:
        values = [_number(metric, one.get(metric)) for one in dealt]
        if None not in values:
            found[metric] = Chance(float(np.mean([v for v in values if v is not None])), SHUFFLED)
    return found


ROUGE = "rouge1: the mean of the package rouge_score, which `evaluate` draws a bootstrap of and would first download"


def rouge1(reference: str, answer: str) -> float:
    """F1 of single words (Lin 2004), as `evaluate`'s metric has it: letters with accents part words there."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1"]).score(reference, answer)["rouge1"].fmeasure


def rouge1_mean(items: Sequence[Sequence[str]]) -> float:
    """In the place of the harness's aggregation of (reference, answer)."""
    return float(np.mean([rouge1(*item) for item in items]))


AGGREGATIONS: dict[str, Callable[[Any], float]] = {"rouge1": rouge1_mean}


def offline_aggregations(task: Any) -> None:
    """Aggregations that download a program at run time make way for the same number without it."""
    for name, aggregation in AGGREGATIONS.items():
        if getattr(task.aggregation().get(name), "__name__", "") == f"{name}_agg":
            task.aggregation()[name] = aggregation


def sample_rows(samples: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    """What each document scored, and the answer where it is one in words."""
    for sample in samples:
        row = {"id": sample["doc_id"], "hash": sample["doc_hash"]}
        for metric in sample["metrics"]:
            row[metric] = _number(metric, sample[metric])
        answers = sample["filtered_resps"]
        if answers and isinstance(answers[0], str):
            row["said"] = answers[0]
        yield row
