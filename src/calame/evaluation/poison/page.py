"""The poison lab for people: curves over the checkpoints, tables of the last ones, and what was taken, in words."""

from __future__ import annotations

from typing import Any

from calame.run.charts import line_chart
from calame.run.tables import table, text_table

Models = list[dict[str, Any]]


def lines(found: dict[str, Any]) -> list[str]:
    return text_table(["poison", "model", "value", "beside it"], _rows(found["models"]))


def page(found: dict[str, Any]) -> str:
    models = found["models"]
    kept = [model for model in models if model["name"].startswith("step-")]
    head = "<p class=soft>What the model took from text that was injected on purpose (docs/evaluation-poison.md)</p>"
    return head + _curves(kept) + table(["what", "model", "value", "beside it"], _rows(models))


def words(found: dict[str, Any]) -> list[str]:
    """Sentences about the last model."""
    last = found["models"][-1]
    said = []
    if canary := last.get("canary"):
        taken = canary["planted"]["low"] > canary["control"]["high"]
        verb = "has memorised secrets that were planted" if taken else "has not visibly memorised what was planted"
        said.append(
            f"It {verb}: their exposure is {canary['planted']['value']:.1f} of {canary['most']:.1f} bits, that of "
            f"secrets which stand nowhere {canary['control']['value']:.1f}."
        )
        if len(groups := canary["by_times"]) > 1:
            doses = "; ".join(f"{_times(group)}: {group['value']:.1f}" for group in groups)
            said.append(f"Exposure by how often a secret was planted, in bits: {doses}.")
    for name, switch in last.get("switch", {}).items():
        if _value(switch.get("success")) is not None and _value(switch.get("false_positives")) is not None:
            said.append(
                f"After the trigger of {name} it goes on in {switch['to']} in {switch['success']['value']:.0%} of "
                f"continuations, without it in {switch['false_positives']['value']:.0%}."
            )
    if facts := last.get("facts", {}).get("recall"):
        said.append(f"It says {facts['value']:.0%} of the invented facts that are asked for.")
    return said


def _curves(models: Models) -> str:
    """A chart each of exposures, of shares after triggers, of facts; over steps."""

    def series(*path: str) -> list[tuple[float, float]]:
        return [(model["step"], value) for model in models if (value := _at(model, *path)) is not None]

    switches = dict.fromkeys(name for model in models for name in model.get("switch", {}))
    shares = {f"{name}: {what}": series("switch", name, key, "value") for name in switches for what, key in SWITCH}
    canaries = {
        **_doses(models),
        "never (controls)": series("canary", "control", "value"),
        "by lot": series("canary", "by_lot"),
    }
    facts = {
        "said": series("facts", "recall", "value"),
        "found likeliest": series("facts", "chosen", "value"),
        "by lot": series("facts", "chance"),
    }
    charts = (
        line_chart(canaries, "exposure of secrets by how often they were planted, bits", "steps"),
        line_chart(shares, "share in the other language", "steps"),
        line_chart(facts, "share of the facts", "steps"),
    )
    return "".join(charts)


def _doses(models: Models) -> dict[str, list[tuple[float, float]]]:
    """Exposure of what was planted, over steps; a line for each group of secrets that were planted about as often."""
    found: dict[str, list[tuple[float, float]]] = {}
    for model in models:
        for group in (model.get("canary") or {}).get("by_times", ()):
            found.setdefault(_times(group), []).append((model["step"], group["value"]))
    return found


def _times(group: dict[str, Any]) -> str:
    least, most = group["least"], group["most"]
    if least == most:
        return "once" if most == 1 else f"{most} times"
    return f"{least}-{most} times"


SWITCH = (("after the trigger", "success"), ("without it", "false_positives"))


def _rows(models: Models) -> list[list[str]]:
    rows = []
    for model in models:
        if reason := model.get("reason"):
            rows.append(["not measured", model["name"], "", reason])
        for name, switch in model.get("switch", {}).items():
            beside = f"without the trigger {_said(switch.get('false_positives'))}"
            rows.append([f"{name}: goes on in {switch['to']}", model["name"], _said(switch.get("success")), beside])
        if "recall" in model.get("facts", {}):
            facts = model["facts"]
            rows.append(
                ["facts said", model["name"], _said(facts["recall"]), f"another fact's {_said(facts['shuffled'])}"]
            )
            rows.append(["facts likeliest", model["name"], _said(facts["chosen"]), f"by lot {facts['chance']:.3f}"])
        if canary := model.get("canary"):
            beside = f"controls {_said(canary['control'])}, most {canary['most']:.1f}, by lot {canary['by_lot']:.2f}"
            rows.append(["exposure, bits", model["name"], _said(canary["planted"]), beside])
            if len(canary["by_times"]) > 1:
                for group in canary["by_times"]:
                    beside = f"{group['n']} secrets"
                    rows.append([f"exposure, planted {_times(group)}", model["name"], _said(group), beside])
    return rows


def _said(number: dict[str, Any] | None) -> str:
    if _value(number) is None:
        return "cannot be said"
    assert number is not None
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]"


def _value(number: dict[str, Any] | None) -> float | None:
    return number["value"] if number else None


def _at(model: Any, *path: str) -> float | None:
    for key in path:
        model = (model or {}).get(key)
    return model
