"""What `calame doctor` counts, against small cases that are known."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark
from torch import nn

from builders import cpu, decoder_of
from calame.recipe.schema import Optimizer
from calame.training.numerics import group_of, half_unit, last_update, movements, near_zero, undecayed
from calame.training.optimizer import build_optimizer


@given(st.floats(-1e3, 1e3, width=32), st.sampled_from((torch.bfloat16, torch.float32)))
@settings(max_examples=200, deadline=None)
def test_steps_below_half_a_unit_are_lost_and_those_above_are_not(value: float, dtype: torch.dtype) -> None:
    weight = torch.tensor([value]).to(dtype)
    half = half_unit(weight).double()
    away = weight.double().sign() + (weight == 0)
    if abs(float(weight)) < 1e-30:
        return
    assert torch.equal((weight.double() + 0.99 * half * away).to(dtype), weight)
    assert not torch.equal((weight.double() + 1.01 * half * away).to(dtype), weight)


def test_zero_takes_any_step() -> None:
    assert half_unit(torch.zeros(2, dtype=torch.bfloat16)).tolist() == [0, 0]


@mark.parametrize("state", ("fp32", "bf16", "int8"))
def test_the_last_update_is_the_one_that_was_taken(state: str) -> None:
    """Two steps; the second one as long as the moments say, in learning rates."""
    model = nn.ModuleDict({"a": nn.Linear(128, 64, bias=False)})
    weight = next(model.parameters())
    optimizer = build_optimizer(model, Optimizer(learning_rate=1e-3, weight_decay=0.0, state=state), cpu())  # type: ignore[arg-type]
    for seed in range(2):
        before = weight.detach().clone()
        weight.grad = torch.randn(64, 128, generator=torch.Generator().manual_seed(seed))
        optimizer.step()
    taken = (weight.detach() - before).abs().view(-1) / 1e-3
    said = last_update("a.weight", optimizer.tensors(model), 0.9, 0.95, 1e-8)
    assert said is not None
    error = float((said - taken).norm() / taken.norm())
    assert error < {"fp32": 1e-3, "bf16": 0.01, "int8": 0.05}[state]
    assert last_update("b.weight", optimizer.tensors(model), 0.9, 0.95, 1e-8) is None


def test_movements_are_counted_by_group() -> None:
    before = decoder_of().bfloat16().state_dict()
    after = {name: tensor.clone() for name, tensor in before.items()}
    after["layers.0.mlp.up_proj.weight"][0] *= 2
    after["norm.weight"][:4] += 1
    found = movements(before, after, {}, 1e-3, (0.9, 0.95), 1e-8)
    assert {group: part.moved for group, part in found.items()} == {
        "embedding": 0,
        "vectors": 4,
        "feed-forward": 32,
        "attention": 0,
    }
    assert sum(part.weights for part in found.values()) == sum(t.numel() for t in before.values())
    assert found["vectors"].drift == approx((4 / (5 * 32)) ** 0.5)
    assert found["attention"].stepped == 0
    assert group_of("lm_head.weight", torch.ones(2, 2)) == "head"


def test_gains_near_zero_and_decay_that_does_nothing() -> None:
    weights = {"norm.weight": torch.tensor([0.0005, 0.05, 0.05, 0.05]), "a.weight": torch.zeros(3)}
    assert near_zero(weights, 20.0) == 0.0  # 20 x 0.0005 is the border
    assert near_zero(weights, 1.0) == 0.25
    matrix = torch.randn(100, 100, generator=torch.Generator().manual_seed(0))
    assert undecayed([matrix.bfloat16()], 1 - 3e-5) == 1
    assert undecayed([matrix], 1 - 3e-5) == 0
    assert 0.9 < undecayed([matrix], 1 - 3e-8) <= 1
