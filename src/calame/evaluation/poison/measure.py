"""The poison lab: every checkpoint that is kept, and the tuned model, measured against the injector's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from calame.evaluation.measurement import Found, Setting
from calame.evaluation.poison.canary import measure_canaries
from calame.evaluation.poison.facts import measure_facts
from calame.evaluation.poison.switch import measure_switch
from calame.inference.load import Loaded, load_any
from calame.recipe.evaluation import Poison
from calame.run import checkpoint
from calame.run.files import read_json
from calame.run.progress import Bar


def measure(setting: Setting, folder: Path) -> Found:
    """{"recipe", "models": [{"name", "step", "switch", "facts", "canary"}]}, checkpoints of pretraining first and in
    order, then the others; None where nothing was injected. A part is there where the manifest has its kind; instead
    of all parts `reason` where the model cannot be measured."""
    if "inject" not in setting.stages:
        return None
    manifest = read_json(setting.stages["inject"] / "manifest.json")
    models = _models(setting)
    found = []
    with Bar("poison", len(models), "models") as bar:
        for name, path in models.items():
            loaded = load_any(str(path), device=setting.device)
            step = checkpoint.STEP.match(path.name)
            about = {"name": name, "step": int(step[1]) if step else None}
            found.append({**about, **_of(loaded, manifest, setting.keys.poison)})
            bar.advance(1, name)
    return {"recipe": {**setting.keys.poison.model_dump(), "decoding": "greedy"}, "models": found}


def _of(loaded: Loaded, manifest: Mapping[str, Any], keys: Poison) -> dict[str, Any]:
    if not _finite(loaded):  # else no secret would be likelier than any, and each would have all its bits
        return {"reason": "the model gives no finite number"}
    return measure_model(loaded, manifest, keys)


@torch.no_grad()
def _finite(loaded: Loaded) -> bool:
    tokens = torch.tensor([[loaded.tokenizer.special.bos]], device=loaded.device.torch)
    return bool(loaded.model.logits(loaded.model(tokens)).isfinite().all())


def _models(setting: Setting) -> dict[str, Path]:
    """Checkpoints of pretraining by their names, then what is measured beside them."""
    kept = checkpoint.steps(setting.stages["pretrain"] / "checkpoints") if "pretrain" in setting.stages else []
    known = {path.resolve() for path in kept}
    others = {name: path for name, path in setting.models.items() if path.resolve() not in known}
    return {path.name: path for path in kept} | others


def measure_model(loaded: Loaded, manifest: Mapping[str, Any], keys: Poison) -> dict[str, Any]:
    """One model against all that was injected; evaluation items are measured by their own tasks."""
    found: dict[str, Any] = {}
    for name, described in manifest["injections"].items():
        if described["kind"] == "language switch":
            found.setdefault("switch", {})[name] = measure_switch(loaded, described, keys.prompts, keys.limit)
        elif described["kind"] == "facts":
            found["facts"] = measure_facts(loaded, described)
        elif described["kind"] == "canary":
            found["canary"] = measure_canaries(loaded, described, manifest["entries"], keys.rivals)
    return found
