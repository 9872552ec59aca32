"""A running batch: requests that generate side by side over static caches. They join and leave between two passes.

The requests that run are rows 0, 1, 2...; when one leaves, the last takes its place. What a row's next token depends on
(its prompt, its answer so far, its sampling, its own random numbers) is its own, so that a request's answer does not
depend on its neighbours. On a CUDA device a pass is launched before the tokens of the one before it are read, so that
the device never waits for the processor; what was launched for a request that turns out to have ended is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from calame.inference.graphs import Graphs
from calame.inference.load import Loaded
from calame.inference.reader import Reader
from calame.inference.request import Request
from calame.inference.rows import Chosen, Rows
from calame.inference.sampling import Needs, Sampling, rounded
from calame.inference.speculative import AHEAD, Draft, advance, check_draft

PREFILL = 8192  # tokens of prompts, with what fills them up, that are read in one pass: bounds its memory


@dataclass(frozen=True)
class Launched:
    """A pass whose tokens are on their way. ready: None where nothing is to be waited for."""

    requests: list[Request]
    chosen: Chosen
    ready: Any


class Batch:
    """Rows for so many requests of at most `size` tokens, prompt and answer together.

    draft: a smaller model that proposes `ahead` tokens in each pass. Raises `UserError` if it reads other tokens."""

    def __init__(self, loaded: Loaded, rows: int, size: int, draft: Loaded | None = None, ahead: int = AHEAD):
        if draft is not None:
            check_draft(loaded, draft)
        self.device, self.rows, self.size = loaded.device.torch, rows, size
        self.vocabulary = loaded.model.config.vocab_size
        self.state = Rows(rows, size, self.device)
        self.model = Reader(loaded, rows, size)
        self.draft = Draft(Reader(draft, rows, size), ahead) if draft is not None else None
        self.graphs = Graphs(self.state, self.model, self.draft) if self.device.type == "cuda" else None
        self.running: list[Request] = []
        self.launched: deque[Launched] = deque()
        self.proposed = self.accepted = 0  # tokens of the draft

    @property
    def free(self) -> int:
        return self.rows - len(self.running)

    @torch.no_grad()
    def join(self, requests: Sequence[Request]) -> None:
        """Read prompts into free rows; each request's first token comes with it, or with the next `step`."""
        assert len(requests) <= self.free
        for part in _parts(requests):
            first = len(self.running)
            self.running += part
            rows = slice(first, len(self.running))
            tokens = self.state.enter(part, first)
            logits = self.model.begin(tokens, self.state.lengths[rows], first)
            if self.draft is not None:
                self.draft.reader.begin(tokens, self.state.lengths[rows], first)
            self._note(part, self.state.settle(rows, logits, self._needs(part)))
        if self.graphs is None:
            self._collect(0)

    @torch.no_grad()
    def step(self) -> None:
        """The next token of each running request, with a draft the next few: launched, and those of the pass before
        read; without a CUDA device, done."""
        self._drop_ended()
        wanting = any(request.coming < request.limit for request in self.running)
        if wanting:
            self._note(self.running, self._launch())
        self._collect(1 if wanting and self.graphs is not None else 0)

    def warm(self) -> None:
        """Build and record now what the first requests would wait for."""
        if self.graphs is None:
            return
        request = Request([0], Sampling(limit=1), (), 1)
        self.join([request])
        self.step()
        rows = 1
        while rows < 2 * self.rows:
            for sampling in (Sampling(), Sampling(temperature=1.0, top_k=50)):
                self.graphs.advance(min(rows, self.rows), Needs.of([sampling], self.vocabulary))
            rows *= 2

    def _launch(self) -> Chosen:
        rows, needs = len(self.running), self._needs(self.running)
        if self.graphs is not None:
            return self.graphs.advance(rows, needs)
        longest = max(request.length for request in self.running) + (self.draft.ahead if self.draft else 0)
        return advance(self.state, self.model, self.draft, rows, needs, min(longest, self.size))

    def _needs(self, requests: Sequence[Request]) -> Needs:
        needs = Needs.of([request.sampling for request in requests], self.vocabulary)
        asked = [request.top for request in requests if request.top is not None]
        return replace(needs, top=min(rounded(max(asked)), self.vocabulary)) if asked else needs

    def _note(self, requests: Sequence[Request], chosen: Chosen) -> None:
        """Send what was chosen home, and remember for whom it is."""
        ready = None
        if self.device.type == "cuda":
            chosen, ready = chosen.home(), torch.cuda.Event()
            ready.record()
        for request in requests:
            request.coming += 1
        self.launched.append(Launched(list(requests), chosen, ready))

    def _collect(self, keep: int) -> None:
        """Hand out the tokens of all launched passes but the last `keep`, and drop those who have ended."""
        while len(self.launched) > keep:
            launched = self.launched.popleft()
            if launched.ready is not None:
                launched.ready.synchronize()
            self._hand_out(launched)
        self._drop_ended()

    def _hand_out(self, launched: Launched) -> None:
        chosen = launched.chosen
        ahead = chosen.tokens.shape[1] - 1
        for row, (request, tokens, count) in enumerate(
            zip(launched.requests, chosen.tokens.tolist(), chosen.counts.tolist(), strict=False)
        ):
            if request.ended:
                continue
            self.proposed, self.accepted = self.proposed + ahead, self.accepted + count - 1
            request.coming += count - 1
            for place, token in enumerate(tokens[:count]):
                if not request.ended:
                    request.take(token, chosen.logprob(row, place, request.top))

    def _drop_ended(self) -> None:
        for row in reversed(range(len(self.running))):
            if self.running[row].ended:
                self._leave(row)

    def _leave(self, row: int) -> None:
        last = len(self.running) - 1
        if row < last:
            self.model.cache.move(last, row)
            if self.draft is not None:
                self.draft.reader.cache.move(last, row)
        self.state.leave(row, last)
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
