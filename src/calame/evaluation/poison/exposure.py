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

AT_ONCE = 1 << 15  # tokens of a pass


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
    prefixes = torch.zeros((1, 0), dtype=torch.long, device=wanted.device)  # digits of the beginnings that are followed
    nats = torch.zeros(1, dtype=torch.float64, device=wanted.device)
    stands_for = 1.0  # secrets, each beginning
    for depth in range(len(secret)):
        following = nats[:, None] + _digit_nats(loaded, context, entries, prefixes)
        parents, digits = (following < own).nonzero(as_tuple=True)
        prefixes, nats = torch.cat([prefixes[parents], digits[:, None]], dim=1), following[parents, digits]
        if not len(prefixes):
            break
        if len(prefixes) > most and depth < len(secret) - 1:
            stands_for *= len(prefixes) / most
            kept = torch.tensor(sorted(draw.sample(range(len(prefixes)), most)), device=wanted.device)
            prefixes, nats = prefixes[kept], nats[kept]
    others = (prefixes != wanted[: prefixes.shape[1]]).any(dim=1)  # its own nats may differ by rounding
    rank = 1 + min(stands_for * int(others.sum()), 10.0 ** len(secret) - 1)
    return Exposure(len(secret) * math.log2(10) - math.log2(rank), float(own), rank, exact=stands_for == 1)


def _own_nats(loaded: Loaded, context: list[int], entries: list[int], digits: Tensor) -> Tensor:
    """Nats of a secret, a scalar."""
    steps = [_digit_nats(loaded, context, entries, digits[:k][None])[0, digits[k]] for k in range(len(digits))]
    return torch.stack(steps).sum()


def _digit_nats(loaded: Loaded, context: list[int], entries: list[int], prefixes: Tensor) -> Tensor:
    """prefixes: (beginnings, digits so far) -> (beginnings, 10) nats of each next digit, in fp64."""
    device = loaded.device.torch
    ids, first = torch.tensor(entries, device=device), torch.tensor(context, device=device)
    found = []
    for part in prefixes.split(max(1, AT_ONCE // (len(context) + prefixes.shape[1]))):
        tokens = torch.cat([first.expand(len(part), -1), ids[part]], dim=1)
        logits = loaded.model.logits(loaded.model(tokens)[:, -1]).float()
        found.append(-logits.log_softmax(-1)[:, ids].double())
    return torch.cat(found)


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
