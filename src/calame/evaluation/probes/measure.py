"""Measure a model by probes: `probe_generations.jsonl` (a line each) and `probe_stepN_summary.json` (by kind)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.evaluation.intervals import mean_interval, share_interval
from calame.evaluation.measurement import CannotMeasure, Found, Subject
from calame.evaluation.probes.encode import Encoded, encode_probes
from calame.evaluation.probes.read import Probe, choose, read_probes, shipped_probes
from calame.evaluation.probes.score import Score, score
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.evaluation import Probes
from calame.run.checkpoint import STEP
from calame.run.files import write_json, write_json_lines
from calame.run.progress import say

GENERATIONS = "probe_generations.jsonl"


@dataclass(frozen=True)
class Probed:
    """A probe with what became of it: a score and what the model says instead, or why there is none."""

    probe: Probe
    score: Score | None
    said: str = ""
    reason: str = ""


def measure(subject: Subject) -> Found:
    """What `measure_probes` finds, None where `number` is 0."""
    keys, languages = subject.keys.probes, subject.setting.languages
    return None if keys.number == 0 else measure_probes(subject.loaded, keys, languages, subject.folder)


def measure_probes(loaded: Loaded, keys: Probes, languages: Sequence[str], folder: Path) -> dict[str, Any]:
    """Score the probes and write both files to `folder`; returns what the summary holds.

    Probes that cannot be scored are in both with the reason, and in no number. Raises `UserError` for a file of probes
    that is none, `CannotMeasure` where there are no probes at all."""
    probes = probes_of(keys, languages)
    left_out = Counter(probe.language for probe in _all_of(keys, languages) if probe.language not in languages)
    others = ", ".join(f"{number:,} in {language}" for language, number in left_out.items())
    if not probes:
        remedy = f"{keys.location} has {others}" if keys.location else "evaluation.probes.from=FILE gives your own"
        raise CannotMeasure(f"no probes in {', '.join(languages)}: {remedy}")
    probed = probe_all(loaded, probes, keys.top, keys.said)
    checkpoint = Path(loaded.origin).name
    result = {
        "recipe": {
            "checkpoint": checkpoint,
            "probes": Path(keys.location).name if keys.location else "shipped",
            "probes_each": keys.number,
            "bos": bool(loaded.tokenizer.beginning),
        },
        **summarise(probed),
        "left_out": dict(left_out),
        "without_probes": [language for language in languages if language not in {p.language for p in probes}],
    }
    write_json_lines(folder / GENERATIONS, (_line(one, loaded) for one in probed))
    write_json(folder / summary_name(checkpoint), result)
    if left_out:
        say(f"  probes: left out, in languages that are not the recipe's: {others}")
    if result["not_scored"]:
        say(f"  probes: not scored: {len(result['not_scored'])} (the first: {result['not_scored'][0]['reason']})")
    return result


def probes_of(keys: Probes, languages: Sequence[str]) -> list[Probe]:
    """Those that the keys ask for, in these languages."""
    return choose([probe for probe in _all_of(keys, languages) if probe.language in languages], keys.number)


def _all_of(keys: Probes, languages: Sequence[str]) -> list[Probe]:
    """Those of the file that is asked for, whatever their languages."""
    return read_probes(Path(keys.location)) if keys.location else shipped_probes(languages)


def summary_name(checkpoint: str) -> str:
    """probe_step500_summary.json of the checkpoint step-00000500; of another model probe_summary.json."""
    step = STEP.match(checkpoint)
    return f"probe_step{int(step[1])}_summary.json" if step else "probe_summary.json"


def probe_all(loaded: Loaded, probes: Sequence[Probe], top: int = 1, said: int = 0) -> list[Probed]:
    """Score all probes, in order. `top`: likeliest entries that are kept; `said`: tokens that the model goes on with,
    greedily."""
    config = loaded.model.config
    encoded = encode_probes(probes, loaded.tokenizer, config.vocab_size, config.max_position_embeddings)
    fit = [part for part in encoded if isinstance(part, Encoded)]
    scores = iter(score(loaded, fit, top))
    goes_on = said > 0
    texts = iter(complete(loaded, [part.context for part in fit], Sampling(limit=said)) if goes_on and fit else [])
    found = []
    for probe, part in zip(probes, encoded, strict=True):
        if isinstance(part, str):
            found.append(Probed(probe, None, reason=part))
            continue
        scored, text = next(scores), next(texts).text if goes_on else ""
        if math.isfinite(scored.perplexity):
            found.append(Probed(probe, scored, text))
        else:
            found.append(Probed(probe, None, text, "the model gives no finite number"))
    return found


def summarise(probed: Sequence[Probed]) -> dict[str, Any]:
    """Over all, by language, by kind, by language and kind; and the probes that have no score, with the reason."""
    languages = dict.fromkeys(one.probe.language for one in probed)
    kinds = dict.fromkeys(one.probe.kind for one in probed)
    return {
        "all": _numbers(probed),
        "languages": {code: _numbers([one for one in probed if one.probe.language == code]) for code in languages},
        "kinds": {kind: _numbers([one for one in probed if one.probe.kind == kind]) for kind in kinds},
        "cells": {
            f"{code}/{kind}": _numbers([one for one in probed if (one.probe.language, one.probe.kind) == (code, kind)])
            for code in languages
            for kind in kinds
        },
        "not_scored": [
            {
                "prompt": one.probe.prompt,
                "target": one.probe.target,
                "language": one.probe.language,
                "reason": one.reason,
            }
            for one in probed
            if one.score is None
        ],
    }


def _numbers(probed: Sequence[Probed]) -> dict[str, Any]:
    """Shares of first tokens that are the likeliest or among the five likeliest, mean of 1 / rank, mean probability,
    and the geometric mean of the perplexities, each with its interval."""
    scores = [one.score for one in probed if one.score is not None]
    found: dict[str, Any] = {"probes": len(probed), "scored": len(scores)}
    if not scores:
        return found
    logs = mean_interval([one.nats / one.tokens for one in scores]).as_json()
    return found | {
        "top_1": share_interval([one.rank == 1 for one in scores]).as_json(),
        "top_5": share_interval([one.rank <= 5 for one in scores]).as_json(),
        "reciprocal_rank": share_interval([1 / one.rank for one in scores]).as_json(),
        "probability": share_interval([one.probability for one in scores]).as_json(),
        "perplexity": {key: value if key == "n" else round(math.exp(value), 4) for key, value in logs.items()},
    }


def _line(one: Probed, loaded: Loaded) -> dict[str, Any]:
    """A line of probe_generations.jsonl (docs/evaluation-probes.md)."""
    found: dict[str, Any] = {**vars(one.probe)}
    if one.score is None:
        return found | {"reason": one.reason}
    entries = [
        {"token": loaded.tokenizer.decode([entry], special=True), "id": entry, "probability": probability}
        for entry, probability in one.score.top
    ]
    numbers = {"rank": one.score.rank, "probability": one.score.probability, "perplexity": one.score.perplexity}
    return found | numbers | {"tokens": one.score.tokens, "top": entries, "said": one.said}
