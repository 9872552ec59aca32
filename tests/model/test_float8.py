"""Products in 8 bits: the plain twin is the kernel, the error that of the type, the gradients those of the product."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import mark, param
from torch import nn

from builders import config_of
from calame.model import float8
from calame.model.decoder import Decoder
from calame.model.float8 import GRADIENT, INPUT, Linear8, linear8, product, quantise, use_float8


@given(st.floats(1e-20, 1e20), st.sampled_from((INPUT, GRADIENT)))
@settings(max_examples=50, deadline=None)
def test_what_is_quantised_is_near_whatever_its_size(size: float, dtype: torch.dtype) -> None:
    """e4m3 has 4 significant bits, e5m2 has 3: half a unit is 1/16 and 1/8 of a value."""
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(0)) * size
    found, scale = quantise(x, dtype)
    assert found.float().abs().max() == torch.finfo(dtype).max
    error = (found.float() * scale - x).abs()
    tiny = x.abs().max() * (2.0**-15 if dtype == INPUT else 2.0**-30)  # where the type's smallest numbers are
    assert (error <= x.abs() / (16 if dtype == INPUT else 8) + tiny).all()


def test_nothing_but_zeros_stays_zero() -> None:
    found, scale = quantise(torch.zeros(16, 16), INPUT)
    assert torch.equal(found.float() * scale, torch.zeros(16, 16))


def test_the_plain_twin_multiplies_as_the_kernel_does() -> None:
    """`torch._scaled_mm`, which the card has, is there on the CPU too."""
    a, b = torch.randn(64, 32), torch.randn(48, 32)
    (a8, scale_a), (b8, scale_b) = quantise(a, GRADIENT), quantise(b, INPUT)
    plain = product(a8, b8, scale_a, scale_b, fast=True)
    kernel = torch._scaled_mm(a8, b8.t(), scale_a=scale_a, scale_b=scale_b, out_dtype=torch.bfloat16)
    assert torch.allclose(plain.float(), kernel.float(), rtol=2**-7, atol=1e-4)
    assert plain.dtype == torch.bfloat16
    assert float((plain.float() - a @ b.t()).norm() / (a @ b.t()).norm()) < 0.1


def map_and_gradients(kind: type[nn.Linear], bias: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    layer = nn.Linear(32, 48, bias)
    layer.__class__ = kind
    x = torch.randn(4, 16, 32, requires_grad=True)
    out = layer(x)
    (out.float() * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    assert x.grad is not None
    found = [out, x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]
    assert len(found) == 3 + bias
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())
    return [tensor.detach() for tensor in found]


@mark.parametrize("bias", (False, True))
def test_a_map_and_its_gradients_are_near_those_of_fp32(bias: bool) -> None:
    """Errors of 8-bit rounding that average out: a few hundredths of a tensor's length, 0.1 where a gradient is in
    e5m2."""
    for ours, exact in zip(map_and_gradients(Linear8, bias), map_and_gradients(nn.Linear, bias), strict=True):
        assert float((ours.float() - exact).norm() / exact.norm()) < 0.08


def test_gradients_are_exactly_the_transposed_products() -> None:
    """Of small whole numbers times a power of two, which 8 bits hold: nothing is rounded."""
    draw = torch.Generator().manual_seed(0)
    x, weight = (torch.randint(-7, 8, shape, generator=draw).float() for shape in ((32, 16), (48, 16)))
    x[0, 0] = weight[0, 0] = 7.0
    slope = torch.randint(-3, 4, (32, 48), generator=draw).float()
    slope[0, 0] = 3.5
    a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
    out = float8._Linear8.apply(a, b, True)
    assert torch.equal(out.float(), (x @ weight.t()).bfloat16().float())  # type: ignore[union-attr]
    out.backward(slope.bfloat16())  # type: ignore[union-attr]
    assert a.grad is not None and b.grad is not None
    assert torch.equal(a.grad, (slope @ weight).bfloat16().float())
    assert torch.equal(b.grad, (slope.t() @ x).bfloat16().float())


ON_CARD = param("cuda", marks=[mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")])


@mark.parametrize("device", ("cpu", ON_CARD))
def test_a_byte_of_each_entry_is_kept_for_the_backward_pass(device: str) -> None:
    x, weight = (torch.randn(shape, device=device).requires_grad_() for shape in ((64, 32), (48, 32)))
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda y: kept.append(y) or y, lambda y: y):
        out = linear8(x, weight)
    scales = 2 * 4
    assert sum(y.untyped_storage().nbytes() for y in kept) == x.numel() + weight.numel() + scales
    with torch.no_grad():
        assert torch.equal(linear8(x, weight), out)


def test_only_what_divides_is_in_eight_bits() -> None:
    model = Decoder(config_of(intermediate_size=40))
    names = set(model.state_dict())
    assert use_float8(model) == (8, 14)  # attention's; the feed-forward's have a side of 40
    assert set(model.state_dict()) == names
    assert type(model.layers[0].mlp.up_proj) is nn.Linear  # type: ignore[union-attr]
    layer = model.layers[0].self_attn.q_proj.requires_grad_(False)  # type: ignore[union-attr]
    few = torch.randn(3, 32)
    assert torch.equal(layer(few), nn.functional.linear(few, layer.weight))
    many = torch.randn(16, 32)
    assert torch.allclose(layer(many).float(), nn.functional.linear(many, layer.weight), atol=0.2)
    assert not torch.equal(layer(many).float(), nn.functional.linear(many, layer.weight))


def test_joined_maps_multiply_in_eight_bits_too() -> None:
    """Of the fast way, filled up to sides that divide."""
    model = Decoder(config_of(intermediate_size=40))
    model.initialise(0)
    use_float8(model)
    tokens = torch.arange(6, 38)[None]
    plain = model(tokens).detach()
    model.join(True)
    seen: list[torch.Size] = []
    product_ = float8.product
    float8.product = lambda *given, **options: seen.append(given[1].shape) or product_(*given, **options)
    try:
        joined = model(tokens).detach()
    finally:
        float8.product = product_
    assert len(seen) == 2 * 4  # queries, keys and values; out; gate and up; down
    assert float((joined - plain).norm() / plain.norm()) < 0.05
