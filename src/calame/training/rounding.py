"""Stochastic rounding to bfloat16 (Gupta et al. 2015): a value goes to one of its two neighbours, to the nearer one
more often, so that the mean of what is written is the value. Steps far below half a unit in the last place are then
not lost, as they are when the nearer one is always taken.

The noise is a hash of (key, element) and no generator's state: it is the same on every device, a run that goes on
draws what it would have drawn, and a compiler can fuse it with the update.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

# Multipliers of a 32-bit mixer with little bias (C. Wellons, Hash Function Prospector, 2018), as signed integers.
FIRST, SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)


def key_of(*parts: int | str) -> int:
    """A 32-bit key, as a signed integer, of what the noise is drawn for: seed, step, tensor, use."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little", signed=True)


def noise(number: int, key: Tensor) -> Tensor:
    """(number,) int32 on the device of `key` (an int32 scalar), each evenly drawn from 0 to 65,535."""
    x = torch.arange(number, dtype=torch.int32, device=key.device) ^ key
    x = (x ^ _shift(x, 16)) * FIRST
    x = (x ^ _shift(x, 15)) * SECOND
    return _shift(x, 16)  # the upper half: the mixer's last step, x ^ (x >> 16), leaves it as it is


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical shift to the right: int32's own repeats the sign."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def round_stochastically(x: Tensor, key: Tensor) -> Tensor:
    """(elements,) fp32 -> bfloat16. A bfloat16 is the upper half of a float32: noise is added to the lower half, which
    carries over as often as it is large, and is then cut off. Infinities stay."""
    bits = x.view(torch.int32) + noise(x.numel(), key)
    return (bits & -65_536).view(torch.float32).to(torch.bfloat16)
