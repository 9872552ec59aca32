"""Gaperon's norm for weights in bf16: the gain is stored divided by 20, and multiplied by 20 where it is used.

A bf16 weight w moves only by steps above 2^(floor(log2 w) - 8): near 1 that is 0.004 (0.002 downwards), near 0.05
0.00012. So the stored gain moves at smaller rates, and the gain in steps 20 times as long. It is here to rebuild what
was published; `bf16-rounded` is the better way to bf16 weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from calame.model.config import ModelConfig

SCALE = 20.0


class ScaledRMSNorm(nn.Module):
    """x / rms(x) * (scale * weight) over the last dimension, in fp32 but for the last product."""

    def __init__(self, size: int, epsilon: float, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.full((size,), 1 / scale))
        self.epsilon, self.scale = epsilon, scale

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (self.scale * self.weight.float()).to(x.dtype) * normed.to(x.dtype)


def scale_gains(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Weights with ordinary gains as a model with this configuration stores them."""
    return {name: t.float() / config.norm_scale if _is_gain(name) else t for name, t in weights.items()}


def with_plain_gains(config: ModelConfig, weights: Mapping[str, Tensor]) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The same function without a scale; 20 times a bf16 is exact in fp32."""
    if config.norm_scale == 1:
        return config, dict(weights)
    plain = {name: t.float() * config.norm_scale if _is_gain(name) else t for name, t in weights.items()}
    return replace(config, norm_scale=1.0), plain


def _is_gain(name: str) -> bool:
    return name.endswith("norm.weight")
