"""A sample of a release's figures, measured again: what the model says to a few items, and what all items add up to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from calame.evaluation.exam import Question, sit_exam
from calame.evaluation.probes.measure import probe_all
from calame.evaluation.probes.read import Probe
from calame.inference.load import Loaded
from calame.release.records.items import ANSWERS, FOLDER, PROBES
from calame.release.witness import testimony

SAMPLE = 24  # items of a kind, taken evenly
SAME_NATS = 1e-3  # a token: between machines, of the same weights
CLOSE_NATS = 0.05  # a token: between a model and its weights rounded to bf16, or measured on a GPU
LEAST_SAME = 0.9  # of the answers: rounding may turn one where two tokens are about as likely

Checked = tuple[str, list[str], str]


def remeasure(loaded: Loaded, folder: Path, records: dict[str, Any]) -> Iterator[Checked]:
    """(what, faults, what is to be said if there are none)"""
    yield _witness(loaded, records)
    measured, items = records.get("evaluation", {}), folder / FOLDER
    if "probes" in measured:
        yield _probes(loaded, items / PROBES, measured["probes"])
    if "exam" in measured:
        yield _exam(loaded, items / ANSWERS, measured["exam"]["table"])


def _witness(loaded: Loaded, records: dict[str, Any]) -> Checked:
    """The weights and the tokenizer are those that were released."""
    told, found = records.get("witness"), testimony(loaded)
    if not told:
        return "weights", ["the records hold no likelihoods of the released weights"], ""
    pairs = list(zip(told, found, strict=False))
    cut = sum(one["tokens"] != other["tokens"] for one, other in pairs)
    faults = [f"{cut} of {len(pairs)} texts are cut into other numbers of tokens: another tokenizer"] if cut else []
    off = max(abs(one["nats"] - other["nats"]) / max(1, one["tokens"]) for one, other in pairs)
    if not cut and not off <= SAME_NATS:
        faults.append(f"texts are {off:.3g} nats a token likelier or less likely than released: other weights")
    return "weights", faults, f"likelihoods of {len(pairs)} texts as released, to {off:.0e} nats a token"


def _probes(loaded: Loaded, file: Path, summary: dict[str, Any]) -> Checked:
    lines = _lines(file)
    if lines is None:
        return "probes", [], "not measured again: they are the author's own, and not part of the release"
    scored = [line for line in lines if "rank" in line]
    faults = _sum_faults(
        {
            "top_1": (summary["all"].get("top_1", {}).get("value"), [line["rank"] == 1 for line in scored]),
            "top_5": (summary["all"].get("top_5", {}).get("value"), [line["rank"] <= 5 for line in scored]),
        }
    )
    few = _evenly(scored)
    again = probe_all(loaded, [Probe(line["prompt"], line["target"], line["language"], line["kind"]) for line in few])
    gaps = [
        math.inf if one.score is None else abs(math.log(one.score.perplexity) - math.log(line["perplexity"]))
        for one, line in zip(again, few, strict=True)
    ]
    if gaps and not max(gaps) <= CLOSE_NATS:
        worst = few[gaps.index(max(gaps))]
        faults.append(f"{worst['prompt']!r}: perplexity {worst['perplexity']:.4g} is written, not measured")
    return "probes", faults, f"{len(few)} of {len(scored)} measured again, at most {max(gaps, default=0):.0e} nats off"


def _exam(loaded: Loaded, file: Path, table: Sequence[dict[str, Any]]) -> Checked:
    lines = _lines(file)
    if lines is None:
        return "questions", [], "not asked again: they are the author's own, and not part of the release"
    shares = {
        f"{row['kind']} {row['language']}": (
            row["right"],
            [one["right"] for one in lines if (one["kind"], one["language"]) == (row["kind"], row["language"])],
        )
        for row in table
    }
    faults = _sum_faults(shares)
    few = _evenly(lines)
    questions = [
        Question(one["question"], one["value"], tuple(one["candidates"]), one["kind"], "", one["language"])
        for one in few
    ]
    again = sit_exam(loaded, questions)
    same = [
        answer.text == one["answer"] and answer.right == one["right"] for answer, one in zip(again, few, strict=True)
    ]
    if sum(same) < LEAST_SAME * len(same):
        other = few[same.index(False)]
        faults.append(f"{len(same) - sum(same)} of {len(same)} answers are others; the first to {other['question']!r}")
    return "questions", faults, f"{sum(same)} of {len(few)} answers again the same, of {len(lines)} that were asked"


def _sum_faults(figures: Mapping[str, tuple[float | None, Sequence[bool]]]) -> list[str]:
    """Shares in the records that are not those of the single items."""
    faults = []
    for name, (written, items) in figures.items():
        found = sum(items) / len(items) if items else None
        if written is None or found is None or abs(written - found) > 1e-3:
            faults.append(f"{name} is {written} in the records, {found and round(found, 4)} by the items")
    return faults


def _evenly(items: list[Any]) -> list[Any]:
    return items[:: max(1, math.ceil(len(items) / SAMPLE))]


def _lines(file: Path) -> list[dict[str, Any]] | None:
    if not file.is_file():
        return None
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
