"""What was measured in the midst of a training, brought together: the best step, the curves, files and keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import mark, raises

from builders import recipe_of
from calame.evaluation import on_the_way
from calame.evaluation.measurement import CannotMeasure, Setting
from calame.evaluation.on_the_way import BEST, CURVES, BestValidation, Line
from calame.evaluation.records import read_lines, read_record
from calame.run.files import write_json
from calame.run.telemetry import Telemetry


def trained(folder: Path, losses: dict[int, float], **more: Any) -> Setting:
    """A pretraining whose validation found these losses, by step; checkpoints of all steps but the third."""
    own = folder / "pretrain"
    telemetry = Telemetry("pretrain", own)
    for step, loss in losses.items():
        telemetry.write(step, **{"train/loss": 9.0, "train/tokens": 64 * step})
        values = {f"val/{name}/{kind}": loss for name in ("mixed", "micro", "fr-a") for kind in ("loss", "bpb")}
        telemetry.record(step, {"train/tokens": 64 * step, **values, **more})
        if step != 3:
            (own / f"checkpoints/step-{step:08d}").mkdir(parents=True)
    write_json(folder / "select/selected.json", {"step": 4, "rule": "last"})
    (folder / "out").mkdir()
    stages = {"pretrain": own, "select": folder / "select"}
    return Setting(recipe_of().evaluation, ("fr",), {}, stages, folder / "out", "cpu", recipe_of())


@mark.parametrize(
    ("losses", "best", "checkpoint", "words"),
    (
        ({1: 3.0, 2: 1.0, 4: 2.0}, 2, "step-00000002", "lowest at step 2: 1.000 nats a token, and 2.000 at step 4"),
        ({1: 3.0, 3: 1.0, 4: 1.5}, 3, None, "is not kept"),
        ({1: 3.0, 2: 2.0, 4: 1.0}, 4, "step-00000004", "was lowest at the end: 1.000 nats a token at step 4"),
        ({2: 1.0, 4: 1.0}, 2, "step-00000002", "lowest at step 2"),
    ),
)
def test_the_best_step_beside_the_last_and_the_selected_one(
    losses: dict[int, float], best: int, checkpoint: str | None, words: str, tmp_path: Path
) -> None:
    setting = trained(tmp_path, losses)
    found = on_the_way.measure(setting, tmp_path / "out")
    record = read_record(tmp_path / "out" / BEST, BestValidation)
    assert record.best.step == best and record.best.tokens == 64 * best and record.best.loss == min(losses.values())
    assert record.last.step == max(losses) and record.checkpoint == checkpoint and record.validations == len(losses)
    assert record.slices == {"fr-a": min(losses.values())}
    assert (record.selected, record.rule) == (4, "last")
    assert found["best"] == json.loads((tmp_path / "out" / BEST).read_text())
    assert words in on_the_way.words(found)[0]


def test_curves_are_all_that_was_measured_and_nothing_else(tmp_path: Path) -> None:
    said = [{"prompt": "<Le>", "continuation": " chat & l'été"}]
    more = {"behaviour/loop_rate": 0.5, "eval/fr": 0.25, "samples": said, "perf/evaluation_s": 1.0}
    setting = trained(tmp_path, {1: 3.0, 4: 1.0}, **more)
    found = on_the_way.measure(setting, tmp_path / "out")
    lines = list(read_lines(tmp_path / "out" / CURVES, Line))
    assert [(line.step, line.tokens) for line in lines] == [(1, 64), (4, 256)]
    kept = {"val/mixed/loss", "val/fr-a/bpb", "behaviour/loop_rate", "eval/fr", "samples"}
    assert kept <= set(lines[0].model_extra or {}) and not any(
        name.startswith(("train/", "perf/")) for name in lines[0].model_extra or {}
    )
    assert found["curves"]["behaviour/loop_rate"] == [[64, 0.5], [256, 0.5]]
    assert found["samples"] == [[64, said], [256, said]]
    page = on_the_way.page(found)
    assert page.count("<svg") == 2 and page.count("chat &amp; l&#x27;été") == 2 and "<Le>" not in page


def test_a_step_that_was_repeated_stands_there_once(tmp_path: Path) -> None:
    setting = trained(tmp_path, {1: 3.0, 2: 1.0})
    again = Telemetry("pretrain", tmp_path / "pretrain")
    again.record(2, {"train/tokens": 128, "val/mixed/loss": 2.0, "val/mixed/bpb": 2.0})
    found = on_the_way.measure(setting, tmp_path / "out")
    assert found["best"]["best"]["loss"] == 2.0 and found["best"]["validations"] == 2


def test_without_validation_nothing_is_said_to_be_best(tmp_path: Path) -> None:
    setting = trained(tmp_path, {})
    with raises(CannotMeasure, match=r"no validation stands in metrics\.jsonl"):
        on_the_way.measure(setting, tmp_path / "out")
    foreign = Setting(setting.keys, ("fr",), {}, {}, tmp_path / "out")
    assert on_the_way.measure(foreign, tmp_path / "out") is None
