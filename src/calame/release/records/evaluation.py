"""What was measured of the released model, as the stage evaluation and the verbs beside it wrote it down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calame.evaluation.decoding.files import RECOMMENDED
from calame.evaluation.evaluate import FILE
from calame.evaluation.identity import weights_of
from calame.evaluation.tasks.verb import FOLDER, RESULTS
from calame.release.records.run import EVALUATION, Absent, Run
from calame.run.files import read_json

RELEASED = {"pretrain": "pretrained", "sft": "tuned", "dpo": "preferred"}  # models of the evaluation, by stage
RATES = (
    "loop_rate",
    "repeated_4gram_rate",
    "distinct_2",
    "language_consistency",
    "language_switch_rate",
    "completion_rate",
    "eos_rate",
)
LOSSES = ("loss", "perplexity", "bpb", "documents", "tokens", "hash", "ood")


def evaluation(run: Run) -> dict[str, Any]:
    """By measurement, what was found of the released model; `base`: losses of the pretrained one before it."""
    found = run.of(EVALUATION, FILE)
    model = RELEASED[run.trained[-1].partition("/")[0]]
    if model not in found["models"]:
        raise Absent(model)
    keys = run.keys(EVALUATION)["evaluation"]
    told: dict[str, Any] = {"model": model, "checkpoint": found["models"][model], "questions": keys.get("questions")}
    for name, of in (("losses", _losses), ("exam", _exam), ("behaviour", _behaviour), ("probes", probe_summary)):
        if model in found.get(name, {}):
            told[name] = of(found[name][model])
    if model != "pretrained" and "pretrained" in found.get("losses", {}):
        told["base"] = _losses(found["losses"]["pretrained"])
    told["samples"] = (found.get("samples") or {}).get(model)
    told["not_measured"] = {
        name: reasons[model] for name, reasons in found.get("not_measured", {}).items() if model in reasons
    }
    return {key: value for key, value in told.items() if value not in (None, {}, [])}


def _losses(found: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: {key: found[name][key] for key in LOSSES[:5]} for name in ("mixed", "micro")}
    slices = {name: {key: part[key] for key in LOSSES} for name, part in found["slices"].items()}
    return {"context": found["context"], "stride": found["stride"], **told, "slices": slices}


def _exam(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"table": found["table"], "chat": found["chat"]}


def _behaviour(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"recipe": found["recipe"], "all": _rates(found["all"]), "languages": _by_language(found)}


def _by_language(found: Mapping[str, Any]) -> dict[str, Any]:
    return {code: _rates(part) for code, part in found["languages"].items()}


def _rates(part: Mapping[str, Any]) -> dict[str, Any]:
    """Those of which something can be said."""
    told = {name: part[name] for name in RATES if name in part and part[name]["value"] is not None}
    return {"generations": part["generations"], "mean_tokens": part["mean_tokens"], **told}


def probe_summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the card says of probes."""
    return {
        "from": found["recipe"]["probes"],
        "all": found["all"],
        "languages": found["languages"],
        "kinds": found["kinds"],
        "not_scored": len(found["not_scored"]),
    }


def poison(run: Run) -> dict[str, Any]:
    """What the released model took from what was injected: the last of those that were measured."""
    found = run.of(EVALUATION, FILE).get("poison")
    if not found:
        raise Absent("poison")
    last = found["models"][-1]
    canary = last.get("canary")
    told = {
        "canary": canary and {key: canary[key] for key in ("planted", "control", "most", "by_lot")},
        "switch": last.get("switch"),
        "facts": last.get("facts"),
    }
    return {key: value for key, value in told.items() if value}


def benchmarks(run: Run) -> dict[str, Any]:
    """Tasks of the stage evaluation, and those that `calame evaluate` measured of the same checkpoint since."""
    stage = run.trained[-1]
    model = RELEASED[stage.partition("/")[0]]
    try:
        found = run.of(EVALUATION, FILE)
    except Absent:
        found = {}
    measured = [found.get("tasks", {}).get(model) or {}]
    checkpoint = run.checkpoint_folder(stage)
    later = run.path / FOLDER / Path(stage).name / checkpoint.name / RESULTS
    if later.is_file() and (told := read_json(later))["weights"] == weights_of(checkpoint):
        measured.append(told)
    results = {one["name"]: _task(one) for part in measured for one in part.get("results", [])}
    excluded = {one["name"]: one["reason"] for part in measured for one in part.get("excluded", [])}
    if not results and not excluded:
        raise Absent("benchmarks")
    return {"results": results, "excluded": {name: why for name, why in excluded.items() if name not in results}}


def _task(result: Mapping[str, Any]) -> dict[str, Any]:
    figure = result["figures"][result["headline"]]
    about = {key: result[key] for key in ("by", "headline", "items", "shots", "limit") if result.get(key) is not None}
    told = {key: figure[key] for key in ("value", "stderr", "low", "high", "chance") if figure.get(key) is not None}
    return about | told


def decoding(folder: Path) -> dict[str, Any]:
    """What a search recommends, as it lies in the released folder."""
    if not (folder / RECOMMENDED).is_file():
        raise Absent(RECOMMENDED)
    found = read_json(folder / RECOMMENDED)
    holdout = {name: number for name, number in found["holdout"].items() if number}
    told = {key: found[key] for key in ("name", "parameters", "transformers", "confirmed", "holdout_prompts")}
    return told | {"holdout": holdout}
