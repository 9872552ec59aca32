"""A request: one prompt to be continued, and what came of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream
from calame.recipe.errors import refuse


@dataclass(frozen=True)
class Logprob:
    """How likely a token was, nats, and the likeliest at its place by id."""

    chosen: float
    top: dict[int, float]


@dataclass(eq=False)
class Request:
    """A prompt, how it is continued, and its answer's `ids`, the stop id that ended it among them.

    limit: most new tokens that the sampling and the model's positions allow. repeat: how many requests of the same
    prompt and seed stand before it, which draw other numbers. stream: turns ids into `text`, where that is wanted as it
    comes. top: so many logprobs are wanted beside the token's own, or None. stopped: it ended by itself, by a stop id
    or a stop string. ended: so, at the limit, or given up. coming: tokens that were launched, at least so many."""

    prompt: Sequence[int]
    sampling: Sampling
    stop_ids: Sequence[int]
    limit: int
    repeat: int = 0
    stream: TextStream | None = None
    top: int | None = None
    text: str = ""
    ids: list[int] = field(default_factory=list)
    logprobs: list[Logprob] = field(default_factory=list)
    stopped: bool = False
    ended: bool = False
    coming: int = 0

    @staticmethod
    def of(loaded: Loaded, prompt: Sequence[int], sampling: Sampling, **others: Any) -> Request:
        """With the tokenizer's stop ids. Raises `UserError` for a prompt that is empty, names tokens the model does
        not have, or leaves no position free, and for a senseless sampling."""
        sampling.check()
        room, entries = loaded.model.config.max_position_embeddings, loaded.model.config.vocab_size
        if not prompt:
            raise refuse("prompt", "empty", "at least a token")
        if strange := [token for token in (min(prompt), max(prompt)) if not 0 <= token < entries]:
            raise refuse("prompt", f"token {strange[0]}", f"0 to {entries - 1}, the model's vocabulary")
        if len(prompt) >= room:
            allowed = f"at most {room - 1}, the model's context less one"
            raise refuse("prompt", f"{len(prompt)} tokens", allowed, "shorten it")
        limit = min(sampling.limit, room - len(prompt))
        return Request(list(prompt), sampling, loaded.tokenizer.special.stops, limit, **others)

    @property
    def length(self) -> int:
        """Tokens so far, prompt and answer."""
        return len(self.prompt) + len(self.ids)

    @property
    def most(self) -> int:
        """Tokens that it may have in the end."""
        return len(self.prompt) + self.limit

    @property
    def said(self) -> list[int]:
        """The answer's ids without the stop id."""
        return self.ids[:-1] if self.ids and self.ids[-1] in self.stop_ids else self.ids

    def noise(self) -> np.ndarray:
        """(limit,) fp32 in [0, 1): the number by which each new token is drawn. The same on every device."""
        identity = [self.sampling.seed, self.repeat, len(self.prompt), *self.prompt]
        return np.random.default_rng(identity).random(self.limit, np.float32)

    def take(self, token: int, logprob: Logprob | None = None) -> None:
        """The next token of the answer."""
        self.ids.append(token)
        if logprob is not None:
            self.logprobs.append(logprob)
        self.stopped = token in self.stop_ids
        if self.stream and not self.stopped:
            self.text += self.stream.add(token)
            self.stopped = self.stream.stopped
        over = self.stopped or len(self.ids) >= self.limit
        if self.stream and over:
            self.text += self.stream.finish()
            self.stopped |= self.stream.stopped
        if over:  # and never set back: another thread may have given the request up meanwhile
            self.ended = True
