"""Triton kernels that write a matrix in 8 bits, and beside it the same transposed, from one read. `float8.both_ways`
chooses, and is their plain twin: the same numbers as it gives on the CPU, not nearly but exactly.

Sides are told in units of 16, so that the compiler knows, of any shape, that it may read 16 bytes at once.
"""

# The types of Triton's language, and of the operators made by torch's decorators, are not described.
# pyright: reportMissingImports=false, reportCallIssue=false, reportFunctionMemberAccess=false

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

PARTS = 1024  # programs of `_greatest`: one wave of a large card
BLOCK = 4096  # entries that each of them looks at together
TILE = 64  # rows and columns of a program of `_quantise`


@triton.jit
def _greatest(x, parts, sixteens, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    """The greatest magnitude of every PARTS-th block, as the bits of an fp32: these are ordered as the numbers are, and
    what is not a number comes last."""
    size = sixteens.to(tl.int64) * 16
    most = tl.zeros((BLOCK,), tl.int32)
    for start in range(tl.program_id(0).to(tl.int64) * BLOCK, size, PARTS * BLOCK):
        place = start + tl.arange(0, BLOCK)
        here = tl.load(x + place, place < size, 0.0).to(tl.float32)
        most = tl.maximum(most, here.to(tl.int32, bitcast=True) & 0x7FFFFFFF)
    tl.store(parts + tl.program_id(0), tl.max(most))


@triton.jit
def _quantise(
    x, parts, straight, across, scale, high, wide,
    MOST: tl.constexpr, LEAST: tl.constexpr, ACROSS: tl.constexpr, PARTS: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """One tile. Each program takes the greatest of the parts for itself, which is sooner done than one kernel more."""
    greatest = tl.max(tl.load(parts + tl.arange(0, PARTS))).to(tl.float32, bitcast=True)
    unit = tl.div_rn(tl.maximum(greatest, LEAST, tl.PropagateNan.ALL), MOST)
    inverse = tl.div_rn(1.0, unit)
    if tl.program_id(0) + tl.program_id(1) == 0:
        tl.store(scale, unit)
    rows, columns = high * 16, wide * 16
    left, top = tl.program_id(0).to(tl.int64) * TILE, tl.program_id(1).to(tl.int64) * TILE
    row, column = tl.arange(0, TILE)[:, None], tl.arange(0, TILE)[None]
    inside = (row < rows - top) & (column < columns - left)
    here = top * columns + left + row * columns + column
    entry = tl.load(x + here, inside, 0.0).to(tl.float32)
    # entry / unit, rounded as a division is (Markstein 1990); a division itself would take longer than the memory
    share = entry * inverse
    share = tl.fma(tl.fma(share, -unit, entry), inverse, share)
    short = share.to(straight.dtype.element_ty)  # to the nearest, of two to the even one; never above the greatest
    tl.store(straight + here, short, inside)
    if ACROSS:
        tl.store(across + left * rows + top + column * rows + row, short, inside)


@triton_op("calame::both_ways", mutates_args={})
def both_ways(x: Tensor, dtype: torch.dtype, across: bool) -> tuple[Tensor, Tensor, Tensor]:
    """As `float8.both_ways`. The sides of x, (rows, columns), divide by 16."""
    x = x.contiguous()
    rows, columns = x.shape
    parts = x.new_empty(PARTS, dtype=torch.int32)
    wrap_triton(_greatest)[(PARTS,)](x, parts, x.numel() // 16, PARTS=PARTS, BLOCK=BLOCK, num_warps=8)
    straight, scale = torch.empty_like(x, dtype=dtype), x.new_empty((), dtype=torch.float32)
    turned = x.new_empty((columns, rows) if across else (0,), dtype=dtype)
    most = torch.finfo(dtype).max
    wrap_triton(_quantise)[(triton.cdiv(columns, TILE), triton.cdiv(rows, TILE))](
        x, parts, straight, turned, scale, rows // 16, columns // 16,
        MOST=most, LEAST=torch.finfo(torch.float32).tiny * most, ACROSS=across, PARTS=PARTS, TILE=TILE,
    )  # fmt: skip
    return straight, turned, scale
