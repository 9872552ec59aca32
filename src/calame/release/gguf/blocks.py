"""K-quants: rows of weights in blocks of 256, a few bits each, as llama.cpp reads them.

The layouts are those of ggml's block_q4_K, block_q5_K and block_q6_K (github.com/ggml-org/llama.cpp). A block of Q4_K
and Q5_K is 8 groups of 32, each x = scale * q - low with scale and low in 6 bits; one of Q6_K is 16 groups of 16, each
x = scale * q with a scale in 8 bits. How the scales are found is ggml's method without an importance matrix: several
tries around the plain range, each set right by weighted least squares, the best kept; here for many blocks at once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 256
AT_ONCE = 512  # blocks; what is worked on stays in the processor's cache
STEP = 0.1  # from one try to the next, in codes of the range
SMALLEST = 1e-15  # a group whose largest weight is below that is zero


def q4_k(rows: Tensor) -> Tensor:
    """rows: (..., n) of fp32, n a multiple of 256. Returns (..., n / 256 * 144) bytes."""
    return _in_chunks(rows, lambda x: _affine_block(x, bits=4, first=-1.0, tries=21))


def q5_k(rows: Tensor) -> Tensor:
    """As `q4_k`: (..., n / 256 * 176) bytes."""
    return _in_chunks(rows, lambda x: _affine_block(x, bits=5, first=-0.5, tries=16))


def q6_k(rows: Tensor) -> Tensor:
    """As `q4_k`: (..., n / 256 * 210) bytes."""
    return _in_chunks(rows, _symmetric_block)


def _in_chunks(rows: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
    blocks = rows.float().reshape(-1, BLOCK)
    found = torch.cat([encode(part) for part in blocks.split(AT_ONCE)])
    return found.reshape(*rows.shape[:-1], -1)


def _affine_block(x: Tensor, bits: int, first: float, tries: int) -> Tensor:
    """x: (blocks, 256). Returns (blocks, bytes)."""
    groups = x.unflatten(1, (8, 32))
    scale, low = _affine_fit(groups, 2**bits - 1, first, tries)
    (d, scales), (d_low, lows) = _six_bits(scale), _six_bits(low)
    step, offset = (d.float() * scales)[..., None], (d_low.float() * lows)[..., None]
    codes = ((groups + offset) / step).round().clamp(0, 2**bits - 1)
    codes = torch.where(step > 0, codes, 0).to(torch.uint8)
    pairs = (codes & 15).unflatten(1, (4, 2))  # the first of two groups lies in the lower half of each byte
    parts = [_bytes(d), _bytes(d_low), _packed_scales(scales.to(torch.uint8), lows.to(torch.uint8))]
    if bits == 5:  # the fifth bit of group k is bit k of 32 bytes
        parts.append(((codes >> 4) << torch.arange(8, dtype=torch.uint8)[:, None]).sum(1, dtype=torch.uint8))
    parts.append((pairs[:, :, 0] | pairs[:, :, 1] << 4).flatten(1))
    return torch.cat(parts, 1)


def _affine_fit(x: Tensor, top: int, first: float, tries: int) -> tuple[Tensor, Tensor]:
    """scale and low, both (..., groups) and never negative, so that x is about scale * q - low, q from 0 to `top`.

    x: (..., groups, 32). Large weights count more: as their size, and the root of the group's mean square."""
    weight = x.square().mean(-1, keepdim=True).sqrt() + x.abs()
    sum_w, sum_x = weight.sum(-1, keepdim=True), (weight * x).sum(-1, keepdim=True)
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True)
    flat = high <= low  # all zero, or one value below zero: then every code is 0
    high = torch.where(flat, low + 1, high)

    def codes_at(steps: float) -> Tensor:
        return ((x - low) * (steps / (high - low))).round().clamp(0, top)

    def error(codes: Tensor, scale: Tensor, low: Tensor) -> Tensor:
        return (weight * (scale * codes + low - x).square()).sum(-1, keepdim=True)

    scale = (high - low) / top
    best = error(codes_at(top), scale, low)
    for number in range(tries):  # each from where the best one so far begins
        codes = codes_at(top + first + STEP * number)
        weighted = weight * codes
        sum_q, sum_qq = weighted.sum(-1, keepdim=True), (weighted * codes).sum(-1, keepdim=True)
        sum_qx = (weighted * x).sum(-1, keepdim=True)
        determinant = sum_w * sum_qq - sum_q * sum_q
        new_scale = (sum_w * sum_qx - sum_x * sum_q) / determinant
        new_low = (sum_qq * sum_x - sum_q * sum_qx) / determinant
        above = new_low > 0  # then the line goes through 0
        new_scale, new_low = torch.where(above, sum_qx / sum_qq, new_scale), new_low.clamp(max=0)
        found = error(codes, new_scale, new_low)
        better = (determinant > 0) & (found < best)
        scale, low, best = (torch.where(better, *p) for p in ((new_scale, scale), (new_low, low), (found, best)))
    return torch.where(flat, 0.0, scale)[..., 0], -low[..., 0]


