"""What was measured in the midst of the training, brought together: curves, and where validation was best.

best_validation.json   the step with the lowest val/mixed/loss, beside the last one and the one that was selected
eval_metrics.jsonl     a line a step at which something was measured: all that was
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from calame.evaluation.in_training import SAMPLES
from calame.evaluation.measurement import CannotMeasure, Found, Setting
from calame.evaluation.records import Record, write_record, write_rows
from calame.run import checkpoint, telemetry
from calame.run.charts import line_chart
from calame.run.files import read_json
from calame.run.tables import table
from calame.training.select import FILE as SELECTED

METRIC = "val/mixed/loss"
BEST, CURVES = "best_validation.json", "eval_metrics.jsonl"
SAID = {  # of what it writes, what the page draws
    "loop_rate": "end in a loop",
    "repeated_4gram_rate": "say 4 tokens again",
    "language_consistency": "prompt's language",
    "eos_rate": "end by themselves",
}
MEASURED = ("val/", "behaviour/", "eval/", SAMPLES)  # what names of measurements begin with (docs/telemetry.md)


class Point(Record):
    """A step, and what validation found there."""

    step: int = Field(description="of pretraining")
    tokens: int = Field(description="that it was trained on")
    loss: float = Field(description="val/mixed/loss, nats a token")
    bpb: float = Field(description="val/mixed/bpb, bits a byte")


class BestValidation(Record):
    """best_validation.json"""

    metric: str = Field(description="what was lowest: val/mixed/loss")
    validations: int = Field(description="steps at which it was measured")
    best: Point = Field(description="where it was lowest")
    last: Point = Field(description="the last one that was measured")
    checkpoint: str | None = Field(description="of the best step; null: none was saved at it")
    slices: dict[str, float] = Field(description="at the best step, by slice: nats a token")
    selected: int | None = Field(description="step that was selected; null where nothing is known of it")
    rule: str | None = Field(description="by which it was selected (select, docs/evaluation-selection.md)")


class Line(Record):
    """A line of eval_metrics.jsonl; its other keys are those of docs/telemetry.md that were measured at the step."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    step: int = Field(description="of pretraining")
    tokens: int = Field(description="that it was trained on")


def measure(setting: Setting, folder: Path) -> Found:
    """{"best": as best_validation.json, "curves": {name: [[tokens, value], ...]}, "samples": [[tokens, samples], ...]}.

    Raises `CannotMeasure` where training wrote no metrics; None where there is no pretraining."""
    if "pretrain" not in setting.stages:
        return None
    trained = setting.stages["pretrain"]
    measured = list(_lines(telemetry.read(trained)))
    if not any(METRIC in line for line in measured):
        raise CannotMeasure(f"no validation stands in {telemetry.FILE} of the pretraining")
    best = _best(measured, trained, _selected(setting.stages.get("select")))
    write_record(folder / BEST, best)
    write_rows(folder / CURVES, (Line.model_validate(line) for line in measured))
    names = dict.fromkeys(name for line in measured for name in line if name.startswith(MEASURED) and name != SAMPLES)
    return {
        "best": best.model_dump(mode="json"),
        "curves": {name: [[line["tokens"], line[name]] for line in measured if name in line] for name in names},
        "samples": [[line["tokens"], line[SAMPLES]] for line in measured if SAMPLES in line],
    }


def _lines(records: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """step, tokens, and what was measured, of each step at which anything was."""
    for record in records:
        found = {name: value for name, value in record.items() if name.startswith(MEASURED)}
        if found and "train/tokens" in record:  # beside a validation, earlier versions did not say it
            yield {"step": record["step"], "tokens": record["train/tokens"], **found}


def _best(measured: Sequence[Mapping[str, Any]], trained: Path, selected: tuple[int, str] | None) -> BestValidation:
    known = [line for line in measured if METRIC in line]
    best = min(known, key=lambda line: (line[METRIC], line["step"]))
    kept = {int(path.name.split("-")[1]): path.name for path in checkpoint.steps(trained / "checkpoints")}
    slices = {name.split("/")[1]: value for name, value in best.items() if _of_slice(name)}
    step, rule = selected or (None, None)
    return BestValidation(
        metric=METRIC,
        validations=len(known),
        best=_point(best),
        last=_point(known[-1]),
        checkpoint=kept.get(best["step"]),
        slices=slices,
        selected=step,
        rule=rule,
    )


def _point(line: Mapping[str, Any]) -> Point:
    return Point(step=line["step"], tokens=line["tokens"], loss=line[METRIC], bpb=line["val/mixed/bpb"])


def _of_slice(name: str) -> bool:
    return name.startswith("val/") and name.endswith("/loss") and name.split("/")[1] not in ("mixed", "micro")


def _selected(folder: Path | None) -> tuple[int, str] | None:
    """Step and rule of what was selected."""
    if folder is None or not (folder / SELECTED).is_file():
        return None
    found = read_json(folder / SELECTED)
    return found["step"], found["rule"]


def words(found: Found) -> list[str]:
    """Whether the end of the training was its best."""
    best, last = found["best"]["best"], found["best"]["last"]
    if best["step"] == last["step"]:
        where = f"{last['loss']:.3f} nats a token at step {last['step']}"
        return [f"The loss on validation text was lowest at the end: {where}."]
    kept = "is kept" if found["best"]["checkpoint"] else "is not kept"
    return [
        f"The loss on validation text was lowest at step {best['step']}: {best['loss']:.3f} nats a token, and "
        f"{last['loss']:.3f} at step {last['step']}. The checkpoint of the best step {kept}."
    ]


def page(found: Found) -> str:
    """Curves of what the model writes and of benchmarks (those of the losses stand with the training), and samples."""
    curves = found["curves"]
    writing = {said: curves[f"behaviour/{name}"] for name, said in SAID.items() if f"behaviour/{name}" in curves}
    scores = {name.removeprefix("eval/"): curves[name] for name in curves if name.startswith("eval/")}
    charts = line_chart(writing, "share of texts", span=(0, 1)), line_chart(scores, "score, on a part of the items")
    return "".join([*charts, *_samples(found["samples"])])


def _samples(samples: Sequence[Any]) -> Iterator[str]:
    if not samples:
        return
    for number, first in enumerate(samples[0][1]):
        rows = [[f"{round(tokens):,}", _went_on(said[number])] for tokens, said in samples if number < len(said)]
        yield table(["after tokens", f"{first['prompt']}…"], rows)


def _went_on(sample: Mapping[str, str]) -> str:
    return sample["continuation"] if "reason" not in sample else f"(not continued: {sample['reason']})"
