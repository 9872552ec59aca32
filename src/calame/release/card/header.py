"""The YAML header that the hub reads: language, licence, data sets, figures, emissions; by the hub's own classes."""

from __future__ import annotations

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from calame.release.card.say import Say

TASK = "text-generation"


def header(say: Say) -> str:
    """With its lines of three dashes."""
    results = _results(say) if say.has("about.name") else []
    told: dict[str, Any] = {
        "language": say.get("about.languages"),
        "license": say.get("licence.chosen_id") or say.get("licence.id"),
        "library_name": "transformers" if say.has("model") else None,
        "pipeline_tag": TASK if say.has("model") else None,
        "tags": _tags(say),
        "datasets": _datasets(say) or None,
        "model_name": say.get("about.name") if results else None,
        "eval_results": results or None,
        "co2_eq_emissions": _emissions(say),
    }
    if told["license"] == "other":
        told |= {"license_name": say.get("licence.chosen") or "see-card", "license_link": "README.md#licence"}
    data = ModelCardData(**{key: value for key, value in told.items() if value is not None})
    return f"---\n{data.to_yaml()}\n---"


def _tags(say: Say) -> list[str]:
    tags = ["calame", "trained-from-scratch"]
    if say.has("procedure.init") or say.has("procedure.began_from") or not say.has("procedure"):
        tags.remove("trained-from-scratch")
    return tags + (["conversational"] if say.get("gate.tuned") else []) + (["gguf"] if _has_gguf(say) else [])


def _has_gguf(say: Say) -> bool:
    return any(name.endswith(".gguf") for name in say.get("files", {}))


def _datasets(say: Say) -> list[str]:
    """Those that are the hub's."""
    tuned = (part for kind in say.get("tuning", {}).values() for part in kind.get("sets", {}).values())
    locations = (part.get("location", "") for part in (*say.get("corpus.sources", {}).values(), *tuned))
    return sorted({location.removeprefix("hub:") for location in locations if location.startswith("hub:")})


def _results(say: Say) -> list[EvalResult]:
    """Held-out losses, questions and benchmarks, as entries of model-index."""
    slices, asked = say.get("evaluation.losses.slices", {}), say.get("evaluation.exam.table", [])
    return [
        *say.each(
            lambda name, part: _result(f"held-out text {name}", "held-out", "bits-per-byte", part["bpb"]["value"]),
            slices.items(),
        ),
        *say.each(
            lambda row: _result(f"questions {row['kind']} {row['language']}", "questions", "accuracy", row["right"]),
            asked,
        ),
        *say.each(
            lambda name, one: _result(name, name, one["headline"], one["value"]),
            say.get("benchmarks.results", {}).items(),
        ),
    ]


def _result(name: str, kind: str, metric: str, value: float) -> EvalResult:
    return EvalResult(
        task_type=TASK,
        dataset_type=kind,
        dataset_name=name,
        dataset_config=name,  # results of one type and configuration are joined to one
        metric_type=metric,
        metric_value=value,
    )


def _emissions(say: Say) -> dict[str, Any] | None:
    """Grams, where both the energy and what a kWh emits are known."""
    grams = say.get("energy.grams")
    if grams is None:
        return None
    gpus = say.get("made_with.gpus", {})
    told = {
        "emissions": grams,
        "source": say.get("energy.carbon_source") or None,
        "training_type": "pre-training",
        "geographical_location": say.get("about.region"),
        "hardware_used": ", ".join(f"{number} x {name}" for name, number in gpus.items()) or None,
    }
    return {key: value for key, value in told.items() if value is not None}
