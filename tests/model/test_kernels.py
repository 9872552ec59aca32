"""On a CUDA device: each Triton kernel against its plain twin, in sizes that fill no block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pytest import fixture, mark
from torch import Tensor

from calame.model import decoder, loss, rotary
from calame.model.device import kernels_on

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
TYPES = mark.parametrize(("dtype", "near"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)], ids=("fp32", "bf16"))


@fixture(autouse=True)
def drawn() -> None:
    torch.manual_seed(0)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, dtype=dtype, device="cuda")


def assert_near(found: Tensor, wanted: Tensor, near: float) -> None:
    """Within `near` of the greatest value, in fp32."""
    assert found.shape == wanted.shape
    far = (found.float() - wanted.float()).abs().max() / wanted.float().abs().max()
    assert far < near, f"{far:.1e}"


@TYPES
def test_gated_is_silu_times_the_other(dtype: torch.dtype, near: float) -> None:
    gate_up = random(3, 37, 2 * 1500, dtype=dtype).requires_grad_()
    wide = gate_up.detach().float().requires_grad_()
    gradient = random(3, 37, 1500, dtype=dtype)
    kernels = kernels_on(gate_up.device)
    assert kernels
    found, wanted = kernels.gated(gate_up), decoder.gated(wide)
    assert_near(found, wanted, near)
    (of_found,), (of_wanted,) = (
        torch.autograd.grad(out, given, gradient.to(out.dtype)) for out, given in ((found, gate_up), (wanted, wide))
    )
    assert_near(of_found, of_wanted, near)


@TYPES
def test_the_map_of_the_gate_keeps_no_more_than_it_must(dtype: torch.dtype, near: float) -> None:
    gate_up = random(3, 37, 2 * 320, dtype=dtype).requires_grad_()
    weight = (random(100, 320) / 8).requires_grad_()
    gradient = random(3, 37, 100, dtype=dtype)
    kernels = kernels_on(gate_up.device)
    assert kernels
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        found = kernels.gated_map(gate_up, weight, F.linear)
    assert [x.shape for x in kept] == [gate_up.shape, weight.shape]
    wide = gate_up.detach().float().requires_grad_()
    wanted = F.linear(decoder.gated(wide), weight)
    assert_near(found, wanted, 2 * near)
    of_found = torch.autograd.grad(found, (gate_up, weight), gradient)
    of_wanted = torch.autograd.grad(wanted, (wide, weight), gradient.float())
    for x, y in zip(of_found, of_wanted, strict=True):
        assert_near(x, y, 2 * near)


@TYPES
@mark.parametrize(("heads", "groups", "size"), [(4, 2, 64), (3, 3, 128), (5, 1, 32)])
def test_turned_is_rotate_of_the_parts(dtype: torch.dtype, near: float, heads: int, groups: int, size: int) -> None:
    batch, time = 2, 45
    angles = random(batch, 1, time, 1, size // 2)
    cos, sin = angles.cos(), angles.sin()
    whole = random(batch * time, (heads + 2 * groups) * size, dtype=dtype).requires_grad_()
    kernels = kernels_on(whole.device)
    assert kernels
    flat = (cos.reshape(-1, size // 2), sin.reshape(-1, size // 2))
    found = [x.view(batch, time, -1, size).transpose(1, 2) for x in kernels.turned(whole, *flat, heads, groups)]
    wide = whole.detach().float().requires_grad_()
    parts = wide.split([heads * size, groups * size, groups * size], dim=-1)
    wanted = [part.view(batch, time, -1, size).transpose(1, 2) for part in parts]
    wanted[:2] = [rotary.rotate(x, cos, torch.cat([-sin, sin], dim=-2)) for x in wanted[:2]]
    for x, y in zip(found, wanted, strict=True):
        assert_near(x, y, near)
    gradients = [random(*x.shape, dtype=dtype) for x in found]
    (of_found,) = torch.autograd.grad(found, whole, gradients)
    (of_wanted,) = torch.autograd.grad(wanted, wide, [g.float() for g in gradients])
    assert_near(of_found, of_wanted, near)


@TYPES
def test_the_loss_and_its_gradient_are_those_of_torch(dtype: torch.dtype, near: float) -> None:
    logits, entries = 4 * random(33, 9024, dtype=dtype), 9001
    targets = torch.randint(0, entries, (33,), device="cuda")
    targets[5] = loss.IGNORE
    wide = logits.float()[:, :entries].requires_grad_()
    wanted = F.cross_entropy(wide, targets, ignore_index=loss.IGNORE, reduction="none")
    (of_wanted,) = torch.autograd.grad(wanted.sum(), wide)
    kernels = kernels_on(logits.device)
    assert kernels
    found = kernels.cross_entropy(logits, targets, entries, loss.IGNORE)
    assert_near(found, wanted, 1e-6)
    assert_near(logits[:, :entries], of_wanted, near)
    assert not logits[:, entries:].any() and not logits[5].any()
