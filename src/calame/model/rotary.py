"""Rotary positions (Su et al. 2021), and two ways to stretch them over a longer context than was trained.

linear: every angle divided by the factor (Chen et al. 2023). YaRN (Peng et al. 2023): pairs that turn many times within
the original context keep their speed, those that turn less than once are slowed by the factor, in between a ramp; and
all states grow by 0.1 ln(factor) + 1, so that attention stays as sharp.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from calame.model.config import ModelConfig

FAST, SLOW = 32, 1  # turns within the original context, above and below which YaRN does the one or the other


def rotary_table(config: ModelConfig, length: int) -> tuple[Tensor, Tensor]:
    """cos and sin of the rotary angles, fp32: (length, 1, head_dim / 2), and (length, 2, head_dim / 2) with the signs
    that `rotate` needs."""
    speeds, growth = _speeds(config)
    angles = torch.outer(torch.arange(length, dtype=torch.float32), speeds)
    cos, sin = angles.cos() * growth, angles.sin() * growth
    return cos[:, None], torch.stack([-sin, sin], dim=1)


def _speeds(config: ModelConfig) -> tuple[Tensor, float]:
    """Radians a position of each pair, and the factor on cos and sin."""
    size, factor = config.head_dim, config.rope_factor
    plain = config.rope_theta ** -(torch.arange(0, size, 2, dtype=torch.float32) / size)
    if config.rope_scaling == "linear":
        return plain / factor, 1.0
    if config.rope_scaling == "yarn":
        low, high = (_pair_of(turns, config) for turns in (FAST, SLOW))
        low, high = max(math.floor(low), 0), min(math.ceil(high), size - 1)
        slowed = ((torch.arange(size // 2) - low) / max(high - low, 0.001)).clamp(0, 1)
        return plain / factor * slowed + plain * (1 - slowed), 0.1 * math.log(factor) + 1
    return plain, 1.0


def _pair_of(turns: float, config: ModelConfig) -> float:
    """The number of the pair that turns so often within the original context, as a fraction."""
    share = math.log(config.rope_original / (turns * 2 * math.pi)) / math.log(config.rope_theta)
    return config.head_dim / 2 * share


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + head_dim/2]) by their angle. x: (batch, heads, time, head_dim); cos, sin:
    (batch or 1, 1, time, 1 or 2, head_dim / 2).

    The halves change places by a flip and not by a concatenation, which no compiler fuses in the backward pass."""
    halves = x.float().unflatten(-1, (2, -1))
    return (halves * cos + halves.flip(-2) * sin).flatten(-2).to(x.dtype)
