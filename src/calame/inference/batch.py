"""A running batch: requests that generate side by side over one static cache. They join and leave between two steps.

The requests that run are rows 0, 1, 2...; when one leaves, the last takes its place. What a row's next token depends on
(its prompt, its answer so far, its sampling, its own random numbers) is its own, so that a request's answer does not
depend on its neighbours. All tensors are taken at the start and keep their place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from calame.inference.load import Loaded
from calame.inference.request import Request
from calame.inference.sampling import KNOBS, Needs, choose, knobs_of
from calame.model.cache import Cache

PREFILL = 8192  # tokens of prompts, with what fills them up, that are read in one pass: bounds its memory


class Batch:
    """Rows for so many requests of at most `size` tokens, prompt and answer together."""

    def __init__(self, loaded: Loaded, rows: int, size: int):
        self.model, self.device, self.rows = loaded.model, loaded.device.torch, rows
        self.cache = Cache.empty(self.model.config, rows, size, loaded.dtype, self.device)
        self.ids = torch.zeros(rows, size, dtype=torch.long, device=self.device)
        self.lengths = torch.zeros(rows, dtype=torch.long, device=self.device)  # of `ids`
        self.noise = torch.zeros(rows, size, device=self.device)  # at the place of the token that it draws
        self.knobs = torch.zeros(rows, len(KNOBS), device=self.device)
        self.running: list[Request] = []

    @property
    def free(self) -> int:
        return self.rows - len(self.running)

    @torch.no_grad()
    def join(self, requests: Sequence[Request]) -> None:
        """Read prompts into free rows, and give each request its first token."""
        assert len(requests) <= self.free
        for part in _parts(requests):
            first = len(self.running)
            self.running += part
            tokens = self._enter(part, first)
            hidden = self.model(tokens, cache=self.cache.view(first, len(self.running), tokens.shape[1]))
            ends = self.lengths[first : len(self.running)] - 1
            self._choose(hidden[torch.arange(len(part), device=self.device), ends], first)
        self._drop_ended()

    @torch.no_grad()
    def step(self) -> None:
        """Give each running request its next token."""
        rows, longest = len(self.running), max(request.length for request in self.running)
        places = self.lengths[:rows, None] - 1
        hidden = self.model(self.ids[:rows].gather(1, places), places, cache=self.cache.view(0, rows, longest))
        self._choose(hidden[:, -1], 0)
        self._drop_ended()

    def _enter(self, requests: Sequence[Request], first: int) -> Tensor:
        """Fill rows from `first` on. Returns the prompts, filled up on their right: (requests, longest prompt)."""
        rows = slice(first, first + len(requests))
        longest = max(request.length for request in requests)
        ids, noise = (
            torch.zeros(len(requests), longest, dtype=torch.long),
            torch.zeros(len(requests), self.ids.shape[1]),
        )
        for row, request in enumerate(requests):
            ids[row, : request.length] = torch.tensor(request.prompt)
            noise[row, request.length : request.most] = torch.from_numpy(request.noise())
        self.ids[rows, :longest] = ids.to(self.device)
        self.noise[rows] = noise.to(self.device)
        self.lengths[rows] = torch.tensor([request.length for request in requests]).to(self.device)
        self.knobs[rows] = knobs_of([request.sampling for request in requests]).to(self.device)
        return self.ids[rows, :longest]

    def _choose(self, hidden: Tensor, first: int) -> None:
        """Choose a token after each of the rows from `first` on. hidden: (rows, hidden)."""
        requests = self.running[first:]
        rows, needs = slice(first, len(self.running)), Needs.of([r.sampling for r in requests], self._vocabulary)
        ids, lengths = self.ids[rows], self.lengths[rows]
        noise = self.noise[rows].gather(1, lengths[:, None])[:, 0]
        chosen = choose(self.model.logits(hidden).float(), self.knobs[rows], noise, ids, lengths, needs)
        ids.scatter_(1, lengths[:, None], chosen[:, None])
        lengths += 1
        for request, token in zip(requests, chosen.tolist(), strict=True):
            request.take(token)

    @property
    def _vocabulary(self) -> int:
        return self.model.config.vocab_size

    def _drop_ended(self) -> None:
        for row in reversed(range(len(self.running))):
            if self.running[row].ended:
                self.leave(row)

    def leave(self, row: int) -> None:
        """Free a row: the last one moves there."""
        last = len(self.running) - 1
        if row < last:
            self.cache.move(last, row)
            for kept in (self.ids, self.lengths, self.noise, self.knobs):
                kept[row] = kept[last]
        self.running[row] = self.running[last]
        self.running.pop()


def _parts(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests in their order, in parts that are read in one pass each."""
    parts: list[list[Request]] = []
    longest = 0
    for request in requests:
        longest = max(longest, request.length)
        if not parts or longest * (len(parts[-1]) + 1) > PREFILL:
            parts.append([])
            longest = request.length
        parts[-1].append(request)
    return parts
