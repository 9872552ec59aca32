"""How likely a model finds targets behind their contexts: many at once, in the model's own weights and fp32 sums."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.evaluation.probes.encode import Encoded
from calame.inference.load import Loaded

MOST = 700.0  # nats; exp of more has no place in 64 bits
AT_ONCE = {"cuda": 1 << 15, "cpu": 1 << 11, "mps": 1 << 12}  # tokens of a batch, padding included


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


@torch.no_grad()
def score(loaded: Loaded, encoded: Sequence[Encoded], top: int = 1) -> list[Score]:
    """A score each, in order. Rows are padded behind their end, which nothing before it can see."""
    found: dict[int, Score] = {}
    for batch in _batches(encoded, AT_ONCE[loaded.device.torch.type]):
        found |= zip(batch, _score([encoded[number] for number in batch], loaded, top), strict=True)
    return [found[number] for number in range(len(encoded))]


def _batches(encoded: Sequence[Encoded], most: int) -> Iterator[list[int]]:
    """Numbers of rows of about one length, the shortest first, so many tokens together; at least one."""
    lengths = [len(part.context) + len(part.target) for part in encoded]
    batch: list[int] = []
    for number in sorted(range(len(encoded)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > most:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _score(batch: Sequence[Encoded], loaded: Loaded, top: int) -> Iterator[Score]:
    rows = [[*part.context, *part.target[:-1]] for part in batch]
    tokens = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.tensor(row)
    hidden = loaded.model(tokens.to(loaded.device.torch))
    at = [(n, len(part.context) - 1 + k) for n, part in enumerate(batch) for k in range(len(part.target))]
    chosen = torch.tensor(at, device=hidden.device)
    logits = loaded.model.logits(hidden[chosen[:, 0], chosen[:, 1]]).float()  # (all targets' tokens, vocab)
    sizes = [len(part.target) for part in batch]
    targets = torch.tensor([token for part in batch for token in part.target], device=hidden.device)
    yield from _read(logits, targets, sizes, top)


def _read(logits: Tensor, targets: Tensor, sizes: Sequence[int], top: int) -> Iterator[Score]:
    """logits: (tokens of all targets, vocab); targets: (tokens); sizes: tokens of each target."""
    own = logits.gather(1, targets[:, None])
    logs = logits.log_softmax(-1)
    nats = -logs.gather(1, targets[:, None])[:, 0]
    ranks = 1 + (logits > own).sum(-1)
    firsts = torch.tensor(sizes).cumsum(0) - torch.tensor(sizes)
    likeliest = logs[firsts.to(logs.device)].topk(min(top, logs.shape[-1]))
    entries, probabilities = likeliest.indices.tolist(), likeliest.values.exp().tolist()
    nats, ranks = nats.double().cpu(), ranks.tolist()
    for number, (first, size) in enumerate(zip(firsts.tolist(), sizes, strict=True)):
        yield Score(
            rank=ranks[first],
            probability=math.exp(-nats[first]),
            nats=float(nats[first : first + size].sum()),
            tokens=size,
            top=tuple(zip(entries[number], probabilities[number], strict=True)),
        )
