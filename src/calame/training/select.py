"""Stage select: the checkpoint that goes on, with its rationale. What follows reads only `selected.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calame.recipe.errors import refuse
from calame.recipe.slices import Mixed, mixed_weights
from calame.recipe.units import say_count
from calame.run import checkpoint, telemetry
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.training.slices import check_weights

FILE = "selected.json"


def select(rule: str, trained: Path, folder: Path, mixed: Mixed = "even") -> None:
    """Write `selected.json` for rule `last` or `best:METRIC` (the lowest). `trained`: the folder of the run's stage;
    `mixed`: the weights of val/mixed, whatever they were during the training."""
    if rule == "last":
        chosen = checkpoint.newest_valid(trained / "checkpoints")
        reason = "the last checkpoint, as the recipe asks"
    else:
        metric = rule.removeprefix("best:")
        chosen, values = best_checkpoint(trained, metric, mixed, tell=True)
        reason = f"lowest {metric} of the checkpoints kept: {', '.join(f'step {s} {v:.5g}' for s, v in values.items())}"
        if not values:
            raise refuse(
                "select",
                f"no checkpoint has a {metric}",
                ", ".join(_metrics(trained)) or "nothing was measured",
                "name a metric of metrics.jsonl",
            )
    if chosen is None:
        raise refuse(
            "select",
            f"no whole checkpoint in {trained}",
            remedy="train again: calame run RECIPE --from pretrain --to pretrain --force",
        )
    write_choice(rule, chosen, reason, folder)


def write_choice(rule: str, chosen: Path, reason: str, folder: Path) -> None:
    """Write `selected.json`: the rule, the checkpoint that was chosen by it, and why."""
    progress = checkpoint.read_state(chosen)["progress"]
    write_json(
        folder / FILE,
        {
            "rule": rule,
            "checkpoint": chosen.name,
            "step": progress["step"],
            "tokens": progress["position"],
            "rationale": reason,
        },
    )
    say(f"  selected {chosen.name} ({say_count(progress['position'])} tokens): {reason}")


def best_checkpoint(
    trained: Path, metric: str, mixed: Mixed | None = None, read: bool = True, tell: bool = False
) -> tuple[Path | None, dict[int, float]]:
    """The kept checkpoint with the lowest value of a metric, and the values of all that have one, by step. mixed:
    weights for val/mixed in place of those that it was recorded with. Damaged ones are passed over, aloud if `tell`;
    read: as of `checkpoint.newest_valid`."""
    at_step: dict[int, Path] = {
        int(path.name.split("-")[1]): path for path in checkpoint.steps(trained / "checkpoints")
    }
    measured = {line["step"]: line for line in telemetry.read(trained) if metric in line and line["step"] in at_step}
    values = {step: _value(line, metric, mixed) for step, line in measured.items()}
    for step in sorted(values, key=lambda step: (values[step], step)):
        if (fault := checkpoint.damage(at_step[step], read)) is None:
            return at_step[step], values
        if tell:
            say(f"  checkpoint {at_step[step].name} is passed over: {fault}")
    return None, values


def _value(line: dict[str, Any], metric: str, mixed: Mixed | None) -> float:
    kind = metric.removeprefix("val/mixed/")
    keys = [key for key in line if key.startswith("val/") and key.endswith(f"/{kind}")]
    slices = [name for key in keys if (name := key.split("/")[1]) not in ("mixed", "micro")]
    if mixed is None or kind == metric or not slices:
        return line[metric]
    check_weights(slices, mixed)
    weights = mixed_weights(slices, mixed) or {"micro": 1.0}
    return sum(weight * line[f"val/{name}/{kind}"] for name, weight in weights.items())


def _metrics(trained: Path) -> list[str]:
    return sorted({key for line in telemetry.read(trained) for key in line if key.startswith("val/")})


def selected_checkpoint(selected: Path, trained: Path) -> Path:
    """The folder of the checkpoint that `selected.json` (in `selected`) names."""
    data: dict[str, Any] = read_json(selected / FILE)
    return trained / "checkpoints" / data["checkpoint"]
