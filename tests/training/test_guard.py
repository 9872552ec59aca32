"""Steps turned away: which, what becomes of them, and that a run which was stopped decides what a whole one would."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytest import mark, raises

from builders import RandomData, Stop, plan_of, stop_at, tokenizer_of, trainer_of
from calame.recipe.errors import UserError
from calame.recipe.schema import Guard as Keys
from calame.run import checkpoint, telemetry
from calame.shards.rows import Rows
from calame.training.batch import LossFunction
from calame.training.guard import Guard, deviations
from calame.training.loop import Trainer

STEPS, WINDOW = 26, 10


class Trouble(LossFunction):
    """Adds to (or spoils) the losses of the rows of some steps; which ones is seen by the rows, as with real text."""

    at: dict[int, float]

    def total(self, rows: Rows) -> torch.Tensor:
        loss = super().total(rows)
        extra = self.at.get(int(rows.tokens[0, 0]), 0.0)
        return loss + extra * loss


class Numbered(RandomData):
    """The first token of each row says which step it is of."""

    def batch(self, position: int, tokens: int) -> Rows:
        rows = super().batch(position, tokens)
        rows.tokens[:, 0] = 100 + position // tokens
        return rows


def trainer(folder: Path, guard: Keys, at: dict[int, float], **plan: Any) -> Trainer:
    """`at`: by step, how many times its loss is too high; inf spoils it."""
    values = {"tokens": STEPS * 64, "save_every": 10 * 64, "guard": guard, "keep": 2}
    made = trainer_of(folder, plan_of(**{**values, **plan}), Numbered())
    loss = Trouble(made.model, made.device, True, "dense", False)
    loss.at = {99 + step: extra for step, extra in at.items()}
    made.loss = loss
    return made


def weights(folder: Path, step: int | None = None) -> dict[str, torch.Tensor]:
    folders = checkpoint.steps(folder / "checkpoints")
    found = folders[-1] if step is None else folder / "checkpoints" / f"step-{step:08d}"
    return checkpoint.load(found)[0]["model"]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def events(folder: Path) -> dict[int, tuple[str, str]]:
    lines = [line for line in telemetry.read(folder) if "guard/reason" in line]
    return {line["step"]: (line["guard/reason"], line["guard/action"]) for line in lines}


SKIP = Keys(nonfinite="skip")
SPIKE = Keys(nonfinite="skip", spike="skip", window=WINDOW)
BACK = Keys(spike="rollback", window=WINDOW, return_every=6)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.floats(-50, 50))
def test_deviations_are_the_textbook_ones(losses: list[float], loss: float) -> None:
    middle = statistics.median(losses)
    mad = statistics.median([abs(x - middle) for x in losses])
    assert math.isclose(deviations(losses, loss), (loss - middle) / max(1.4826 * mad, 0.01), abs_tol=1e-9)


def test_a_step_of_no_number_leaves_weights_and_moments_and_the_text_goes_on(tmp_path: Path) -> None:
    made = trainer(tmp_path, SKIP, {3: math.inf, 4: math.nan}, tokens=4 * 64, save_every=64, keep=9)
    made.run()
    assert events(tmp_path) == {3: ("nonfinite", "skip"), 4: ("nonfinite", "skip")}
    two, four = (checkpoint.load(tmp_path / "checkpoints" / f"step-0000000{step}") for step in (2, 4))
    for group in ("model", "optimizer"):
        assert equal(two[0][group], four[0][group])
    assert four[1]["progress"]["position"] == 4 * 64
    lines = {line["step"]: line for line in telemetry.read(tmp_path)}
    assert "train/loss" not in lines[3] and lines[3]["train/tokens"] == 3 * 64
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_the_batch_turned_away_is_kept_with_its_text(tmp_path: Path) -> None:
    tokenizer_of().save(tmp_path / "tokenizer")
    made = trainer(tmp_path, SKIP, {3: math.inf}, tokens=4 * 64)
    made.run()
    rows = made.data.batch(2 * 64, 64)
    with np.load(tmp_path / "turned-away/step-00000003.npz") as kept:
        for name, array in vars(rows).items():
            assert np.array_equal(kept[name], array)
    said = (tmp_path / "turned-away/step-00000003.txt").read_text()
    assert "nonfinite" in said and tokenizer_of().decode(rows.tokens[1].tolist()) in said
    assert [path.name for path in (tmp_path / "turned-away").iterdir() if path.suffix == ".npz"] == [
        "step-00000003.npz"
    ]


@mark.parametrize("spike", ("off", "skip"))
def test_only_a_spike_is_turned_away_and_only_once_there_is_a_window(spike: Any, tmp_path: Path) -> None:
    keys = Keys(spike=spike, window=WINDOW)
    trainer(tmp_path, keys, {WINDOW: 3.0, 20: 3.0, 22: 0.001, 24: -0.5}).run()
    assert events(tmp_path) == ({20: ("spike", "skip")} if spike == "skip" else {})


def test_a_spike_does_not_become_the_measure_of_the_next(tmp_path: Path) -> None:
    trainer(tmp_path, SPIKE, dict.fromkeys(range(20, 25), 3.0)).run()
    assert sorted(events(tmp_path)) == list(range(20, 25))


@mark.parametrize(("keys", "worst"), [(SPIKE, 3.0), (SKIP, math.nan)])
def test_too_many_within_a_window_stop_the_run(keys: Keys, worst: float, tmp_path: Path) -> None:
    keys = keys.model_copy(update={"most": 3})
    with raises(UserError, match=r"training step 19: .*and 4 steps were turned away"):
        trainer(tmp_path, keys, dict.fromkeys(range(16, STEPS), worst)).run()
    assert len(list((tmp_path / "turned-away").glob("*.npz"))) == 4
    assert checkpoint.newest_valid(tmp_path / "checkpoints") is not None


@mark.parametrize("spike", ("skip", "off"))
def test_stop_names_the_step_and_keeps_its_batch(spike: Any, tmp_path: Path) -> None:
    """At once where spikes are watched too; else when the loss is next read, which costs no waiting before."""
    made = trainer(tmp_path, Keys(spike=spike), {7: math.nan}, log_every=1000)
    with raises(UserError, match=r"training step 7: the loss is nan.*its batch: .*step-00000007"):
        made.run()
    assert made.progress.step == (7 if spike == "skip" else 10)  # where the next checkpoint would have been
    with np.load(tmp_path / "turned-away/step-00000007.npz") as kept:
        assert np.array_equal(kept["tokens"], made.data.batch(6 * 64, 64).tokens)
    assert [path.name for path in (tmp_path / "turned-away").glob("*.npz")] == ["step-00000007.npz"]
    assert not checkpoint.steps(tmp_path / "checkpoints")


def test_rollback_takes_the_return_point_back_and_reads_on(tmp_path: Path) -> None:
    """Return points at 6, 12, 18, 24; the spike is at 20: the weights after it are those of 18, the position is 20."""
    made = trainer(tmp_path, BACK, {20: 3.0}, keep=1)
    seen = {}
    made.observers = [(64, lambda progress: seen.setdefault(progress.step, snapshot(made)) and {})]
    made.run()
    assert events(tmp_path) == {20: ("spike", "rollback to step-00000018")}
    assert equal(seen[18], seen[20]) and not equal(seen[19], seen[20])
    assert made.progress.position == STEPS * 64
    assert not equal(seen[20], seen[21])


def snapshot(made: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in made.model.state_dict().items()}


def test_the_return_point_is_kept_however_many_come_after_it(tmp_path: Path) -> None:
    keys = BACK.model_copy(update={"return_every": 12})
    trainer(tmp_path, keys, {22: 3.0}, keep=1, save_every=3 * 64).run()
    assert events(tmp_path) == {22: ("spike", "rollback to step-00000012")}
    assert [path.name for path in checkpoint.steps(tmp_path / "checkpoints")] == ["step-00000024", "step-00000026"]


def test_without_a_return_point_a_rollback_is_a_skip(tmp_path: Path) -> None:
    keys = BACK.model_copy(update={"return_every": 30})
    trainer(tmp_path, keys, {20: 3.0}).run()
    assert events(tmp_path) == {20: ("spike", "skip")}


TROUBLE = {8: math.nan, 16: 3.0, 18: 4.0, 24: 3.0}


@mark.parametrize("keys", (SPIKE, BACK.model_copy(update={"nonfinite": "skip"})))
def test_a_run_that_was_stopped_decides_what_a_whole_one_would(keys: Keys, tmp_path: Path) -> None:
    """Its checkpoints stand elsewhere too: what is saved for other reasons is nothing to go back to."""
    trainer(tmp_path / "whole", keys, TROUBLE).run()
    assert len(events(tmp_path / "whole")) == 4
    for step in (9, 17, 18, 25):
        made = trainer(tmp_path / "parts", keys, TROUBLE, save_every=7 * 64)
        made.observers = [(64, stop_at(step))]
        with raises(Stop):
            made.run()
    trainer(tmp_path / "parts", keys, TROUBLE).run()
    assert events(tmp_path / "parts") == events(tmp_path / "whole")
    assert equal(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    guards = [
        checkpoint.read_state(checkpoint.steps(tmp_path / name / "checkpoints")[-1])["guard"]
        for name in ("parts", "whole")
    ]
    assert guards[0] == guards[1] and len(guards[0]["losses"]) == WINDOW


def test_a_guard_at_rest_reads_no_loss() -> None:
    """So a GPU is not waited for."""
    unread: Any = None
    guard = Guard(Keys())
    assert guard.judge(unread, unread, 1) is None
