"""What the model is: its name, shape, tokenizer, and the gate that its files have passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calame.inference.load import PASSED
from calame.model.config import ModelConfig, count_parameters, count_terms
from calame.model.huggingface import from_config
from calame.planning.parameters import formulas, other_accounting
from calame.recipe.card import Card
from calame.release.records.run import RELEASE, Absent, Run
from calame.run.files import read_json

CONFIG, GENERATION = "config.json", "generation_config.json"
GGUF, MADE, COSTS = "gguf", "gguf.json", "quantisation.json"  # the folder of that export, what it says of its files


def about(run: Run, card: Card) -> dict[str, Any]:
    """Name, languages and dates; `made` is the moment at which the release was finished."""
    recipe, done = run.recipe, run.stages[RELEASE]
    said = {
        "name": recipe["name"],
        "description": recipe.get("description"),
        "languages": recipe["languages"],
        "made": done["finished"][:10],
        "year": done["finished"][:4],
        "fingerprint": done["fingerprint"],
        "authors": card.authors,
        "hub": card.hub,
        "region": card.region,
        "thanks": card.thanks,
    }
    return {key: value for key, value in said.items() if value}


def made_with(run: Run) -> dict[str, Any]:
    """Versions, as the run's last start wrote them down; and the machine that ended the pretraining, where that is
    known: the run may have gone on on another."""
    found = run.json("environment.json")
    machine = run.stages.get("pretrain", {}).get("machine") or {}
    gpus = machine.get("gpus", [])
    counted = {name: gpus.count(name) for name in dict.fromkeys(gpus)}
    hardware = {"cpus": machine["cpus"], "gpus": counted} if machine else {}
    return {
        "calame": found["calame"],
        "code": found.get("code"),
        "python": found["python"],
        "packages": {name: version for name, version in found["packages"].items() if version},
        **hardware,
    }


def model(run: Run, folder: Path) -> dict[str, Any]:
    """Shape and exact count of the released model. folder: its Hugging Face folder."""
    values, config = read_json(folder / CONFIG), config_of(folder)
    other, _ = other_accounting(config)
    terms = count_terms(config)
    return {
        "family": config.family,
        "class": values["architectures"][0],
        "parameters": sum(terms.values()),
        "other_accounting": other,
        "terms": terms,
        "formulas": {name: formulas(config)[name] for name in terms},
        **_shape(config),
        "dtype": values["dtype"],
        "claimed": _claimed(run.recipe.get("published") or {}, config),
    }


def config_of(folder: Path) -> ModelConfig:
    return from_config(read_json(folder / CONFIG), str(folder / CONFIG))


def _shape(config: ModelConfig) -> dict[str, Any]:
    names = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
        "max_position_embeddings",
        "rope_theta",
        "tie_word_embeddings",
    )
    return {name: getattr(config, name) for name in names}


def _claimed(published: dict[str, Any], config: ModelConfig) -> dict[str, Any] | None:
    """The count that the original of the recipe says of itself, and how far ours is from it."""
    claim = published.get("parameters")
    if not claim:
        return None
    exact = count_parameters(config)
    return {"parameters": claim, "more": exact - claim, "share": exact / claim - 1, "note": published.get("note") or ""}


def tokenizer(run: Run) -> dict[str, Any]:
    found = run.of("tokenizer", "about.json")
    said = {"kind": found["kind"], "bos": found.get("bos", "always"), "chat": (found.get("chat") or {}).get("name")}
    try:
        fit = run.of("tokenizer", "fertility.json")
    except Absent:
        fit = None
    return {key: value for key, value in said.items() if value} | {"fertility": fit}


def gate(folder: Path) -> dict[str, Any]:
    """What the comparison of the files with the trained model found."""
    if not (folder / PASSED).is_file():
        raise Absent(PASSED)
    found = read_json(folder / PASSED)
    return {key: found[key] for key in ("logit_difference", "argmax_agreement", "positions", "tuned")}


def generation(folder: Path) -> dict[str, Any]:
    """What `generate` does of itself."""
    if not (folder / GENERATION).is_file():
        raise Absent(GENERATION)
    return read_json(folder / GENERATION)


def quantised(folder: Path) -> dict[str, Any]:
    """{"files": by name what the export to GGUF found, "types": what each costs, as its table measured it}. folder:
    `gguf` of the release."""
    if not (folder / MADE).is_file():
        raise Absent(MADE)
    found: dict[str, Any] = {"files": {Path(one["path"]).name: _file(one) for one in read_json(folder / MADE)["files"]}}
    if (folder / COSTS).is_file():
        costs = read_json(folder / COSTS)
        found |= {"tokens": costs["tokens"], "types": {row["type"]: _cost(row) for row in costs["rows"]}}
    return found


def _cost(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("type", "bytes", "bits")}


def _file(one: dict[str, Any]) -> dict[str, Any]:
    by = one["checked"].get("llama_cpp") or {}
    return {
        **{key: one[key] for key in ("type", "bytes", "stored")},
        "bits": round(8 * one["bytes"] / one["parameters"], 2),
        **{key: by.get(key) for key in ("logit_difference", "greedy_same", "greedy_texts")},
    }
