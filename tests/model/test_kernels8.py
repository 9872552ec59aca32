"""On a CUDA device: the kernels of 8-bit matrices give exactly the numbers of the plain twin on the CPU, and maps in 8
bits the same products, in sizes that fill no tile."""

from __future__ import annotations

import torch
from pytest import fixture, mark
from torch import Tensor

from calame.model.float8 import GRADIENT, INPUT, both_ways, linear8

HAS_FP8 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 9)
pytestmark = [mark.gpu, mark.skipif(not HAS_FP8, reason="needs a CUDA device that has fp8")]
TYPES = mark.parametrize("dtype", (torch.float32, torch.bfloat16))


@fixture(autouse=True)
def drawn() -> None:
    torch.manual_seed(0)


def assert_same(x: Tensor, short: torch.dtype) -> None:
    """On the card as on the CPU, transposed and not, whether both are asked for or one."""
    wanted = both_ways(x, short, True)
    assert torch.equal(wanted[1].float(), wanted[0].float().t())
    both, one = both_ways(x.cuda(), short, True), both_ways(x.cuda(), short, False)
    for found in (both, (one[0], both[1], one[2])):
        assert all(torch.equal(a.float().cpu(), b.float()) for a, b in zip(found, wanted, strict=True))
    assert one[1].numel() == 0


@TYPES
@mark.parametrize("short", (INPUT, GRADIENT))
@mark.parametrize("shape", [(16, 16), (16, 208), (80, 64), (272, 1040), (2064, 4112)])
def test_the_kernel_writes_what_the_plain_twin_writes(
    shape: tuple[int, int], short: torch.dtype, dtype: torch.dtype
) -> None:
    x = torch.randn(shape)
    spread = torch.randn(shape).mul(6).exp()  # from the type's smallest numbers on
    for size in (1e-20, 1.0, 1e20):
        assert_same((x * size).to(dtype), short)
        assert_same((x * spread * size).to(dtype), short)


@TYPES
@mark.parametrize("short", (INPUT, GRADIENT))
def test_halves_go_to_the_even_number(short: torch.dtype, dtype: torch.dtype) -> None:
    """Of all numbers of 8 bits and of what is halfway between two of them."""
    exact = torch.arange(256, dtype=torch.uint8).view(short).float()
    exact = exact[exact.isfinite()].sort().values
    both = torch.cat([exact, (exact[1:] + exact[:-1]) / 2])
    x = torch.cat([both, both.new_zeros(-len(both) % 256)]).reshape(-1, 16)
    for scale in (2.0**-7, 1.0, 3.0):
        assert_same((x * scale).to(dtype), short)


def test_zeros_stay_zeros_and_what_is_not_a_number_is_told() -> None:
    x = torch.zeros(48, 80)
    assert_same(x, INPUT)
    x[40, 70] = torch.nan
    straight, across, scale = both_ways(x.cuda(), INPUT, True)
    assert scale.isnan() and straight.float().isnan().all() and across.float().isnan().all()


def test_a_transposed_matrix_is_taken_as_well() -> None:
    x = torch.randn(80, 144)
    for found, wanted in zip(both_ways(x.cuda().t(), GRADIENT, True), both_ways(x.t(), GRADIENT, True), strict=True):
        assert torch.equal(found.float().cpu(), wanted.float())


@TYPES
@mark.parametrize("compiled", (False, True))
def test_a_map_and_its_gradients_are_those_of_the_cpu(dtype: torch.dtype, compiled: bool) -> None:
    x, weight, gradient = torch.randn(2, 40, 272, dtype=dtype), torch.randn(144, 272) / 16, torch.randn(2, 40, 144)
    results = []
    for device in ("cpu", "cuda"):
        map_ = torch.compile(linear8) if compiled and device == "cuda" else linear8
        given = [t.to(device).requires_grad_() for t in (x, weight)]
        out = map_(*given)
        results.append([out, *torch.autograd.grad(out, given, gradient.bfloat16().to(device))])
    for on_cpu, on_card, near in zip(*results, (1e-2, 2**-7, 2**-7), strict=True):
        assert on_cpu.dtype == on_card.dtype
        assert (on_card.detach().cpu() - on_cpu.detach()).float().norm() < near * on_cpu.float().norm()