def _six_bits(values: Tensor) -> tuple[Tensor, Tensor]:
    """A factor in half precision for each block, (blocks, 1), and codes from 0 to 63: values is about factor * code."""
    greatest = values.amax(-1, keepdim=True)
    codes = torch.where(greatest > 0, values * (63 / greatest), 0.0).round().clamp(0, 63)
    return (greatest / 63).half(), codes


def _packed_scales(scales: Tensor, lows: Tensor) -> Tensor:
    """(blocks, 8) codes of 6 bits each, twice. Returns (blocks, 12) bytes: the first four of each with the upper two
    bits of the last four above them, then the lower four bits of the last four."""
    left, right = (torch.stack([part[:, half] for part in (scales, lows)], 1) for half in (slice(4), slice(4, 8)))
    upper = (left | (right >> 4) << 6).flatten(1)
    return torch.cat([upper, (right[:, 0] & 15) | (right[:, 1] & 15) << 4], 1)


def _symmetric_block(x: Tensor) -> Tensor:
    """x: (blocks, 256). Returns (blocks, 210) bytes."""
    groups = x.unflatten(1, (16, 16))
    scale = _symmetric_fit(groups, 32)
    largest = scale.gather(1, scale.abs().argmax(1, keepdim=True))
    inverse = torch.where(largest.abs() < SMALLEST, 0.0, -128 / largest)
    d = torch.where(inverse == 0, 0.0, 1 / inverse).half()
    scales = (scale * inverse).round().clamp(-128, 127)
    step = (d.float() * scales)[..., None]
    codes = torch.where(step != 0, (groups / step).round().clamp(-32, 31), 0.0) + 32
    parts = codes.to(torch.uint8).flatten(1).unflatten(1, (2, 4, 32))
    low, high = parts & 15, parts >> 4
    lower = low[:, :, :2] | low[:, :, 2:] << 4
    upper = (high << torch.arange(0, 8, 2, dtype=torch.uint8)[:, None]).sum(2, dtype=torch.uint8)
    return torch.cat([lower.flatten(1), upper.flatten(1), _bytes(scales.to(torch.int8)), _bytes(d)], 1)


def _symmetric_fit(x: Tensor, top: int) -> Tensor:
    """scale, (..., groups), so that x is about scale * q, q from -top to top - 1. x: (..., groups, 16); a weight counts
    as its square."""
    weight = x.square()
    peak = x.gather(-1, x.abs().argmax(-1, keepdim=True))
    zero = peak.abs() < SMALLEST
    peak = torch.where(zero, 1.0, peak)
    scale, best = torch.zeros_like(peak), torch.full_like(peak, -1.0)
    for number in (0, *range(-9, 0), *range(1, 10)):
        codes = (x * (-(top + STEP * number) / peak)).round().clamp(-top, top - 1)
        sum_qx, sum_qq = (weight * x * codes).sum(-1, keepdim=True), (weight * codes * codes).sum(-1, keepdim=True)
        explained = torch.where(sum_qq > 0, sum_qx.square() / sum_qq, -1.0)
        better = explained > best
        scale, best = torch.where(better, sum_qx / sum_qq, scale), torch.where(better, explained, best)
    return torch.where(zero, 0.0, scale)[..., 0]


def _bytes(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.uint8)
