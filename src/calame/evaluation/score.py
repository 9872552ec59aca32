"""Log-likelihoods of continuations: what every benchmark that compares answers is made of.

Requests go through the model together: equal ones once, beginnings that several share once (`forest.py`), logits of
the scored positions alone. What is exact: the function is that of one sequence at a time, whatever it was packed with;
the order of sums is not, so that scores agree to rounding, about 1e-5 nats a token in fp32 and 1e-2 in bf16. Logits
and their log-softmax are computed in fp32 whatever the blocks compute in; tokens are summed in fp64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from calame.evaluation.forest import Ids, Planted, Row, plant
from calame.inference.load import Loaded
from calame.model.attention import Span
from calame.model.loss import positions_at_once
from calame.recipe.errors import refuse

AT_ONCE = {"cuda": 32_768, "mps": 8_192, "cpu": 2_048}  # tokens that go through the model together
LEAST_ROOM, MOST_ROOM = 512, 4096  # tokens of a row: attention's cost grows with it, repeated beginnings shrink


@dataclass(frozen=True)
class Request:
    """Ids that are given, at least one, and ids whose probability is asked after them."""

    context: Sequence[int]
    continuation: Sequence[int]


@dataclass(frozen=True)
class First:
    """Of a continuation's first token: rank, 1 for the likeliest entry of the vocabulary; logprob in nats; and the
    likeliest entries in its place (id, nats)."""

    rank: int
    logprob: float
    likeliest: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Score:
    """logprob: nats, summed over the continuation. greedy: each of its tokens is the likeliest one. cut: tokens of the
    context that did not fit, taken away from its beginning. first: only where it was asked for."""

    logprob: float
    greedy: bool
    cut: int
    first: First | None = None


@dataclass(frozen=True)
class _Asked:
    """What the model reads for a request, and the tokens that are scored, the last ones it predicts."""

    read: Ids
    targets: Ids
    cut: int


def score(
    loaded: Loaded,
    requests: Sequence[Request],
    done: Callable[[int], object] = lambda requests: None,
    likeliest: int = 0,
) -> list[Score]:
    """The scores of all requests, in their order; `done` is told how many have been scored since it was last told.
    likeliest: more than 0 asks for what is known of the continuations' first tokens, with so many entries.

    A context that is too long loses its beginning, as in lm-evaluation-harness. Raises `UserError` for a continuation
    that is longer than the model's context."""
    longest = loaded.model.config.max_position_embeddings
    asked = [_fitted(request, longest) for request in requests]
    places: dict[Ids, list[int]] = {}
    for place, part in enumerate(asked):
        places.setdefault(part.read, []).append(place)
    rows = list(plant(list(places), _room(places)))
    sums, greedy = np.zeros(len(asked)), np.ones(len(asked), bool)
    firsts: dict[int, First] = {}
    for group in _groups(rows, loaded.device.torch.type):
        scored = _score_rows(loaded, group, asked, places, likeliest)
        np.add.at(sums, scored.owners, scored.logprobs)
        np.logical_and.at(greedy, scored.owners, scored.greedy)
        firsts |= scored.firsts
        done(len(np.unique(scored.owners)))
    return [
        Score(float(sums[place]), bool(greedy[place]), part.cut, firsts.get(place)) for place, part in enumerate(asked)
    ]


def _fitted(request: Request, longest: int) -> _Asked:
    """As the `hf` class of lm-evaluation-harness does it: the last `longest` tokens before the last one are read."""
    whole, number = (*request.context, *request.continuation), len(request.continuation)
    assert len(request.context) and number, "a request has a context and a continuation"
    if number > longest:
        raise refuse("continuation", f"{number} tokens, and the model reads {longest}", f"at most {longest} tokens")
    cut = max(0, len(whole) - longest - 1)
    return _Asked(whole[cut:-1], whole[-number:], cut)


def _room(sequences: dict[Ids, list[int]]) -> int:
    """Tokens of a row: a few times the longest sequence, so that several can share its beginning."""
    longest = max(map(len, sequences), default=1)
    return max(longest, min(MOST_ROOM, max(LEAST_ROOM, 3 * longest)))


