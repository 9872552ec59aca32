"""AdamW of our own against torch's: the same in fp32, near it with moments in bf16 and int8, in parts and compiled."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, approx, mark, raises
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from calame.model.device import choose_device
from calame.recipe.errors import UserError
from calame.recipe.schema import Optimizer
from calame.training import adamw
from calame.training.adamw import RoundedAdamW
from calame.training.moments import BLOCK, LEAST, code_tables, codes, empty_moments, quantise, restore, stored_bytes
from calame.training.optimizer import build_optimizer


def gradients(step: int, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Slopes with a lasting part, of very different sizes from row to row."""
    draw, noise = torch.Generator().manual_seed(7), torch.Generator().manual_seed(step)
    sizes = [10.0 ** -(3 * torch.rand(shape[0], generator=draw)) for shape in shapes]
    lasting = [torch.randn(shape, generator=draw) for shape in shapes]
    return [
        (part + torch.randn(shape, generator=noise)) * size.view(-1, *[1] * (len(shape) - 1))
        for part, shape, size in zip(lasting, shapes, sizes, strict=True)
    ]


SHAPES: list[tuple[int, ...]] = [(64, 96), (130, 77), (50,)]


def steps_of(kind: str, number: int = 20, compiled: bool = False, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """The weights after so many steps; kind: torch, fp32, bf16, int8."""
    draw = torch.Generator().manual_seed(3)
    parameters = [nn.Parameter((torch.randn(shape, generator=draw) * 0.05).to(dtype)) for shape in SHAPES]
    groups = [{"params": parameters[:2], "weight_decay": 0.1}, {"params": parameters[2:], "weight_decay": 0.0}]
    if kind == "torch":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    else:
        optimizer = RoundedAdamW(groups, 1e-2, (0.9, 0.95), 1e-8, kind, seed=1, compiled=compiled)
    for step in range(number):
        for parameter, gradient in zip(parameters, gradients(step, SHAPES), strict=True):
            parameter.grad = gradient.to(dtype)
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def apart(ours: list[Tensor], theirs: list[Tensor], start: list[Tensor]) -> float:
    """How far the ends lie apart, as a share of the way."""
    way = sum(float((b - s).square().sum()) for b, s in zip(theirs, start, strict=True))
    return (sum(float((a - b).square().sum()) for a, b in zip(ours, theirs, strict=True)) / way) ** 0.5


def test_with_fp32_moments_it_is_torchs_adamw() -> None:
    for ours, theirs in zip(steps_of("fp32"), steps_of("torch"), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@mark.parametrize(("kind", "most"), (("bf16", 0.01), ("int8", 0.05)))
def test_with_smaller_moments_it_goes_nearly_the_same_way(kind: str, most: float) -> None:
    error = apart(steps_of(kind), steps_of("torch"), steps_of("torch", 0))
    print(f"{kind}: {error:.4f} of the way apart after 20 steps")
    assert 1e-5 < error < most


@mark.parametrize("kind", ("fp32", "bf16", "int8"))
def test_going_through_a_tensor_in_parts_changes_nothing_but_the_noise(kind: str, monkeypatch: MonkeyPatch) -> None:
    whole = steps_of(kind)
    monkeypatch.setattr(adamw, "PART", 4 * BLOCK)
    parts = steps_of(kind)
    if kind == "bf16":  # each part has noise of its own
        assert apart(parts, whole, steps_of(kind, 0)) < 0.01
    else:
        assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


@mark.slow
@mark.parametrize("kind", ("fp32", "bf16", "int8"))
@mark.parametrize("dtype", (torch.float32, torch.bfloat16))
def test_compiled_it_does_the_same(kind: str, dtype: torch.dtype) -> None:
    """The plain update is the twin of the compiled one; a product and sum in one rounding may differ in a last bit."""
    start = [t.float() for t in steps_of(kind, 0, dtype=dtype)]
    plain, compiled = ([t.float() for t in steps_of(kind, 5, fused, dtype)] for fused in (False, True))
    assert apart(compiled, plain, start) < (1e-4 if dtype == torch.float32 else 5e-3)


def test_the_codes_are_those_of_the_paper() -> None:
    """Dettmers et al. 2021: 256 values each; signed -0.99 to 1, unsigned 0 to 1; the finest near zero."""
    for signed in (True, False):
        table = codes(signed)
        assert len(set(table)) == 256
        assert list(table) == sorted(table)
        assert table[-1] == 1
        assert 0.0 in table
    assert codes(True)[0] == approx(-0.99296875)
    assert min(value for value in codes(True) if value > 0) == approx(0.55e-6)
    assert codes(False)[:3] == approx((0.0, 0.325e-6, 0.775e-6))


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=700), st.booleans())
@settings(max_examples=100, deadline=None)
def test_each_value_takes_the_nearest_code(values: list[float], signed: bool) -> None:
    x = torch.tensor(values) if signed else torch.tensor(values).abs()
    table = code_tables(torch.device("cpu"))["exp_avg_code" if signed else "exp_avg_sq_code"]
    found, scales = quantise(x, table)
    assert found.shape == x.shape
    assert scales.shape == (-(-len(values) // BLOCK),)
    for block, scale in enumerate(scales):
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        near = (x[here, None] - table * scale).abs().min(1).values
        error = (restore(found, scales, table)[here] - x[here]).abs()
        assert (error <= near * (1 + 1e-4) + 1e-6 * scale + 1e-37).all()


@mark.parametrize("small", (1e-2, 1e-3, 1e-4, 1e-5))
def test_small_gradients_beside_great_ones_keep_their_step(small: float) -> None:
    """In one block: a gradient of 1, and lasting ones far smaller. AdamW's step is the rate whatever the gradient."""
    parameter = nn.Parameter(torch.zeros(LEAST))
    optimizer = RoundedAdamW([{"params": [parameter]}], 1e-3, (0.9, 0.95), 1e-12, "int8", seed=1)
    slope = torch.full((LEAST,), small)
    slope[::BLOCK] = 1.0
    for _ in range(50):
        parameter.grad = slope
        optimizer.step()
    way = -parameter.detach() / (50 * 1e-3)
    assert way.min() > 0.8
    assert way.max() < 1.25


def test_a_model_in_parts_is_refused(tmp_path: Path) -> None:
    """In one process, which is enough for a tensor that says it lies in parts."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model = nn.Linear(64, 64)
        mesh = init_device_mesh("cpu", (1,))
        model.weight = nn.Parameter(distribute_tensor(model.weight.detach(), mesh, [Shard(0)]))
        assert build_optimizer(model, Optimizer(), choose_device("cpu")).parts
        for keys, precision in ((Optimizer(state="int8"), "fp32"), (Optimizer(state="bf16"), "bf16-rounded")):
            with raises(UserError, match="lie in parts"):
                build_optimizer(model, keys, choose_device("cpu", precision))
    finally:
        dist.destroy_process_group()


def test_moments_take_the_bytes_that_are_said() -> None:
    for kind in ("fp32", "bf16", "int8"):
        for number in (50, LEAST, 10_007):
            state = empty_moments(number, kind, torch.device("cpu"))
            assert sum(t.numel() * t.element_size() for t in state.values()) == stored_bytes(number, kind)
    assert stored_bytes(1 << 20, "int8") == approx(2.03125 * (1 << 20))
