"""How the next token is chosen, for many rows at once, each by its own sampling.

Logits are penalised, ranked, cut and drawn from. The definitions are those of `transformers`' logits processors, in its
order: repetition penalty (Keskar et al. 2019), no repeated n-gram (Paulus et al. 2017), temperature, top-k (Fan et al.
2018), top-p (Holtzman et al. 2020), min-p (Nguyen et al. 2024). Nothing here waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.recipe.errors import Problem, UserError


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. temperature 0: always the likeliest. top_k 0, top_p 1, min_p 0: no limit.

    min_p: least probability, as a share of the likeliest token's. repetition_penalty: by what a logit above zero is
    divided and one below it multiplied, of tokens that stand in the prompt or the answer. no_repeat_ngram: no so many
    tokens in a row stand twice in prompt and answer; 0: they may."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    limit: int = 128  # new tokens
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0

    def check(self) -> None:
        """Raises `UserError` for values without meaning, all of them at once."""
        problems = [
            Problem(name, f"{getattr(self, name)}", allowed)
            for name, ok, allowed in (
                ("temperature", 0 <= self.temperature < math.inf, "0 or more"),
                ("top_k", self.top_k >= 0, "0 or more"),
                ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
                ("seed", self.seed >= 0, "0 or more"),
                ("limit", self.limit > 0, "1 or more"),
                ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
                ("repetition_penalty", 0 < self.repetition_penalty < math.inf, "above 0; 1: no penalty"),
                ("no_repeat_ngram", self.no_repeat_ngram >= 0, "0 or more"),
            )
            if not ok
        ]
        if problems:
            raise UserError(problems)


KNOBS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "no_repeat_ngram")


def knobs_of(samplings: Sequence[Sampling]) -> Tensor:
    """(rows, knobs) fp32: what differs from row to row, to be kept on the device."""
    return torch.tensor([[float(getattr(sampling, name)) for name in KNOBS] for sampling in samplings])


@dataclass(frozen=True)
class Needs:
    """What choosing for several rows together takes: for one who draws, all are ranked.

    room: how many of the likeliest tokens are ranked, 0 where nobody draws. ngram: the longest that is not repeated.
    top: so many logprobs are told beside the chosen token's own, or None."""

    room: int = 0
    repetition: bool = False
    ngram: int = 0
    top: int | None = None

    @staticmethod
    def of(samplings: Sequence[Sampling], vocabulary: int) -> Needs:
        drawing = [s.top_k or vocabulary for s in samplings if s.temperature > 0]
        room = min(vocabulary, rounded(max(drawing, default=0)))
        repetition = any(sampling.repetition_penalty != 1 for sampling in samplings)
        return Needs(room, repetition, rounded(max(sampling.no_repeat_ngram for sampling in samplings)))


def rounded(number: int) -> int:
    """Up to a power of two, so that there are few kinds of `Needs`."""
    return 1 << (number - 1).bit_length() if number else 0


def choose(logits: Tensor, knobs: Tensor, noise: Tensor, ids: Tensor, lengths: Tensor, needs: Needs) -> Tensor:
    """The next token of each row, (rows,).

    logits: (rows, vocabulary) fp32; knobs: (rows, knobs); noise: (rows,) uniform in [0, 1); ids: (rows, size), of
    which the first `lengths` (rows,) stand there; needs: at least what the rows take."""
    logits = penalised(logits, knobs, ids, lengths, needs)
    likeliest = logits.argmax(-1)
    if not needs.room:
        return likeliest
    probabilities, order = candidates(logits, knobs, needs.room)
    sums = probabilities.cumsum(-1)
    rank = (sums <= noise[:, None] * sums[:, -1:]).sum(-1)
    last = (probabilities > 0).sum(-1) - 1  # sums of many numbers may end a little below the last of them
    drawn = order.gather(1, rank.minimum(last).clamp(min=0)[:, None])[:, 0]
    return torch.where(_knob(knobs, "temperature")[:, 0] > 0, drawn, likeliest)


def penalised(logits: Tensor, knobs: Tensor, ids: Tensor, lengths: Tensor, needs: Needs) -> Tensor:
    """Logits after the repetition penalty and without the tokens that would repeat an n-gram."""
    if needs.repetition:
        there = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        by = _knob(knobs, "repetition_penalty")
        logits = torch.where(_named(ids, there, logits), torch.where(logits < 0, logits * by, logits / by), logits)
    if needs.ngram:
        repeating = _repeating(ids, lengths, _knob(knobs, "no_repeat_ngram"), needs.ngram)
        logits = logits.masked_fill(_named(ids, repeating, logits), -torch.inf)
    return logits


def candidates(logits: Tensor, knobs: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """Probabilities of the `room` likeliest tokens, falling, zero where they are cut, and which tokens they are; both
    (rows, room). `room` is the vocabulary, or no less than any row's top_k."""
    values, order = logits.topk(room)
    values = values / _knob(knobs, "temperature").clamp(min=1e-6)
    top_k, top_p = _knob(knobs, "top_k"), _knob(knobs, "top_p")
    rank = torch.arange(room, device=logits.device)[None]
    values = values.masked_fill((top_k > 0) & (rank >= top_k), -torch.inf)
    probabilities = values.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    cut = (top_p < 1) & (before >= top_p) | (values < values[:, :1] + _knob(knobs, "min_p").log())
    probabilities = probabilities.masked_fill(cut & (rank > 0), 0)
    return probabilities / probabilities.sum(-1, keepdim=True), order


def _knob(knobs: Tensor, name: str) -> Tensor:
    """(rows, 1)"""
    return knobs[:, KNOBS.index(name), None]


def _named(ids: Tensor, which: Tensor, logits: Tensor) -> Tensor:
    """(rows, vocabulary) bool: the tokens that stand in `ids` where `which` says so. Both (rows, size)."""
    rows, vocabulary = logits.shape
    marks = torch.zeros(rows, vocabulary + 1, dtype=torch.bool, device=ids.device)
    return marks.scatter_(1, torch.where(which, ids, vocabulary), True)[:, :vocabulary]


def _repeating(ids: Tensor, lengths: Tensor, ngram: Tensor, longest: int) -> Tensor:
    """(rows, size) bool: where the ngram - 1 tokens before a place are those that now stand last. ngram: (rows, 1)."""
    places, ends = torch.arange(ids.shape[1], device=ids.device)[None], lengths[:, None]
    repeating = (ngram > 0) & (places >= ngram - 1) & (places < ends)
    for back in range(1, longest):
        last = ids.gather(1, (ends - back).clamp(min=0))
        repeating = repeating & ((ids.roll(back, 1) == last) | (back >= ngram))
    return repeating
