"""Generation: prompts are read once, then a token at a time from the cache, until a stop or the limit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from calame.inference.batch import Batch
from calame.inference.load import Loaded
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream

JOINING = 4  # new requests join when one row in so many is free: prompts are read several at once


@dataclass(frozen=True)
class Completion:
    """What came after a prompt: ids without the stop id; text, which ends before a stop string.
    `stopped`: it ended by itself and not at the limit."""

    ids: tuple[int, ...]
    text: str
    stopped: bool


def complete(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    at_once: int = 64,
    stops: Sequence[str] = (),
    done: Callable[[int], object] = lambda prompts: None,
) -> list[Completion]:
    """Complete many prompts of any lengths, at most `at_once` side by side. `stops`: strings that end an answer, beside
    the tokenizer's stop ids; `done` is told how many have ended since it was last told. An answer depends neither on
    the other prompts nor on `at_once`; equal prompts draw different numbers. Raises `UserError` for a prompt that
    leaves no position free."""
    requests = _requests(loaded, prompts, sampling, stops)
    told = 0
    for _ in run(_batch(loaded, requests, at_once), requests):
        ended = sum(request.ended for request in requests)
        done(ended - told)
        told = ended
    texts = [r.text if r.stream else loaded.tokenizer.decode(r.said) for r in requests]
    return [Completion(tuple(r.said), text, r.stopped) for r, text in zip(requests, texts, strict=True)]


def stream_ids(loaded: Loaded, prompts: Sequence[Sequence[int]], sampling: Sampling) -> Iterator[list[int]]:
    """New ids of prompts side by side, a step at a time, one per prompt; a prompt that has ended repeats its last id.

    Ends when all prompts have ended, at the limit, or where the model's positions end. Raises `UserError` for a prompt
    that leaves no position free.
    """
    requests = _requests(loaded, prompts, sampling)
    told = 0
    for _ in run(_batch(loaded, requests, len(requests)), requests):
        while any(len(r.ids) > told for r in requests) and all(len(r.ids) > told or r.ended for r in requests):
            yield [r.ids[min(told, len(r.ids) - 1)] for r in requests]
            told += 1


def run(batch: Batch, requests: Sequence[Request]) -> Iterator[None]:
    """Continue requests until all have ended, and come back after each pass. The longest prompts go first, so that
    those read together are of like length."""
    waiting = deque(sorted(requests, key=lambda request: -len(request.prompt)))
    while waiting or batch.running:
        if waiting and batch.free >= min(len(waiting), -(-batch.rows // JOINING)):
            batch.join([waiting.popleft() for _ in range(min(batch.free, len(waiting)))])
        else:
            batch.step()
        yield


def _batch(loaded: Loaded, requests: Sequence[Request], at_once: int) -> Batch:
    """For requests of these lengths, `at_once` of them side by side."""
    most = max((request.most for request in requests), default=1)
    return Batch(loaded, max(1, min(at_once, len(requests))), most)


def _requests(
    loaded: Loaded, prompts: Sequence[Sequence[int]], sampling: Sampling, stops: Sequence[str] = ()
) -> list[Request]:
    seen: Counter[tuple[int, ...]] = Counter()
    requests = []
    for prompt in map(tuple, prompts):
        stream = TextStream(loaded.tokenizer, stops) if stops else None
        requests.append(Request.of(loaded, prompt, sampling, repeat=seen[prompt], stream=stream))
        seen[prompt] += 1
    return requests
