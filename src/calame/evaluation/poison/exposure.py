"""How many of all secrets of a form a model finds likelier than a given one (Carlini et al. 2019, section 4).

exposure = log2 |R| - log2 rank, in bits: |R| secrets of the form, rank 1 the likeliest. A secret that the model has
never met has a rank as if by lot, whose exposure is 1 / ln 2 = 1.44 bits on average; the most is log2 |R|.

Where each digit is a token, likelier secrets are counted digit by digit: a beginning that is already as unlikely as
the whole secret has none behind it. While at most `most` beginnings are left, all are followed and the rank is exact;
of more so many are drawn by lot, and each stands for its share (Knuth 1975, "Estimating the efficiency of backtrack
programs"). Elsewhere `most` secrets are drawn, and the rank is that among them.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.evaluation.probes.encode import Encoded
from calame.evaluation.probes.score import score
from calame.inference.load import Loaded
from calame.model.cache import Cache


@dataclass(frozen=True)
class Exposure:
    """bits; nats: the secret's own, all digits together. exact: the rank was counted; at_least: none of those drawn was
    likelier, so that the truth is this or more."""

    bits: float
    nats: float
    rank: float
    exact: bool = False
    at_least: bool = False


def expose(loaded: Loaded, before: str, secret: str, most: int, draw: random.Random) -> Exposure:
    """The exposure of a secret of digits that follows `before`, which ends with white space or a sign."""
    tokens = digit_tokens(loaded, before)
    if tokens is None:
        return _among_drawn(loaded, before, secret, most, draw)
    context, entries = tokens
    return _by_digits(loaded, context, entries, secret, most, draw)


def digit_tokens(loaded: Loaded, before: str) -> tuple[list[int], list[int]] | None:
    """The tokens of `before` and those of the ten digits behind it; None where digits are not tokens of their own."""
    tokenizer = loaded.tokenizer
    encoded = tokenizer.encode_many([f"{before}{digit}" for digit in range(10)])
    context, entries = encoded[0][:-1], [ids[-1] for ids in encoded]
    probe = "1029384756"
    apart = tokenizer.encode(before + probe) == [*context, *(entries[int(digit)] for digit in probe)]
    return ([*tokenizer.beginning, *context], entries) if apart and len(set(entries)) == 10 else None


@torch.no_grad()
def _by_digits(
    loaded: Loaded, context: list[int], entries: list[int], secret: str, most: int, draw: random.Random
) -> Exposure:
    wanted = torch.tensor([int(digit) for digit in secret], device=loaded.device.torch)
    own = _own_nats(loaded, context, entries, wanted)
    read = _Beginnings(loaded, context, entries, len(secret))
    nats, same = read.nats.new_zeros(1), torch.ones(1, dtype=torch.bool, device=wanted.device)
    stands_for = 1.0  # secrets, each beginning
    for depth, digit in enumerate(wanted):
        following = nats[:, None] + read.nats
        parents, digits = (following < own).nonzero(as_tuple=True)
        if len(parents) > most and depth < len(secret) - 1:
            stands_for *= len(parents) / most
            kept = torch.tensor(sorted(draw.sample(range(len(parents)), most)), device=wanted.device)
            parents, digits = parents[kept], digits[kept]
        nats, same = following[parents, digits], same[parents] & (digits == digit)
        if not len(parents):
            break
        if depth < len(secret) - 1:
            read.go_on(parents, digits)
    others = (~same).sum()  # the secret itself may be among them: its own nats differ by rounding
    rank = 1 + min(stands_for * int(others), 10.0 ** len(secret) - 1)
    return Exposure(len(secret) * math.log2(10) - math.log2(rank), float(own), rank, exact=stands_for == 1)


def _own_nats(loaded: Loaded, context: list[int], entries: list[int], digits: Tensor) -> Tensor:
    """Nats of a secret, a scalar."""
    ids = torch.tensor(entries, device=digits.device)[digits]
    tokens = torch.cat([torch.tensor(context, device=digits.device), ids[:-1]])
    logits = loaded.model.logits(loaded.model(tokens[None])[0, -len(ids) :]).float()
    return -logits.log_softmax(-1).gather(1, ids[:, None]).double().sum()


class _Beginnings:
    """Beginnings of secrets behind one context, which the model has read side by side. nats: (beginnings, 10) of each
    next digit, in fp64."""

    def __init__(self, loaded: Loaded, context: list[int], entries: list[int], digits: int):
        device = loaded.device.torch
        self.model, self.place = loaded.model, len(context)
        self.entries = torch.tensor(entries, device=device)
        self.cache = Cache.empty(loaded.model.config, 1, len(context) + digits, loaded.dtype, device)
        self.nats = self._nats(self.model(torch.tensor([context], device=device), cache=self.cache))

    def go_on(self, parents: Tensor, digits: Tensor) -> None:
        """Each of the new beginnings is one that was there and a digit more. parents, digits: (beginnings,)"""
        self.cache = Cache(self.cache.keys[:, parents], self.cache.values[:, parents])
        positions = torch.full((len(parents), 1), self.place, device=digits.device)
        self.nats = self._nats(self.model(self.entries[digits][:, None], positions, cache=self.cache))
        self.place += 1

    def _nats(self, hidden: Tensor) -> Tensor:
        logits = self.model.logits(hidden[:, -1]).float()
        return -logits.log_softmax(-1)[:, self.entries].double()


def _among_drawn(loaded: Loaded, before: str, secret: str, most: int, draw: random.Random) -> Exposure:
    tokenizer, digits = loaded.tokenizer, len(secret)
    drawn = [f"{draw.randrange(10**digits):0{digits}d}" for _ in range(most)]
    context = [*tokenizer.beginning, *tokenizer.encode(before.rstrip())]
    wholes = tokenizer.encode_many([before + one for one in (secret, *drawn)])
    skip = len(context) - len(tokenizer.beginning)
    scores = score(loaded, [Encoded(tuple(context), tuple(ids[skip:])) for ids in wholes])
    own = scores[0].nats
    likelier = sum(one.nats < own for one in scores[1:])
    share = (1 + likelier) / (1 + most)
    bits = min(-math.log2(share), digits * math.log2(10))
    return Exposure(bits, own, share * 10**digits, at_least=likelier == 0)
