"""One step: the gradient does not depend on how the batch is cut up, and decay acts on matrices only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from pytest import MonkeyPatch, approx, fixture, mark
from torch import Tensor

from builders import RandomData, plan_of, trainer_of
from calame.recipe.schema import Optimizer, Schedule
from calame.shards.rows import IGNORE, Rows


class Uneven(RandomData):
    """Rows of which some ask for nearly everything, some for one token, some for nothing."""

    def batch(self, position: int, tokens: int) -> Rows:
        rows = super().batch(position, tokens)
        rows.targets[0, 1:] = IGNORE
        rows.targets[1] = IGNORE
        return rows


@fixture
def clipped(monkeypatch: MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """The gradient of each step before and after it is clipped."""
    seen: list[tuple[Tensor, Tensor]] = []
    clip = torch.nn.utils.clip_grad_norm_

    def keep(parameters: Iterable[torch.nn.Parameter], most: float) -> Tensor:
        parameters = list(parameters)
        before = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).clone()
        norm = clip(parameters, most)
        seen.append((before, torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])))
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", keep)
    return seen


def uneven_step(folder: Path, rows_at_once: int) -> float:
    """One step on eight uneven rows; returns its loss."""
    trainer = trainer_of(folder, plan_of(batch=128, micro_batch=rows_at_once * 16), Uneven())
    return trainer._step()[0].item()


@mark.parametrize("rows_at_once", (1, 2, 4))
def test_the_gradient_is_that_of_the_whole_batch(
    rows_at_once: int, tmp_path: Path, clipped: list[tuple[Tensor, Tensor]]
) -> None:
    whole_loss, loss = uneven_step(tmp_path / "whole", 8), uneven_step(tmp_path / "parts", rows_at_once)
    (whole, _), (parts, _) = clipped
    assert whole.norm() > 0.1
    assert (parts - whole).abs().max() <= 1e-6
    assert loss == approx(whole_loss, abs=1e-6)


def test_the_loss_is_the_mean_over_all_targets_of_the_batch(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, plan_of(batch=128, micro_batch=16), Uneven())
    rows = trainer.data.batch(0, 128)
    with torch.no_grad():
        wanted = trainer.loss(rows).sum() / int((rows.targets != IGNORE).sum())
    assert trainer._step()[0].item() == approx(wanted.item(), rel=1e-5)


def test_the_gradient_is_clipped_as_a_whole(tmp_path: Path, clipped: list[tuple[Tensor, Tensor]]) -> None:
    _, norm = trainer_of(tmp_path, plan_of(clip=0.01))._step()
    ((before, after),) = clipped
    assert norm.item() == approx(before.norm().item(), rel=1e-5)
    assert norm > 0.1
    assert after.norm().item() == approx(0.01, rel=1e-3)


class Silent(RandomData):
    """Rows that ask for nothing: no gradient, only decay."""

    def batch(self, position: int, tokens: int) -> Rows:
        rows = super().batch(position, tokens)
        rows.targets[:] = IGNORE
        return rows


def test_decay_acts_on_matrices_only(tmp_path: Path) -> None:
    plan = plan_of(optimizer=Optimizer(learning_rate=0.1, weight_decay=0.5), schedule=Schedule(warmup=0))
    trainer = trainer_of(tmp_path, plan, Silent())
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    loss, _ = trainer._step()
    assert loss == 0
    for name, parameter in trainer.model.named_parameters():
        factor = 1 - 0.1 * 0.5 if parameter.dim() >= 2 else 1
        assert torch.allclose(parameter, before[name] * factor), name


def test_gradients_do_not_outlive_their_step(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path)
    trainer._step()
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
