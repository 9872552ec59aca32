"""Matrix products of the blocks in 8-bit floats (Micikevicius et al. 2022), for Hopper and newer cards.

Inputs and weights are e4m3, gradients e5m2, each divided by the greatest of its tensor; sums are in fp32, results bf16.
Weights stay as they are kept: what is rounded is rounded anew in each pass. The card multiplies by `torch._scaled_mm`;
elsewhere the same rounded numbers are multiplied in fp32, which is the plain twin. It wants both factors laid out along
the side that is summed over: each tensor is needed once as it is and once transposed (`kernels8` writes both at once).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calame.model.decoder import Attention, Decoder, FeedForward
from calame.model.device import runs_triton

INPUT, GRADIENT = torch.float8_e4m3fn, torch.float8_e5m2
MULTIPLE = 16  # what every side of a product must divide by


def quantise(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x in 8 bits, and the fp32 scalar that gives x back: the greatest magnitude becomes the type's greatest."""
    most = torch.finfo(dtype).max
    scale = x.abs().amax().float().clamp_min(torch.finfo(torch.float32).tiny * most) / most
    return (x.float() / scale).clamp(-most, most).to(dtype), scale


def both_ways(x: Tensor, dtype: torch.dtype, across: bool) -> tuple[Tensor, Tensor, Tensor]:
    """x: (rows, columns) in 8 bits, the same transposed (nothing unless `across`), and the scalar of `quantise`."""
    if runs_triton(x.device):
        from calame.model import kernels8  # a compiler follows this, not a cache

        return kernels8.both_ways(x, dtype, across)
    straight, scale = quantise(x, dtype)
    return straight, straight.t().contiguous() if across else straight.new_empty(0), scale


def product(a: Tensor, b: Tensor, scale_a: Tensor, scale_b: Tensor, fast: bool) -> Tensor:
    """(rows, inner) x (columns, inner) -> (rows, columns) bf16. fast: the card may sum in less than fp32."""
    if a.device.type == "cuda":
        return torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]
            a, b.t(), scale_a=scale_a, scale_b=scale_b, out_dtype=torch.bfloat16, use_fast_accum=fast
        )
    with torch.autocast(a.device.type, enabled=False):
        return ((a.float() @ b.float().t()) * (scale_a * scale_b)).bfloat16()


class _Linear8(torch.autograd.Function):
    """x: (rows, inputs), weight: (outputs, inputs) -> (rows, outputs) bf16. backward: whether there will be one, for
    which both are kept in 8 bits, transposed alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, backward: bool) -> Tensor:
        x8, x8_across, scale_x = both_ways(x, INPUT, backward)
        weight8, weight8_across, scale_weight = both_ways(weight, INPUT, backward)
        ctx.save_for_backward(x8_across, scale_x, weight8_across, scale_weight)
        ctx.types = x.dtype, weight.dtype
        return product(x8, weight8, scale_x, scale_weight, fast=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x8_across, scale_x, weight8_across, scale_weight = ctx.saved_tensors
        gradient8, gradient8_across, scale = both_ways(gradients[0], GRADIENT, True)
        to_x = product(gradient8, weight8_across, scale, scale_weight, fast=False)
        to_weight = product(gradient8_across, x8_across, scale, scale_x, fast=False)
        return to_x.to(ctx.types[0]), to_weight.to(ctx.types[1]), None


def linear8(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` in 8 bits. x: (..., inputs); in the type of x where a side does not divide."""
    rows = x.reshape(-1, x.shape[-1])
    if any(side % MULTIPLE for side in (*rows.shape, weight.shape[0])):
        return F.linear(x, weight, bias)
    out = _Linear8.apply(rows, weight, torch.is_grad_enabled()).view(*x.shape[:-1], -1)  # type: ignore[union-attr]
    return out if bias is None else out + bias.to(out.dtype)


class Linear8(nn.Linear):
    """A linear map that multiplies in 8 bits."""

    def forward(self, input: Tensor) -> Tensor:
        return linear8(input, self.weight, self.bias)


def use_float8(model: Decoder) -> tuple[int, int]:
    """Let the matrices of the blocks multiply in 8 bits, in place; names and weights stay. Returns how many do, of how
    many: a matrix whose sides do not divide stays in bf16."""
    maps = [module for module in model.layers.modules() if type(module) is nn.Linear]
    fitting = [m for m in maps if m.in_features % MULTIPLE == 0 and m.out_features % MULTIPLE == 0]
    for module in fitting:
        module.__class__ = Linear8
    for part in model.layers.modules():
        if isinstance(part, Attention | FeedForward):
            part.linear = linear8  # of joined maps
    return len(fitting), len(maps)
