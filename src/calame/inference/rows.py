"""The rows of a running batch on the device: tokens, random numbers, samplings. Taken once; a row is filled, advances,
moves and is freed in place, so that what was launched ahead of the processor finds everything where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.inference.request import Logprob, Request
from calame.inference.sampling import KNOBS, Needs, choose, knobs_of

FREE = 2  # the length of a free row: a pass that takes it along looks at its last two places


@dataclass(frozen=True)
class Chosen:
    """What a pass chose. tokens: (rows, time), of which the first `counts` (rows,) are the rows' next ones.

    Where asked for: logprobs (rows, time) of the tokens, and the likeliest ids with theirs, (rows, time, top), in nats,
    as the model has them before the sampling changes anything."""

    tokens: Tensor
    counts: Tensor
    logprobs: Tensor | None = None
    top_ids: Tensor | None = None
    top_logprobs: Tensor | None = None

    def home(self) -> Chosen:
        """The same on the processor's side, once what was launched before it is done."""
        kept = (self.tokens, self.counts, self.logprobs, self.top_ids, self.top_logprobs)
        return Chosen(*(part.to("cpu", non_blocking=True) if part is not None else None for part in kept))  # type: ignore[arg-type]

    def logprob(self, row: int, place: int, top: int | None) -> Logprob | None:
        """Of a token, and of the `top` likeliest at its place, where that was asked for."""
        if top is None or self.logprobs is None or self.top_ids is None or self.top_logprobs is None:
            return None
        best = zip(self.top_ids[row, place, :top].tolist(), self.top_logprobs[row, place, :top].tolist(), strict=True)
        return Logprob(float(self.logprobs[row, place]), dict(best))


class Rows:
    """So many rows of at most `size` tokens.

    ids: (rows, size), of which `lengths` (rows,) stand there; ends: (rows,) tokens that a row may have in the end, 0
    where it is free; noise: (rows, size) uniform in [0, 1), each at the place of the token that it draws; knobs: (rows,
    knobs)."""

    def __init__(self, rows: int, size: int, device: torch.device):
        self.rows, self.size, self.device = rows, size, device
        self.ids = torch.zeros(rows, size, dtype=torch.long, device=device)
        self.lengths = torch.full((rows,), FREE, device=device)
        self.ends = torch.zeros(rows, dtype=torch.long, device=device)
        self.noise = torch.zeros(rows, size, device=device)
        self.knobs = torch.zeros(rows, len(KNOBS), device=device)

    def enter(self, requests: Sequence[Request], first: int) -> Tensor:
        """Fill rows from `first` on. Returns the prompts, filled up on their right: (requests, longest prompt)."""
        rows, longest = slice(first, first + len(requests)), max(len(request.prompt) for request in requests)
        ids = torch.zeros(len(requests), longest, dtype=torch.long)
        noise = torch.zeros(len(requests), self.size)
        for row, request in enumerate(requests):
            length = len(request.prompt)
            ids[row, :length] = torch.tensor(request.prompt)
            noise[row, length : request.most] = torch.from_numpy(request.noise())
        ends = torch.tensor([[len(request.prompt), request.most] for request in requests]).to(self.device)
        self.ids[rows, :longest] = ids.to(self.device)
        self.noise[rows] = noise.to(self.device)
        self.lengths[rows], self.ends[rows] = ends[:, 0], ends[:, 1]
        self.knobs[rows] = knobs_of([request.sampling for request in requests]).to(self.device)
        return self.ids[rows, :longest]

    def leave(self, row: int, last: int) -> None:
        """Free `row` by moving the row `last` there."""
        if row < last:
            for kept in (self.ids, self.lengths, self.ends, self.noise, self.knobs):
                kept[row] = kept[last]
        self.lengths[last], self.ends[last] = FREE, 0

    def places(self, rows: slice, first: int, time: int) -> Tensor:
        """(rows, time): so many places in a row, from `first` after the last token on; at the end of a row the last one
        again, where nothing that is looked at is written any more."""
        return (self.lengths[rows, None] + torch.arange(first, first + time, device=self.device)).clamp(
            max=self.size - 1
        )

    def choose(self, rows: slice, logits: Tensor, needs: Needs, after: int = 0) -> Tensor:
        """The next tokens, (rows, time), where the first of them goes `after` places behind the last token.

        logits: (rows, time, vocabulary). What stands in `ids` before a place counts as said."""
        time, places = logits.shape[1], self.places(rows, after, logits.shape[1])
        noise = self.noise[rows].gather(1, places).flatten()
        knobs, ids = (
            kept[rows].repeat_interleave(time, 0) if time > 1 else kept[rows] for kept in (self.knobs, self.ids)
        )
        return choose(logits.flatten(0, 1).float(), knobs, noise, ids, places.flatten(), needs).view(-1, time)

    def settle(self, rows: slice, logits: Tensor, needs: Needs) -> Chosen:
        """Choose after every token of a pass, and keep what continues the rows: of tokens that were proposed (they are
        in `ids`) those that are chosen too, and the one chosen after them. logits: (rows, time, vocabulary)."""
        tokens, places = self.choose(rows, logits, needs), self.places(rows, 0, logits.shape[1])
        ids, lengths, counts = self.ids[rows], self.lengths[rows], 1
        if tokens.shape[1] > 1:
            right = tokens[:, :-1] == ids.gather(1, places[:, :-1])
            counts = right.long().cumprod(1).sum(1) + 1
        counts = (self.ends[rows] - lengths).clamp(min=0).clamp(max=counts)
        ids.scatter_(1, places, tokens)
        lengths += counts
        return Chosen(tokens, counts, *_logprobs(logits, tokens, needs.top))


def _logprobs(logits: Tensor, tokens: Tensor, top: int | None) -> tuple[Tensor, ...]:
    if top is None:
        return ()
    logprobs = logits.float().log_softmax(-1)
    best = logprobs.topk(top)
    return logprobs.gather(-1, tokens[..., None])[..., 0], best.indices, best.values
