"""How it was made: tokens, procedure, tuning, the checkpoint that was taken, hours, energy and cost."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from calame.model.config import ModelConfig, count_parameters, flops_per_token
from calame.recipe.card import Card
from calame.recipe.timeline import last_of
from calame.release.records.data import conversations
from calame.release.records.run import SELECT, Absent, Run
from calame.run import telemetry

OPTIMIZER = ("name", "learning_rate", "beta1", "beta2", "weight_decay")


def tokens(run: Run, config: ModelConfig) -> dict[str, Any]:
    """Positions that the selected checkpoint was trained on, and what they are made of. config: of the released model,
    by whose size they are measured."""
    chosen, keys = run.json("selected.json"), run.keys("pretrain")["pretrain"]
    read, sizes = chosen["tokens"], _sizes(run)
    found: dict[str, Any] = {
        "pretrained": read,
        "steps": chosen["step"],
        "batch": keys["batch"],
        "context": keys["context"],
        "each": _told(keys["batch"]),
        "row": _told(keys["context"]),
        "a_parameter": read / count_parameters(config),
        "flops": flops_per_token(config, last_of(keys["context"])) * read,
    }
    if sizes:
        found |= {"different": sum(sizes.values()), "epochs": read / sum(sizes.values())}
    return {**found, "by_source": _by_source(run, sizes)}


def _told(value: Any) -> int | None:
    """A number that holds for the whole run; None where it changes on the way."""
    return value if isinstance(value, int) else None


def _sizes(run: Run) -> dict[str, int]:
    """Different tokens by source that is trained on, as the account of the mixture has them."""
    try:
        return run.of("pretrain", "mixture.json")["sizes"]
    except Absent:
        return {}


def _by_source(run: Run, sizes: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Tokens of each source that there are, and how many were read up to the selected checkpoint."""
    step = run.json("selected.json")["step"]
    try:
        lines = [line for line in run.metrics("pretrain") if line["step"] <= step]
    except Absent:
        lines = []
    told = [line for line in lines if any(f"data/{name}/tokens" in line for name in sizes)]
    if not told or told[-1]["step"] != step:
        return {name: {"different": size} for name, size in sizes.items()}
    read = {name: told[-1].get(f"data/{name}/tokens", 0) for name in sizes}
    whole = sum(read.values()) or 1
    return {
        name: {"different": size, "read": read[name], "epochs": read[name] / size, "share": read[name] / whole}
        for name, size in sizes.items()
        if size
    }


def procedure(run: Run) -> dict[str, Any]:
    """The keys that pretraining ran with, and the seed."""
    keys = run.keys("pretrain")
    pretrain, schedule = keys["pretrain"], dict(keys["pretrain"]["schedule"])
    try:  # settled at the first start, where the recipe leaves them open
        progress = run.checkpoint("pretrain")["progress"]
        schedule |= {key: progress[key] for key in ("warmup", "horizon") if key in progress}
    except Absent:
        pass
    found = {
        "optimizer": {key: pretrain["optimizer"][key] for key in OPTIMIZER},
        "schedule": schedule,
        **{key: pretrain[key] for key in ("clip", "precision", "documents", "order")},
        "seed": keys["seed"],
        "load": (pretrain.get("load") or {}).get("mode"),
        "began_from": run.stages["pretrain"]["ingredients"]["files"].get("pretrain.load.from"),
        "init": any(name.endswith(".safetensors") for name in run.stages["pretrain"]["ingredients"]["files"]),
        **{key: pretrain[key] for key in ("dropout", "layer_drop", "label_smoothing") if pretrain.get(key)},
    }
    return {key: value for key, value in found.items() if value not in (None, "", False)}