def _groups(rows: Sequence[Row], kind: str) -> list[list[Row]]:
    """Rows that go through the model together, as many as the device digests, padding counted."""
    groups: list[list[Row]] = []
    widest = 0
    for row in sorted(rows, key=len, reverse=True):
        if not groups or (len(groups[-1]) + 1) * widest > AT_ONCE[kind]:
            groups.append([])
            widest = len(row)
        groups[-1].append(row)
    return groups


@dataclass(frozen=True)
class _Scored:
    """Of each scored token the request, its log-probability in nats, whether it is the likeliest one; and of requests
    what is known of their first tokens."""

    owners: np.ndarray
    logprobs: np.ndarray
    greedy: np.ndarray
    firsts: dict[int, First]


@torch.no_grad()
def _score_rows(
    loaded: Loaded, rows: Sequence[Row], asked: Sequence[_Asked], places: dict[Ids, list[int]], likeliest: int
) -> _Scored:
    planted = Planted.of(rows, loaded.device.torch)
    time = planted.tokens.shape[1]
    owners, wheres, targets, begins = [], [], [], []
    for number, row in enumerate(rows):
        for sequence, path in row.paths.items():
            for place in places[sequence]:
                wanted = asked[place].targets
                owners.append(np.full(len(wanted), place))
                wheres.append(number * time + path[-len(wanted) :])
                targets.append(np.array(wanted))
                begins.append(np.arange(len(wanted)) == 0)
    owner, where, target, begin = (np.concatenate(part) for part in (owners, wheres, targets, begins))
    order = np.argsort(where, kind="stable")
    owner, where, target, begin = owner[order], where[order], target[order], begin[order]
    with loaded.device.autocast():
        hidden = loaded.model(planted.tokens, planted.positions, Span(planted.mask())).flatten(0, 1)
    head = loaded.model.head
    logprobs, greedy = token_scores(hidden, head, where, target)
    found = first_tokens(hidden, head, where[begin], target[begin], likeliest) if likeliest else []
    return _Scored(owner, logprobs, greedy, dict(zip(owner[begin].tolist(), found, strict=False)))


def token_scores(hidden: Tensor, head: Tensor, where: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log p(target) in nats at each place, and whether the target is the likeliest token there.

    hidden: (positions, hidden_size); head: (vocab_size, hidden_size); where: (scored,) ascending places in `hidden`,
    some of them several times; target: (scored,) ids. Returns (scored,) fp32 and (scored,) bool."""
    values, hits = [], []
    for logits, row, wanted in _logits(hidden, head, where, target):
        values.append(logits[row, wanted] - logits.logsumexp(-1)[row])
        hits.append(logits.argmax(-1)[row] == wanted)
    return torch.cat(values).cpu().numpy(), torch.cat(hits).cpu().numpy()


def first_tokens(hidden: Tensor, head: Tensor, where: np.ndarray, target: np.ndarray, likeliest: int) -> list[First]:
    """What is known of each target, given as in `token_scores`, in the same order."""
    found = []
    for logits, row, wanted in _logits(hidden, head, where, target):
        own, logs = logits[row, wanted], logits - logits.logsumexp(-1, keepdim=True)
        better = torch.stack([(logits[place] > value).sum() for place, value in zip(row, own, strict=True)])
        top = logs.topk(min(likeliest, logs.shape[-1]))
        both = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        entries = [tuple(zip(ids, values, strict=True)) for ids, values in both]
        parts = zip((better + 1).tolist(), logs[row, wanted].tolist(), row.tolist(), strict=True)
        found += [First(rank, logprob, entries[place]) for rank, logprob, place in parts]
    return found


def _logits(
    hidden: Tensor, head: Tensor, where: np.ndarray, target: np.ndarray
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """fp32 logits (places, vocab_size) of some of the places at a time, each once; for the targets at these the row in
    them, and the id."""
    needed, of_needed = np.unique(where, return_inverse=True)
    step = positions_at_once(head)
    for start in range(0, len(needed), step):
        first, last = np.searchsorted(of_needed, (start, start + step))
        chosen, row, wanted = (
            torch.from_numpy(array).to(hidden.device)
            for array in (needed[start : start + step], of_needed[first:last] - start, target[first:last])
        )
        yield hidden[chosen].float() @ head.float().T, row, wanted
