"""Keys and values of what was read, so that each new token costs one step. Fixed size, taken at the start."""

from __future__ import annotations

import torch
from torch import Tensor

from calame.model.config import ModelConfig


class LayerCache:
    """One layer's keys and values: (batch, kv heads, size, head_dim), filled up to `length`."""

    def __init__(self, shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device):
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add new keys and values (batch, kv heads, time, head_dim); returns all of them so far."""
        end = self.length + key.shape[2]
        assert end <= self.keys.shape[2], "the cache is full"
        self.keys[:, :, self.length : end] = key
        self.values[:, :, self.length : end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class Cache:
    """The caches of all layers. Read a prompt into an empty cache, then one token at a time."""

    def __init__(self, config: ModelConfig, batch: int, size: int, dtype: torch.dtype, device: torch.device):
        shape = (batch, config.num_key_value_heads, size, config.head_dim)
        self.layers = [LayerCache(shape, dtype, device) for _ in range(config.num_hidden_layers)]

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return self.layers[0].length
