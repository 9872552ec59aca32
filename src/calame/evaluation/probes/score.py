"""How likely a model finds targets behind their contexts, in fp32: log-likelihoods, and ranks of first tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from calame.evaluation import score as likelihoods
from calame.evaluation.probes.encode import Encoded
from calame.evaluation.score import Request
from calame.inference.load import Loaded

MOST = 700.0  # nats; exp of more has no place in 64 bits


@dataclass(frozen=True)
class Score:
    """rank: 1 + how many entries are likelier than the target's first token; probability: that token's.

    nats: of all tokens of the target together; top: the likeliest entries (id, probability) in the place of its first.
    """

    rank: int
    probability: float
    nats: float
    tokens: int
    top: tuple[tuple[int, float], ...]

    @property
    def perplexity(self) -> float:
        """exp of the mean nats a token; of a single token 1 / probability. Infinite beyond what a number can hold."""
        mean = self.nats / self.tokens
        return math.exp(mean) if mean < MOST else math.inf


def score(loaded: Loaded, encoded: Sequence[Encoded], top: int = 1) -> list[Score]:
    """A score each, in order; top: how many of the likeliest entries, at least 1."""
    exact = replace(loaded, device=replace(loaded.device, precision="fp32"))
    requests = [Request(part.context, part.target) for part in encoded]
    found = []
    for one, part in zip(likelihoods.score(exact, requests, likeliest=top), encoded, strict=True):
        assert one.first is not None, "it was asked for"
        likeliest = tuple((entry, math.exp(nats)) for entry, nats in one.first.likeliest)
        found.append(Score(one.first.rank, math.exp(one.first.logprob), -one.logprob, len(part.target), likeliest))
    return found
