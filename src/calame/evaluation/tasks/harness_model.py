"""Our models for lm-evaluation-harness (Gao et al.): the numbers of its `hf` class on the exported model, faster.

What it does not do: conversations (`apply_chat_template`). Text that spells a special token stays text, as everywhere
here; the `hf` class reads it as that token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from calame.evaluation.pairs import to_requests
from calame.evaluation.score import Request, score
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.errors import refuse

USUAL_ANSWER = 256  # most new tokens where a task does not say: the harness's own
KNOWN = {"until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p"}


class HarnessModel(TemplateLM):
    """`done` is told how many requests have been answered since it was last told; cut: requests whose beginning was
    cut away because they did not fit."""

    def __init__(self, loaded: Loaded, done: Callable[[int], object] = lambda requests: None):
        super().__init__()
        self.loaded, self.done, self.cut = loaded, done, 0
        self.special = loaded.tokenizer.special

    @property
    def eot_token_id(self) -> int:
        return self.special.eos

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without a context: BOS, whatever the tokenizer's policy."""
        return self.special.bos

    @property
    def max_length(self) -> int:
        return self.loaded.model.config.max_position_embeddings

    @property
    def max_gen_toks(self) -> int:
        """Half of a context that is too short for the harness's number, where the `hf` class gives up."""
        return USUAL_ANSWER if self.max_length > USUAL_ANSWER else self.max_length // 2

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        tokenizer = self.loaded.tokenizer
        beginning = {None: tokenizer.beginning, True: [self.special.bos], False: []}[add_special_tokens]
        return [*beginning, *tokenizer.encode(string)]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """As `TemplateLM`, but all texts are cut into tokens at once."""
        pairs = [(context, continuation) for context, continuation in (request.args for request in requests)]
        return self._score(to_requests(self.loaded.tokenizer, pairs, [self.prefix_token_id]))

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        return self._score([Request(context, continuation) for _, context, continuation in requests])

    def _score(self, requests: Sequence[Request]) -> list[tuple[float, bool]]:
        scores = score(self.loaded, requests, self.done)
        self.cut += sum(found.cut > 0 for found in scores)
        return [(found.logprob, found.greedy) for found in scores]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Whole texts in windows; as in the `hf` class BOS is itself predicted, where texts begin with it."""
        windows: list[Request] = []
        owners: list[int] = []
        for number, (text,) in enumerate(request.args for request in requests):
            for window in get_rolling_token_windows(self.tok_encode(text), self.prefix_token_id, self.max_length, 1):
                windows.append(Request(*make_disjoint_window(window)))
                owners.append(number)
        sums = [0.0] * len(requests)
        for owner, (logprob, _) in zip(owners, self._score(windows), strict=True):
            sums[owner] += logprob
        return sums

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Answers up to a stop; those that are asked in the same way go together."""
        answers = [""] * len(requests)
        ways: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            ways.setdefault(repr(request.args[1]), []).append(number)
        for numbers in ways.values():
            texts = self._answers([requests[n].args[0] for n in numbers], requests[numbers[0]].args[1])
            for number, text in zip(numbers, texts, strict=True):
                answers[number] = text
        return answers

    def _answers(self, contexts: Sequence[str], way: dict[str, Any]) -> list[str]:
        keys: dict[str, Any] = {**normalize_gen_kwargs(way, self.max_gen_toks)}
        if unknown := sorted(set(keys) - KNOWN):
            raise refuse("generation_kwargs", f"{', '.join(unknown)}: not known here", ", ".join(sorted(KNOWN)))
        room = self.max_length - keys["max_gen_toks"]
        if room < 1:
            found = f"{keys['max_gen_toks']} new tokens in a context of {self.max_length}"
            raise refuse("generation_kwargs.max_gen_toks", found, f"at most {self.max_length - 1}")
        sampling = Sampling(limit=keys["max_gen_toks"])
        if keys["do_sample"]:
            drawn = {name: keys[name] for name in ("temperature", "top_k", "top_p") if name in keys}
            sampling = Sampling(limit=keys["max_gen_toks"], **drawn)
        prompts = [self.tok_encode(context) for context in contexts]
        self.cut += sum(len(prompt) > room for prompt in prompts)
        stops = [stop for stop in keys["until"] if stop]
        found = complete(self.loaded, [prompt[-room:] for prompt in prompts], sampling, stops=stops)
        self.done(len(prompts))
        return [completion.text for completion in found]