def tuning(run: Run) -> dict[str, Any]:
    """By kind (sft, dpo): its name, keys, tokens, and the sets it learnt from."""
    found = {}
    for stage in run.trained:
        kind, _, name = stage.partition("/")
        if kind == "pretrain":
            continue
        keys = run.keys(stage)[kind]
        file = "conversations.json" if kind == "sft" else "preferences.json"
        told = {key: keys[key] for key in ("epochs", "replay", "loss", "beta", "context") if keys.get(key)}
        told |= {"name": name, "learning_rate": keys["optimizer"]["learning_rate"], "sets": {}}
        told |= {"optimizer": keys["optimizer"]["name"], "lora": (keys.get("lora") or {}).get("rank")}
        told |= _tuned_on(run, stage, keys, file)
        found[kind] = {key: value for key, value in told.items() if value is not None}
    if not found:
        raise Absent("tuning")
    return found


def _tuned_on(run: Run, stage: str, keys: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Tokens that were read, by the telemetry; and the sets, with those that are the hub's by their address."""
    found: dict[str, Any] = {}
    with contextlib.suppress(Absent, ValueError):
        found["tokens"] = max(line.get("train/tokens", 0) for line in run.metrics(stage)) or None
    try:
        found["sets"] = conversations(run, stage, file)
    except Absent:
        return found
    written = keys["conversations" if "conversations" in keys else "pairs"]
    for name, part in found["sets"].items():
        location = written.get(name, {}).get("from", "")
        part |= {"location": location} if location.startswith("hub:") else {}
    return found


def choice(run: Run) -> dict[str, Any]:
    """Which checkpoint was taken and by what rule; with a comparison, the numbers that it decided by."""
    chosen = run.json("selected.json")
    kind, _, what = chosen["rule"].partition(":")
    found = {"rule": kind, "what": what, **{key: chosen[key] for key in ("checkpoint", "step", "tokens")}}
    if kind == "best":
        found |= _best(run, what, chosen["step"])
    if kind == "compare":
        found |= _compared(run)
    return {key: value for key, value in found.items() if value not in (None, "")}


def _best(run: Run, metric: str, step: int) -> dict[str, Any]:
    try:
        values = {line["step"]: line[metric] for line in run.metrics("pretrain") if metric in line}
    except Absent:
        return {}
    return {"value": values.get(step)}


def _compared(run: Run) -> dict[str, Any]:
    try:
        found = run.of(SELECT, "comparison.json")
    except Absent:
        return {}
    return {
        "among": len(found["checkpoints"]),
        "decided_by": found["decided_by"],
        "criteria": [one["name"] for one in found["criteria"]],
        "numbers": {name: found["numbers"][name] for name in found["ranking"]},
        "chosen": found["chosen"],
    }


def time(run: Run, card: Card) -> dict[str, Any]:
    """Seconds by stage and together; what an hour costs is the author's word.

    Of a stage that was interrupted, the earlier attempts count from their first line of telemetry to their last."""
    stages = {name: done["seconds"] + _earlier(run, name) for name, done in run.stages.items()}
    total = sum(stages.values())
    found: dict[str, Any] = {
        "total": round(total, 2),
        "trained": round(sum(stages[name] for name in run.trained), 2),
        "stages": {name: round(seconds, 2) for name, seconds in stages.items()},
    }
    if card.price is not None:
        found["cost"] = {"price": card.price, "currency": card.currency, "sum": round(total / 3600 * card.price, 2)}
    return found


def _earlier(run: Run, stage: str) -> float:
    spans: dict[int, list[float]] = {}
    for line in telemetry.lines(run.folder(stage) / telemetry.FILE) if stage in run.trained else ():
        spans.setdefault(line["attempt"], []).append(line["time"])
    return sum(max(times) - min(times) for attempt, times in spans.items() if attempt < max(spans))


def energy(run: Run, card: Card) -> dict[str, Any]:
    """kWh that the cards drew while they trained this model, all attempts together; grams of CO2 by the author's
    figure."""
    drawn = [told for name in run.trained for told in telemetry.energy(run.folder(name)).values()]
    if not drawn:
        raise Absent("energy")
    kwh = round(sum(one for one, _ in drawn), 6)
    found: dict[str, Any] = {"kwh": kwh, "estimated": any(guessed for _, guessed in drawn)}
    if card.carbon is not None:
        found |= {"carbon": card.carbon, "carbon_source": card.carbon_source, "grams": round(kwh * card.carbon, 3)}
    return found
