"""One setting tried: prompts continued with it, and what is measured of each generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from calame.evaluation.behaviour.generate import Generation, generate
from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.behaviour.table import CONSISTENCY, rates_of, things_of
from calame.evaluation.behaviour.verdict import judge
from calame.evaluation.decoding.objective import SURPRISE, UNKNOWN
from calame.evaluation.decoding.reference import Reference
from calame.evaluation.decoding.settings import Setting
from calame.evaluation.measured import Measured
from calame.evaluation.probes.encode import Encoded
from calame.evaluation.probes.score import score
from calame.inference.generate import Completion
from calame.inference.load import Loaded

NATS = "nats"
SHOWN = (
    "completion_rate",
    "eos_rate",
    "distinct_2_mean",
    "loop_rate",
    "repeated_4gram_rate",
    "language_switch_rate",
    CONSISTENCY,
)


@dataclass(frozen=True)
class Way:
    """How prompts are continued, whatever the setting. `chat`: each is a user's message, to be answered."""

    limit: int = 64
    seed: int = 0
    chat: bool = False


@dataclass(frozen=True)
class Trial:
    """What a setting made of the prompts. nats: of each generation, a token, under the model as it is; None of an empty
    one."""

    setting: Setting
    generations: tuple[Generation, ...]
    nats: tuple[float | None, ...]

    def as_json(self) -> list[list[Any]]:
        """What cannot be computed again without the model: ids, whether it stopped, nats."""
        return [
            [list(one.completion.ids), one.completion.stopped, nats]
            for one, nats in zip(self.generations, self.nats, strict=True)
        ]

    @staticmethod
    def from_json(setting: Setting, prompts: Sequence[Prompt], rows: Sequence[Any], loaded: Loaded) -> Trial:
        said = [Completion(tuple(ids), loaded.tokenizer.decode(ids), stopped) for ids, stopped, _ in rows]
        generations = tuple(Generation(p, c, judge(c)) for p, c in zip(prompts, said, strict=True))
        return Trial(setting, generations, tuple(nats for *_, nats in rows))


def fitting(loaded: Loaded, prompts: Sequence[Prompt], way: Way) -> tuple[list[Prompt], list[Prompt]]:
    """Prompts behind which `way.limit` tokens have room, and the others: a generation that the context cuts off would
    be held against the setting."""
    room = loaded.model.config.max_position_embeddings - way.limit
    fits = [len(context_of(loaded, prompt, way)) <= room for prompt in prompts]
    return [p for p, fit in zip(prompts, fits, strict=True) if fit], [
        p for p, fit in zip(prompts, fits, strict=True) if not fit
    ]


def context_of(loaded: Loaded, prompt: Prompt, way: Way) -> list[int]:
    turn = [{"role": "user", "content": prompt.text}]
    return loaded.tokenizer.chat(turn) if way.chat else loaded.tokenizer.prompt(prompt.text)


def try_setting(loaded: Loaded, setting: Setting, prompts: Sequence[Prompt], way: Way) -> Trial:
    """Continue every prompt; all of them fit."""
    generations, left_out = generate(loaded, prompts, setting.sampling(way.seed, way.limit), way.chat)
    assert not left_out, "prompts were seen to fit"
    spoken = [n for n, one in enumerate(generations) if one.completion.ids]
    asked = [
        Encoded(tuple(context_of(loaded, generations[n].prompt, way)), generations[n].completion.ids) for n in spoken
    ]
    nats = {n: found.nats / found.tokens for n, found in zip(spoken, score(loaded, asked), strict=True)}
    return Trial(setting, tuple(generations), tuple(nats.get(n) for n in range(len(generations))))


def measure(trial: Trial, reference: Reference) -> Measured:
    """The rates of behaviour (docs/evaluation-behaviour.md), nats a token, and what `reference` lets be said: how far
    these lie above those of text (`surprise`), and the share of unknown words. Things are prompts, strata their
    languages."""
    things, languages = things_of(trial.generations)
    rows = [
        [*rates_of(one, SHOWN), nats, *_beside_text(one, nats, reference)]
        for one, nats in zip(trial.generations, trial.nats, strict=True)
    ]
    beside = [*([SURPRISE] if reference.nats else []), *([UNKNOWN] if reference.words else [])]
    return Measured.of_rows([*SHOWN, NATS, *beside], things, languages, rows)


def _beside_text(one: Generation, nats: float | None, reference: Reference) -> Iterator[float | None]:
    if reference.nats:
        yield None if nats is None else max(nats - reference.nats[one.prompt.language], 0.0)
    if reference.words:
        yield reference.unknown(one.completion.text, one.completion.stopped)
