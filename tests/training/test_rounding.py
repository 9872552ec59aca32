"""Stochastic rounding: the noise is even, the mean is the value, and plain bf16 loses what it is said to lose."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark
from torch import Tensor

from calame.training.adamw import RoundedAdamW
from calame.training.rounding import key_of, noise, round_stochastically


def key(*parts: int | str) -> Tensor:
    return torch.tensor(key_of(*parts), dtype=torch.int32)


def test_noise_is_even_and_knows_only_its_key_and_place() -> None:
    drawn = noise(1 << 20, key(1, 2))
    assert (int(drawn.min()), int(drawn.max())) == (0, 65_535)
    assert drawn.double().mean() == approx(32_767.5, abs=4 * 65_536 / math.sqrt(12 << 20))
    for bit in range(16):  # each bit is set half of the time, within four deviations
        assert ((drawn >> bit) & 1).double().mean() == approx(0.5, abs=4 * 0.5 / 1024)
    assert torch.equal(drawn[:1000], noise(1000, key(1, 2)))
    other = noise(1 << 20, key(1, 3))
    together = torch.corrcoef(torch.stack([drawn.double(), other.double()]))[0, 1]
    neighbours = torch.corrcoef(torch.stack([drawn[1:].double(), drawn[:-1].double()]))[0, 1]
    assert abs(together) < 4 / 1024
    assert abs(neighbours) < 4 / 1024


@given(st.floats(width=32, allow_nan=False), st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_a_value_goes_to_one_of_its_two_neighbours(value: float, seed: int) -> None:
    x = torch.full((64,), value)
    found = round_stochastically(x, key(seed)).float()
    bits = torch.tensor([value]).view(torch.int32)
    below = (bits & -65_536).view(torch.float32)
    above = ((bits & -65_536) + 65_536).view(torch.float32)
    assert ((found == below) | (found == above)).all()
    if float(below) == value:
        assert (found == value).all()  # what bf16 holds stays as it is


@mark.parametrize("value", (1.0003, -0.0712345, 3.3e-7, 12345.678))
def test_the_mean_of_what_is_written_is_the_value(value: float) -> None:
    number = 1 << 18
    found = round_stochastically(torch.full((number,), value), key("mean")).double()
    spread = float(found.std()) / math.sqrt(number)
    assert spread > 0
    assert found.mean() == approx(torch.tensor(value).double().item(), abs=3 * spread)


def half_ulp_down(weights: Tensor) -> Tensor:
    """2^(floor(log2 |w|) - 8) fp32: half the distance between bf16 neighbours, which have 8 significant bits."""
    return torch.exp2(torch.floor(torch.log2(weights.float().abs())) - 8)


@mark.parametrize("rate", (3e-4, 3e-5))
@mark.parametrize("spread", (0.02, 0.05, 0.1))
def test_plain_bf16_weights_freeze_by_the_law(spread: float, rate: float) -> None:
    """A bf16 weight moves only if rate x |u| is above 2^(floor(log2 |w|) - 8). At u = 0.2 and a rate of 3e-4 that
    leaves 44 % (spread 0.02), 76 % (0.05), 88 % (0.1) where they are; at 3e-5 92 % and more."""
    draw = torch.Generator().manual_seed(0)
    weights = (torch.randn(100_000, generator=draw) * spread).bfloat16()
    # away from zero, so that no weight crosses into the finer numbers below it
    moved = (weights.float() + 0.2 * rate * weights.sign()).bfloat16()
    frozen = moved == weights
    law = 0.2 * rate < half_ulp_down(weights)
    assert (frozen == law).double().mean() > 0.9999  # but for ties
    expected = {(0.02, 3e-4): 0.44, (0.05, 3e-4): 0.76, (0.1, 3e-4): 0.88}
    share = float(frozen.double().mean())
    if (spread, rate) in expected:
        assert share == approx(expected[spread, rate], abs=0.01)
    else:
        assert 0.92 <= share <= 0.99


def walk(kind: type, weights: Tensor, rate: float, steps: int = 300, decay: float = 0.0, slope: float = 1.0) -> Tensor:
    """The weights after so many AdamW steps of a gradient that is always the same: each step is `rate` long."""
    parameter = torch.nn.Parameter(weights.clone())
    groups = [{"params": [parameter], "weight_decay": decay}]
    if kind is RoundedAdamW:
        optimizer: torch.optim.Optimizer = RoundedAdamW(groups, rate, (0.9, 0.95), 1e-8, "fp32", seed=1)
    else:
        optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=False)
    for _ in range(steps):
        parameter.grad = torch.full_like(parameter, slope)
        optimizer.step()
    return parameter.detach()


def test_the_scaled_gain_moves_where_the_plain_one_does_not() -> None:
    """Near 1 a step must be above 2e-3, near 0.05 above 1.2e-4; at 1e-4 the scaled gain freezes too."""
    for value, rate, moves in ((1.0, 3e-4, False), (1.0, 1e-4, False), (0.05, 3e-4, True), (0.05, 1e-4, False)):
        start = torch.full((8,), value).bfloat16()
        assert (not torch.equal(walk(torch.optim.AdamW, start, rate), start)) is moves, (value, rate)


@mark.parametrize("value", (1.0, 0.05))
def test_rounded_weights_move_as_fp32_does_in_the_mean(value: float) -> None:
    """100 steps of 3e-5, each a hundredth of what plain bf16 takes note of: the mean over many equal weights is the
    fp32 weight within three deviations, and no weight is where it began by rounding alone."""
    start = torch.full((20_000,), value).bfloat16()
    rounded = walk(RoundedAdamW, start, 3e-5, 100).double()
    exact = walk(torch.optim.AdamW, start[:1].float(), 3e-5, 100).double().item()
    error = float(rounded.std()) / math.sqrt(len(rounded))
    drift = exact - start[0].item()
    assert drift == approx(-100 * 3e-5, rel=1e-2)
    assert rounded.mean() == approx(exact, abs=3 * error)
    assert 3 * error < abs(drift) / 10  # the bound says something
    assert torch.equal(walk(torch.optim.AdamW, start, 3e-5, 100), start)


def test_decay_does_nothing_to_plain_bf16_and_its_work_to_rounded() -> None:
    """1 - 3e-5 rounds to one: final weights are the same bit for bit for decay 0, 0.1 and 1."""
    draw = torch.Generator().manual_seed(0)
    start = (torch.randn(20_000, generator=draw) * 0.05).bfloat16()
    plain = [walk(torch.optim.AdamW, start, 3e-4, 100, decay) for decay in (0.0, 0.1, 1.0)]
    assert torch.equal(plain[0], plain[1])
    assert torch.equal(plain[0], plain[2])
    rounded = walk(RoundedAdamW, start, 3e-4, 100, 1.0, slope=0.0).double()
    change = (rounded - start.double()) * start.sign()
    wanted = start.double().abs() * ((1 - 3e-4) ** 100 - 1)
    error = float((change - wanted).std()) / math.sqrt(len(change))
    assert change.mean() == approx(float(wanted.mean()), abs=3 * error)
    assert float(wanted.mean()) < -10 * error
