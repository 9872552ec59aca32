"""A model and what it has read: prompts at the beginning of its rows, then a few tokens of each row at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from calame.inference.load import Loaded
from calame.model.cache import Cache
from calame.model.step import Step


class Reader:
    """A model with a cache of so many rows of at most `size` tokens."""

    def __init__(self, loaded: Loaded, rows: int, size: int):
        self.model, self.rows = loaded.model, rows
        self.step = Step.of(loaded.model)
        self.cache = Cache.empty(self.model.config, rows, size, loaded.dtype, loaded.device.torch)

    def begin(self, tokens: Tensor, lengths: Tensor, first: int) -> Tensor:
        """Read prompts into the rows from `first` on. Returns the logits after each, (rows, 1, vocabulary).

        tokens: (rows, time), filled up on their right; lengths: (rows,) of the prompts."""
        rows, time = tokens.shape
        hidden = self.model(tokens, cache=self.cache.view(first, first + rows, time))
        last = hidden[torch.arange(rows, device=tokens.device), lengths - 1]
        return self.model.logits(last)[:, None]

    def go_on(self, tokens: Tensor, positions: Tensor, size: int | None = None) -> Tensor:
        """Logits after each of a few neighbouring tokens of the first rows, (rows, time, vocabulary).

        tokens, positions: (rows, time). size: so much of the rows is looked at, by default all."""
        if self.step is not None:
            return self.step.logits(tokens, positions, self.cache.view(0, len(tokens)))
        return self.model.logits(self.model(tokens, positions, cache=self.cache.view(0, len(tokens), size)))
