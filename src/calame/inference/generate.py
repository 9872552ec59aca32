"""Generation: read the prompt once, then a token at a time from the cache, until a stop token or the limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.inference.load import Loaded
from calame.model.cache import Cache
from calame.recipe.errors import refuse


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. temperature 0: always the likeliest. top_k 0 and top_p 1: no limit."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    limit: int = 128  # new tokens

    def check(self) -> None:
        """Raises `UserError` for values without meaning."""
        for name, ok, allowed in (
            ("temperature", self.temperature >= 0, "0 or more"),
            ("top_k", self.top_k >= 0, "0 or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
            ("limit", self.limit > 0, "1 or more"),
        ):
            if not ok:
                raise refuse(name, f"{getattr(self, name)}", allowed)


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """logits: (batch, vocab) fp32 -> (batch,) ids."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    if sampling.top_k:
        least = logits.topk(min(sampling.top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if sampling.top_p < 1:
        ranked, order = logits.sort(descending=True)
        before = ranked.softmax(-1).cumsum(-1) - ranked.softmax(-1)
        dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(1, order, before >= sampling.top_p)
        logits = logits.masked_fill(dropped, -torch.inf)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]


@torch.no_grad()
def stream_ids(loaded: Loaded, prompts: Sequence[Sequence[int]], sampling: Sampling) -> Iterator[list[int]]:
    """New ids for prompts of one length, a step at a time, one per prompt; a prompt that has ended repeats its stop id.

    Ends when all prompts have ended, at the limit, or where the model's positions end. Raises `UserError` for a prompt
    that leaves no position free.
    """
    sampling.check()
    model, device = loaded.model, loaded.device.torch
    length = len(prompts[0])
    room = model.config.max_position_embeddings
    if length >= room:
        raise refuse("prompt", f"{length} tokens", f"at most {room - 1}, the model's context less one", "shorten it")
    limit = min(sampling.limit, room - length)
    stops = torch.tensor(loaded.tokenizer.special.stops, device=device)
    generator = torch.Generator(device=device).manual_seed(sampling.seed)
    cache = Cache(model.config, len(prompts), length + limit, torch.float32, device)
    tokens = torch.tensor([list(prompt) for prompt in prompts], device=device)
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    last = torch.zeros(len(prompts), dtype=torch.long, device=device)
    for _ in range(limit):
        hidden = model(tokens, cache=cache)[:, -1]
        chosen = choose(model.logits(hidden).float(), sampling, generator)
        last = torch.where(ended, last, chosen)
        yield last.tolist()
        ended = ended | torch.isin(chosen, stops)
        if bool(ended.all()):
            return
        tokens = last[:, None]


@dataclass(frozen=True)
class Completion:
    """What came after a prompt, without its stop token. `stopped`: it ended by itself and not at the limit."""

    ids: tuple[int, ...]
    text: str
    stopped: bool


def complete(
    loaded: Loaded, prompts: Sequence[Sequence[int]], sampling: Sampling, at_once: int = 64
) -> list[Completion]:
    """Complete many prompts; those of equal length go together, so that nothing is padded."""
    found: dict[int, Completion] = {}
    by_length: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(number)
    for numbers in by_length.values():
        for start in range(0, len(numbers), at_once):
            group = numbers[start : start + at_once]
            steps = list(stream_ids(loaded, [prompts[n] for n in group], sampling))
            found |= {n: _finish(loaded, [step[k] for step in steps]) for k, n in enumerate(group)}
    return [found[number] for number in range(len(prompts))]


def _finish(loaded: Loaded, ids: list[int]) -> Completion:
    stops = loaded.tokenizer.special.stops
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    kept = ids if end is None else ids[:end]
    return Completion(tuple(kept), loaded.tokenizer.decode(kept), end is not None)


def stream_text(loaded: Loaded, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
    """The text of one completion as it comes; a character is held back until all its bytes are there. (A run of single
    bytes is read as a whole: one that is wrong spoils those before it, so that none is shown before the run's end.)"""
    ids: list[int] = []
    shown = ""
    for (token,) in stream_ids(loaded, [prompt], sampling):
        if token in loaded.tokenizer.special.stops:
            break
        ids.append(token)
        text = loaded.tokenizer.decode(ids)
        unfinished = text.endswith("\ufffd") or loaded.tokenizer.is_byte(token)
        if not unfinished and text.startswith(shown):
            yield text[len(shown) :]
            shown = text
    rest = loaded.tokenizer.decode(ids)[len(shown) :]
    if rest:
        yield rest
