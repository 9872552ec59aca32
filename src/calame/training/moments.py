"""How AdamW's two moments are stored: fp32, bf16 rounded stochastically, or int8 by blocks.

int8: dynamic quantisation by blocks (Dettmers et al. 2021, "8-bit Optimizers via Block-wise Quantization"): each block
of 256 values is divided by its greatest, and each value takes the nearest of 256 codes that lie closer together
towards zero, over seven decades. Of the second moment the root is stored: it then reaches as far down as the first
moment does. (The moment itself would be rounded to zero below 4e-4 of the block's greatest gradient while the first
moment is not, and the step would be many times too long.)
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from calame.training.rounding import round_stochastically

BLOCK = 256  # values with one scale
LEAST = 4096  # elements; a smaller tensor keeps its moments in fp32, which costs nothing
MOMENTS = ("exp_avg", "exp_avg_sq")
State = dict[str, Tensor]


@cache
def codes(signed: bool) -> tuple[float, ...]:
    """The 256 values of a code, rising, within -1 to 1 or 0 to 1: for decade i of seven (1e-6 to 1), 2^i (unsigned
    2^(i+1)) fractions from 0.1 to 1, their middles; then zero and one (Dettmers et al. 2021, section 1.3)."""
    found = [0.0, 1.0]
    for decade in range(7):
        number = 2 ** (decade if signed else decade + 1)
        middles = [0.1 + 0.9 * (place + 0.5) / number for place in range(number)]
        found += [10.0 ** (decade - 6) * middle for middle in middles]
        found += [-(10.0 ** (decade - 6)) * middle for middle in middles if signed]
    return tuple(sorted(found))


@cache
def code_tables(device: torch.device) -> State:
    """The codes of both moments on a device, (256,) each: they are given to the update beside what is stored."""
    return {f"{name}_code": torch.tensor(codes(name == "exp_avg"), device=device) for name in MOMENTS}


def quantise(x: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """(elements,) fp32 -> the nearest codes (elements,) uint8 and scales (blocks,) fp32."""
    blocks = torch.nn.functional.pad(x, (0, -x.numel() % BLOCK)).view(-1, BLOCK)
    scales = blocks.abs().amax(1)
    shares = blocks / scales.clamp_min(torch.finfo(torch.float32).tiny)[:, None]
    found = torch.bucketize(shares, (table[1:] + table[:-1]) / 2, out_int32=True)
    return found.to(torch.uint8).view(-1)[: x.numel()], scales


def restore(found: Tensor, scales: Tensor, table: Tensor) -> Tensor:
    """The values that `quantise` came nearest to: (elements,) fp32."""
    return table[found.to(torch.int32)] * scales.repeat_interleave(BLOCK)[: found.numel()]


def empty_moments(number: int, kind: str, device: torch.device) -> State:
    """The moments of so many elements before the first step, all zero. kind: fp32, bf16, int8."""
    kind = kind if number >= LEAST else "fp32"
    if kind != "int8":
        dtype = torch.float32 if kind == "fp32" else torch.bfloat16
        return {name: torch.zeros(number, dtype=dtype, device=device) for name in MOMENTS}
    state: State = {}
    for name in MOMENTS:
        state[name], state[f"{name}_scale"] = quantise(
            torch.zeros(number, device=device), code_tables(device)[f"{name}_code"]
        )
    return state


def stored_bytes(number: int, kind: str) -> int:
    """Bytes of both moments of a tensor of so many elements."""
    if kind == "int8" and number >= LEAST:
        return 2 * (number + 4 * -(-number // BLOCK))
    return 2 * number * (2 if kind == "bf16" and number >= LEAST else 4)


def read_moment(state: State, name: str) -> Tensor:
    """(elements,) fp32. state: as stored, and `code_tables`."""
    stored = state[name]
    if stored.dtype != torch.uint8:
        return stored.float()
    value = restore(stored, state[f"{name}_scale"], state[f"{name}_code"])
    return value if name == "exp_avg" else value.square()


def write_moment(state: State, name: str, value: Tensor, key: Tensor) -> None:
    """Store (elements,) fp32 as the state has it. key: of the noise, for bf16."""
    stored = state[name]
    if stored.dtype == torch.uint8:
        found, scales = quantise(value if name == "exp_avg" else value.sqrt(), state[f"{name}_code"])
        stored.copy_(found)
        state[f"{name}_scale"].copy_(scales)
    elif stored.dtype == torch.bfloat16:
        stored.copy_(round_stochastically(value, key))
    else:
        stored.copy_(value)
