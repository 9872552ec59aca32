"""Keys and values of what was read, so that each new token costs one step. Its size is taken once, and never grows.

A token's place in the cache is its position, row by row. So prompts of different lengths are read side by side, filled
up on their right: causality hides the filling from the prompt, and later tokens write over it before they look there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from calame.model.config import ModelConfig


@dataclass(frozen=True)
class LayerCache:
    """One layer's keys and values, (rows, kv heads, size, head_dim) each, during one pass.

    positions: (rows, time) of the pass's tokens, or None where every row begins: such tokens see one another only.
    """

    keys: Tensor
    values: Tensor
    positions: Tensor | None

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the keys and values of a pass, (rows, kv heads, time, head_dim); returns all that its tokens may see."""
        if self.positions is None:
            time = key.shape[2]
            self.keys[:, :, :time] = key
            self.values[:, :, :time] = value
            return key, value
        places = self.positions[:, None, :, None].expand_as(key)
        self.keys.scatter_(2, places, key)
        self.values.scatter_(2, places, value)
        return self.keys, self.values


@dataclass(frozen=True)
class Cache:
    """The caches of all layers: keys and values, (layers, rows, kv heads, size, head_dim) each."""

    keys: Tensor
    values: Tensor

    @staticmethod
    def empty(config: ModelConfig, rows: int, size: int, dtype: torch.dtype, device: torch.device) -> Cache:
        """For so many rows of at most `size` tokens. Zeros: what is masked is still multiplied, by zero."""
        shape = (config.num_hidden_layers, rows, config.num_key_value_heads, size, config.head_dim)
        return Cache(*(torch.zeros(shape, dtype=dtype, device=device) for _ in range(2)))

    @staticmethod
    def bytes_of_token(config: ModelConfig, dtype: torch.dtype) -> int:
        """What each place in a row costs."""
        return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * dtype.itemsize

    @property
    def size(self) -> int:
        """Tokens that fit in a row."""
        return self.keys.shape[3]

    def view(self, first: int, last: int, size: int | None = None) -> Cache:
        """Rows first to last - 1, as far as `size` tokens, in the same memory."""
        return Cache(self.keys[:, first:last, :, :size], self.values[:, first:last, :, :size])

    def move(self, source: int, target: int) -> None:
        """Row `source` takes the place of row `target`."""
        for kept in (self.keys, self.values):
            kept[:, target] = kept[:, source]

    def layers(self, positions: Tensor | None) -> list[LayerCache]:
        """For a pass of tokens at `positions` (rows, time), or None: at the beginning of every row."""
        return [LayerCache(keys, values, positions) for keys, values in zip(self.keys, self.values, strict=True)]

    def visible(self, positions: Tensor) -> Tensor:
        """(rows, 1, time, size) bool: what tokens at these positions may look at, themselves and all before them."""
        return torch.arange(self.size, device=positions.device) <= positions[:, None, :, None]
