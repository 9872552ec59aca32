"""Which checkpoints stay: the newest, the best, never a spoilt one in place of a good one; and which is selected."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, fixture, mark, raises
from torch import Tensor

from builders import plan_of, trainer_of
from calame.recipe.errors import UserError, refuse
from calame.run import checkpoint, telemetry
from calame.run.files import read_json
from calame.shards.rows import Rows
from calame.training.batch import LossFunction
from calame.training.loop import Progress, Trainer
from calame.training.select import select, selected_checkpoint
from calame.training.stopping import Interrupted

VALUES = {2: 3.0, 4: 1.0, 6: 2.0, 8: 4.0, 10: 1.5}


def measured(progress: Progress) -> dict[str, Any]:
    return {"val/mixed/loss": VALUES[progress.step], "val/mixed/bpb": -VALUES[progress.step]}


def names(folder: Path) -> list[int]:
    return [int(path.name.split("-")[1]) for path in checkpoint.steps(folder / "checkpoints")]


@fixture
def trained(tmp_path: Path) -> Path:
    """Ten steps, measured and saved every other one; the two newest and the best are kept."""
    plan = plan_of(tokens=640, keep=2, keep_best="val/mixed/loss")
    trainer_of(tmp_path, plan, observers=[(128, measured)]).run()
    return tmp_path


def test_the_newest_and_the_best_are_kept(trained: Path) -> None:
    assert names(trained) == [4, 8, 10]


def test_without_a_metric_only_the_newest_are_kept(tmp_path: Path) -> None:
    trainer_of(tmp_path, plan_of(tokens=640, keep=2)).run()
    assert names(tmp_path) == [8, 10]


def cut_short(folder: Path, *wanted: int) -> None:
    for step in wanted:
        file = folder / "checkpoints" / f"step-{step:08d}" / "model.safetensors"
        file.write_bytes(file.read_bytes()[:100])


def test_damaged_ones_take_no_place_among_the_newest(tmp_path: Path) -> None:
    """All that was saved last is torn: what is saved from there on stays, and so does what it went on from."""
    trainer_of(tmp_path, plan_of(tokens=640, keep=3)).run()
    cut_short(tmp_path, 8, 10)
    made = trainer_of(tmp_path, plan_of(tokens=640, keep=3))
    with raises(UserError):  # in the middle of its way
        made.observers = [(64 * 7, lambda progress: cut_the_run())]
        made.run()
    assert names(tmp_path) == [6]
    trainer_of(tmp_path, plan_of(tokens=640, keep=3)).run()
    assert names(tmp_path) == [6, 8, 10]
    assert checkpoint.newest_valid(tmp_path / "checkpoints") == tmp_path / "checkpoints/step-00000010"


def cut_the_run() -> dict[str, Any]:
    raise refuse("here", "enough")


def test_where_none_is_whole_it_begins_anew_and_says_so(tmp_path: Path, capsys: Any) -> None:
    trainer_of(tmp_path, plan_of(tokens=256, keep=9)).run()
    cut_short(tmp_path, *names(tmp_path))
    trainer_of(tmp_path, plan_of(tokens=256, keep=9)).run()
    assert "none of the checkpoints is whole: it begins anew" in capsys.readouterr().out
    assert checkpoint.newest_valid(tmp_path / "checkpoints") == tmp_path / "checkpoints/step-00000004"


def test_a_damaged_best_is_not_selected(trained: Path, tmp_path: Path, capsys: Any) -> None:
    cut_short(trained, 4)
    select("best:val/mixed/loss", trained, tmp_path / "selected")
    assert read_json(tmp_path / "selected" / "selected.json")["step"] == 10
    assert "step-00000004 is passed over" in capsys.readouterr().out
    cut_short(trained, 8, 10)
    with raises(UserError, match="no whole checkpoint") as error:
        select("best:val/mixed/loss", trained, tmp_path / "selected")
    assert error.value.problems[0].remedy.endswith("--force")


def test_select_last(trained: Path, tmp_path: Path) -> None:
    select("last", trained, tmp_path / "selected")
    chosen = read_json(tmp_path / "selected" / "selected.json")
    assert (chosen["checkpoint"], chosen["step"], chosen["tokens"]) == ("step-00000010", 10, 640)
    assert selected_checkpoint(tmp_path / "selected", trained) == trained / "checkpoints" / "step-00000010"


def test_select_best_says_why(trained: Path, tmp_path: Path) -> None:
    select("best:val/mixed/loss", trained, tmp_path / "selected")
    chosen = read_json(tmp_path / "selected" / "selected.json")
    assert (chosen["step"], chosen["tokens"]) == (4, 256)
    for words in ("val/mixed/loss", "step 4 1", "step 8 4", "step 10 1.5"):
        assert words in chosen["rationale"]


def test_select_reads_the_last_attempt_at_a_step(trained: Path, tmp_path: Path) -> None:
    telemetry.Telemetry("pretrain", trained).write(8, **{"val/mixed/loss": 0.5})
    select("best:val/mixed/loss", trained, tmp_path / "selected")
    assert read_json(tmp_path / "selected" / "selected.json")["step"] == 8


def test_select_weighs_the_slices_as_it_is_told_now(trained: Path, tmp_path: Path) -> None:
    """Whatever val/mixed was recorded with: other weights choose anew among the checkpoints that are kept."""
    record = telemetry.Telemetry("pretrain", trained)
    for step, french, italian in ((4, 3.0, 1.0), (8, 2.0, 2.2), (10, 1.0, 4.0)):
        values = {"val/fr-a/loss": french, "val/it-a/loss": italian, "val/ood-fr-b/loss": 0.0, "val/mixed/loss": 9.0}
        record.write(step, **values, **{"val/micro/loss": 5.0 - step / 10})
    for mixed, step in (("even", 4), ({"fr-a": 0.9, "it-a": 0.1}, 10), ({"fr-a": 0.6, "it-a": 0.4}, 8), ("micro", 10)):
        select("best:val/mixed/loss", trained, tmp_path / "selected", mixed)
        assert read_json(tmp_path / "selected" / "selected.json")["step"] == step, mixed
    with raises(UserError, match="no weight for it-a"):
        select("best:val/mixed/loss", trained, tmp_path / "selected", {"fr-a": 1.0})


def test_an_unknown_metric_is_refused_with_those_there_are(trained: Path, tmp_path: Path) -> None:
    with raises(UserError, match="no checkpoint has a val/mixed/los") as error:
        select("best:val/mixed/los", trained, tmp_path)
    assert error.value.problems[0].allowed == "val/mixed/bpb, val/mixed/loss"
    assert not (tmp_path / "selected.json").exists()


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with raises(UserError, match="no whole checkpoint"):
        select("last", tmp_path, tmp_path)


def test_milestones_stay_whatever_comes_after_them(tmp_path: Path) -> None:
    """Saved where they are due, although nothing else is."""
    trainer_of(tmp_path, plan_of(tokens=640, keep=1, save_every=10**6, keep_every=3 * 64)).run()
    assert names(tmp_path) == [3, 6, 9, 10]


def test_a_stop_makes_no_milestone_and_going_on_keeps_them(tmp_path: Path) -> None:
    plan = plan_of(tokens=640, keep=1, save_every=10**6, keep_every=4 * 64)

    def stop(progress: Progress) -> dict[str, Any]:
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with raises(Interrupted):
        trainer_of(tmp_path, plan, observers=[(64, stop)]).run()
    assert names(tmp_path) == [4, 5]
    trainer_of(tmp_path, plan).run()
    assert names(tmp_path) == [4, 8, 10]


def test_a_run_that_gets_worse_keeps_its_best(tmp_path: Path) -> None:
    """Finite, but lost: the newest are worth nothing, and the good one is still there."""
    worse = {step: float(abs(step - 4)) for step in range(1, 21)}
    plan = plan_of(tokens=20 * 64, keep=1, save_every=64, keep_best="val/mixed/loss")
    trainer_of(tmp_path, plan, observers=[(64, lambda progress: {"val/mixed/loss": worse[progress.step]})]).run()
    assert names(tmp_path) == [4, 20]


class Spoilt(LossFunction):
    """A loss that is no number from some batch on."""

    after = 0
    seen = 0

    def total(self, rows: Rows) -> torch.Tensor:
        self.seen += 1
        return super().total(rows) * (float("nan") if self.seen > self.after else 1.0)


def spoilt(folder: Path, good_steps: int, **plan: Any) -> Trainer:
    trainer = trainer_of(folder, plan_of(micro_batch=64, **plan))
    loss = Spoilt(trainer.model, trainer.device, True, "dense", False)
    loss.after = good_steps
    trainer.loss = loss
    return trainer


@mark.parametrize("log_every", (1, 1000))
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_good_checkpoints(log_every: int, tmp_path: Path) -> None:
    with raises(UserError, match="the loss is nan") as error:
        spoilt(tmp_path, 5, log_every=log_every, keep=1).run()
    assert "learning rate" in error.value.problems[0].remedy
    assert names(tmp_path) == [4]
    kept = checkpoint.newest_valid(tmp_path / "checkpoints")
    assert kept is not None
    assert all(torch.isfinite(tensor).all() for tensor in checkpoint.load(kept)[0]["model"].values())
    assert all(line["train/loss"] == line["train/loss"] for line in telemetry.read(tmp_path))


def test_it_stops_where_the_loss_is_first_looked_at(tmp_path: Path) -> None:
    """Not only at the next checkpoint, which may be hours away."""
    trainer = spoilt(tmp_path, 2, log_every=1, save_every=10**6)
    with raises(UserError, match="training step 3"):
        trainer.run()


def test_an_infinite_gradient_under_a_finite_loss_is_not_saved(tmp_path: Path) -> None:
    """Clipping turns it into weights that are no numbers; the loss would show it only at the next step."""
    trainer = trainer_of(tmp_path, plan_of(log_every=1000, keep=1))
    weight = trainer.model.layers[0].mlp.up_proj.weight  # type: ignore[union-attr]

    def explode(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * float("inf") if trainer.progress.step == 3 else gradient

    weight.register_hook(explode)  # type: ignore[operator]
    with raises(UserError, match="norm"):
        trainer.run()
    assert names(tmp_path) == [2]


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    """Loss and gradient of the step were fine: its update was not."""
    trainer = trainer_of(tmp_path, plan_of(keep=1))
    step = trainer.optimizer.step

    def overshoot(divisor: Tensor | None = None) -> None:
        step(divisor)
        if trainer.progress.step == 3:
            trainer.model.embed_tokens.weight.data[0, 0] = float("inf")  # type: ignore[union-attr,index]

    trainer.optimizer.step = overshoot  # type: ignore[method-assign]
    with raises(UserError, match="training step 4: weights are no numbers"):
        trainer.run()
    assert names(tmp_path) == [2]


def test_a_full_disk_ends_the_run_with_the_remedy_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    import safetensors.torch

    save = safetensors.torch.save_file
    with MonkeyPatch.context() as patch:

        def fill(content: Any, path: Path) -> None:
            if "step-00000004" in str(path):
                path.write_bytes(b"half")
                raise RuntimeError("No space left on device (os error 28)")
            save(content, path)

        patch.setattr(safetensors.torch, "save_file", fill)
        with raises(UserError, match="the disk is full"):
            trainer_of(tmp_path).run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]
    trainer_of(tmp_path).run()
    trainer_of(tmp_path / "whole").run()
    one, other = (checkpoint.steps(folder / "checkpoints")[-1] for folder in (tmp_path, tmp_path / "whole"))
    assert read_json(one / "manifest.json")["files"] == read_json(other / "manifest.json")["files"]


def test_what_observers_say_at_a_step_does_not_hide_its_loss(tmp_path: Path) -> None:
    """Two observers and the loss at one step: a reader finds all three."""
    others = [(128, lambda progress: {"val/mixed/loss": 1.0}), (128, lambda progress: {"data/a/tokens": 7})]
    trainer_of(tmp_path, plan_of(), observers=others).run()
    for step in (2, 4, 6, 8):
        found: dict[str, Any] = {}
        for line in telemetry.read(tmp_path):
            found |= line if line["step"] == step else {}
        assert {"train/loss", "val/mixed/loss", "data/a/tokens"} <= set(found)


def test_observers_are_called_when_due_and_at_the_end(tmp_path: Path) -> None:
    seen: list[int] = []

    def note(progress: Progress) -> dict[str, Any]:
        seen.append(progress.step)
        return {}

    trainer_of(tmp_path, plan_of(tokens=7 * 64), observers=[(3 * 64, note)]).run()
    assert seen == [3, 6, 7]
