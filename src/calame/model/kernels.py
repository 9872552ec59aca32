"""Triton kernels for what `torch.compile` writes slowly on a CUDA device. Each is the fast twin of a few plain lines,
named with it, and is tested against them; `Decoder.join` and `total_loss` choose.

They are custom operators with their own backward passes, so that the compiler takes them into its graph as they are.
"""

# The types of Triton's language, and of the operators made by torch's decorators, are not described.
# pyright: reportMissingImports=false, reportCallIssue=false, reportFunctionMemberAccess=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

PAIRS = (16, 32, 64, 128)  # of a head that `turned` takes
TOKENS = 32  # tokens of a program of `_turn`
COLUMNS = 1024  # of a program of `_gate`
WIDE = 4096  # logits of a row that are looked at together


@triton.jit
def _gate(gate_up, out, inner, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < inner
    gate = tl.load(gate_up + row * 2 * inner + column, inside).to(tl.float32)
    up = tl.load(gate_up + row * 2 * inner + inner + column, inside).to(tl.float32)
    tl.store(out + row * inner + column, gate * tl.sigmoid(gate) * up, inside)


@triton.jit
def _gate_backward(gate_up, gradient, out, again, inner, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < inner
    gate = tl.load(gate_up + row * 2 * inner + column, inside).to(tl.float32)
    up = tl.load(gate_up + row * 2 * inner + inner + column, inside).to(tl.float32)
    grown = tl.load(gradient + row * inner + column, inside).to(tl.float32)
    share = tl.sigmoid(gate)
    of_gate = grown * up * share * (1 + gate * (1 - share))
    tl.store(out + row * 2 * inner + column, of_gate, inside)
    tl.store(out + row * 2 * inner + inner + column, grown * gate * share, inside)
    tl.store(again + row * inner + column, gate * share * up, inside)


@triton_op("calame::gated", mutates_args={})
def gated(gate_up: Tensor) -> Tensor:
    """silu(gate) * up. gate_up: (..., 2 x inner), the gate before the other -> (..., inner)."""
    gate_up = gate_up.contiguous()
    inner = gate_up.shape[-1] // 2
    out = gate_up.new_empty(*gate_up.shape[:-1], inner)
    grid = (out.numel() // inner, triton.cdiv(inner, COLUMNS))
    wrap_triton(_gate)[grid](gate_up, out, inner, BLOCK=COLUMNS)
    return out


@triton_op("calame::gated_backward", mutates_args={})
def gated_backward(gate_up: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient by gate_up, and once more what `gated` gave."""
    gate_up, gradient = gate_up.contiguous(), gradient.contiguous()
    inner = gradient.shape[-1]
    out, again = torch.empty_like(gate_up), torch.empty_like(gradient)
    grid = (gradient.numel() // inner, triton.cdiv(inner, COLUMNS))
    wrap_triton(_gate_backward)[grid](gate_up, gradient, out, again, inner, BLOCK=COLUMNS)
    return out, again


def _keep_gated(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gated_backward(ctx: Any, gradient: Tensor) -> Tensor:
    return gated_backward(*ctx.saved_tensors, gradient)[0]


gated.register_autograd(_gated_backward, setup_context=_keep_gated)


class _GatedMap(torch.autograd.Function):
    """What comes out of the gate is not kept for the backward pass: it is written anew beside the gradient."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up, weight)
        return gated(gate_up) @ weight.T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        gate_up, weight = ctx.saved_tensors
        of_gate_up, inner = gated_backward(gate_up, gradients[0] @ weight)
        return of_gate_up, gradients[0].flatten(0, -2).T @ inner.flatten(0, -2)


def gated_map(gate_up: Tensor, weight: Tensor, linear: Callable[..., Tensor]) -> Tensor:
    """linear(silu(gate) * up, weight). gate_up: (..., 2 x inner); weight: (outputs, inner) -> (..., outputs)."""
    if linear is not F.linear:  # in 8 bits: what comes out of the gate is kept in 8 bits
        return linear(gated(gate_up), weight)
    return _GatedMap.apply(gate_up, weight.to(gate_up.dtype))  # type: ignore[return-value]


@triton.jit
def _turn(
    whole, query, key, value, cos, sin, tokens, period, heads, groups,
    PAIRS: tl.constexpr, BLOCK: tl.constexpr, BACK: tl.constexpr,
):  # fmt: skip
    """One head of BLOCK tokens: out of `whole` into its place, or with BACK from there into `whole`."""
    head = tl.program_id(1)
    token = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[:, None]
    pair = tl.arange(0, PAIRS)[None]
    inside = (token < tokens) & (pair < PAIRS)
    here = whole + (token * (heads + 2 * groups) + head) * 2 * PAIRS + pair
    if head < heads:
        there = query + (token * heads + head) * 2 * PAIRS + pair
    elif head < heads + groups:
        there = key + (token * groups + head - heads) * 2 * PAIRS + pair
    else:
        there = value + (token * groups + head - heads - groups) * 2 * PAIRS + pair
    if BACK:
        source, target = there, here
    else:
        source, target = here, there
    first, second = tl.load(source, inside), tl.load(source + PAIRS, inside)
    if head < heads + groups:
        a, b = first.to(tl.float32), second.to(tl.float32)
        place = (token % period) * PAIRS + pair
        c, s = tl.load(cos + place, inside), tl.load(sin + place, inside)
        if BACK:
            s = -s
        tl.store(target, a * c - b * s, inside)
        tl.store(target + PAIRS, b * c + a * s, inside)
    else:
        tl.store(target, first, inside)
        tl.store(target + PAIRS, second, inside)


@triton_op("calame::turned", mutates_args={})
def turned(whole: Tensor, cos: Tensor, sin: Tensor, heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values out of one map, the first two turned by `rotary.rotate`.

    whole: (tokens, (heads + 2 x groups) x head_dim); cos, sin: (positions, head_dim / 2) fp32, read round in a circle.
    Returns (tokens, heads, head_dim), (tokens, groups, head_dim) and the same again.
    """
    whole, cos, sin, pairs = whole.contiguous(), cos.contiguous(), sin.contiguous(), cos.shape[1]
    tokens = whole.shape[0]
    query = whole.new_empty(tokens, heads, 2 * pairs)
    key, value = whole.new_empty(tokens, groups, 2 * pairs), whole.new_empty(tokens, groups, 2 * pairs)
    wrap_triton(_turn)[(triton.cdiv(tokens, TOKENS), heads + 2 * groups)](
        whole, query, key, value, cos, sin, tokens, cos.shape[0], heads, groups, PAIRS=pairs, BLOCK=TOKENS, BACK=False
    )
    return query, key, value


@triton_op("calame::turned_backward", mutates_args={})
def turned_backward(query: Tensor, key: Tensor, value: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    query, key, value, cos, sin = (x.contiguous() for x in (query, key, value, cos, sin))
    (tokens, heads, size), groups = query.shape, key.shape[1]
    whole = query.new_empty(tokens, (heads + 2 * groups) * size)
    wrap_triton(_turn)[(triton.cdiv(tokens, TOKENS), heads + 2 * groups)](
        whole, query, key, value, cos, sin, tokens, cos.shape[0], heads, groups,
        PAIRS=size // 2, BLOCK=TOKENS, BACK=True,
    )  # fmt: skip
    return whole


def _keep_turned(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, cos, sin, _, _ = inputs
    ctx.save_for_backward(cos, sin)


def _turned_backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
    return turned_backward(*gradients, *ctx.saved_tensors), None, None, None, None


turned.register_autograd(_turned_backward, setup_context=_keep_turned)


@triton.jit
def _cross_entropy(logits, targets, losses, entries, columns, ignored, BLOCK: tl.constexpr):
    """One row: its log of sums first, then the gradient in its place, while the row is still in the cache."""
    row = tl.program_id(0).to(tl.int64)
    logits += row * columns
    target = tl.load(targets + row)
    asked = target != ignored
    most, total = float("-inf"), 0.0
    for start in range(0, entries, BLOCK):
        column = start + tl.arange(0, BLOCK)
        part = tl.load(logits + column, column < entries, float("-inf")).to(tl.float32)
        higher = tl.maximum(most, tl.max(part))
        total = total * tl.exp(most - higher) + tl.sum(tl.exp(part - higher))
        most = higher
    log_sum = most + tl.log(total)
    at_target = tl.load(logits + tl.where(asked, target, 0)).to(tl.float32)
    tl.store(losses + row, tl.where(asked, log_sum - at_target, 0.0))
    tl.debug_barrier()  # the row is written over from here on
    for start in range(0, columns, BLOCK):
        column = start + tl.arange(0, BLOCK)
        part = tl.load(logits + column, column < entries, float("-inf")).to(tl.float32)
        steep = tl.exp(part - log_sum) - tl.where(column == target, 1.0, 0.0)
        tl.store(logits + column, tl.where(asked, steep, 0.0), column < columns)


@triton_op("calame::cross_entropy", mutates_args={"logits"})
def cross_entropy(logits: Tensor, targets: Tensor, entries: int, ignored: int) -> Tensor:
    """Losses (positions,) in fp32; the logits become the losses' gradient by them. As `loss._losses_and_gradient`
    without smoothing.

    logits: (positions, columns), contiguous, of which columns the first `entries` count; targets: (positions,) int64.
    """
    losses = logits.new_empty(logits.shape[0], dtype=torch.float32)
    wrap_triton(_cross_entropy)[(logits.shape[0],)](
        logits, targets, losses, entries, logits.shape[1], ignored, BLOCK=WIDE, num_warps=8
    )
    return losses
