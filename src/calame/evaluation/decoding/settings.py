"""Settings of the sampler: those that are tried, their names, how simple each is, and their names elsewhere."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from calame.inference.sampling import Sampling
from calame.recipe.errors import Problem, UserError


@dataclass(frozen=True)
class Setting:
    """What the sampler is told. Each value's default is the one that does nothing."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0

    @property
    def name(self) -> str:
        """As `t0.8 k50 p0.95 r1.1`; what does nothing is not in it."""
        marks = (
            ("k", self.top_k),
            ("p", self.top_p if self.top_p < 1 else 0),
            ("m", self.min_p),
            ("r", self.repetition_penalty if self.repetition_penalty != 1 else 0),
            ("n", self.no_repeat_ngram),
        )
        parts = ["greedy" if self.temperature == 0 else f"t{self.temperature:g}"]
        return " ".join([*parts, *(f"{mark}{value:g}" for mark, value in marks if value)])

    @property
    def rules(self) -> int:
        """How many rules are at work beside the temperature."""
        return len(self.name.split()) - 1

    @property
    def raw(self) -> Setting:
        """The same without what hides repetition."""
        return replace(self, repetition_penalty=1.0, no_repeat_ngram=0)

    def plain(self) -> Setting:
        """The same sampler in its shortest form: where the likeliest is taken, no rule about the others matters."""
        return replace(self, top_k=0, top_p=1.0, min_p=0.0) if self.temperature == 0 else self

    def sampling(self, seed: int, limit: int) -> Sampling:
        return Sampling(**asdict(self), seed=seed, limit=limit)

    def for_transformers(self) -> dict[str, Any]:
        """The same under the names of `transformers.GenerationConfig`; what does nothing is left out."""
        named: dict[str, Any] = {"do_sample": self.temperature > 0}
        if self.temperature > 0:
            # Its own defaults are top_k 50, so that an unlimited one has to be said.
            named |= {"temperature": self.temperature, "top_k": self.top_k}
            named |= {"top_p": self.top_p} if self.top_p < 1 else {}
            named |= {"min_p": self.min_p} if self.min_p else {}
        named |= {"repetition_penalty": self.repetition_penalty} if self.repetition_penalty != 1 else {}
        return named | ({"no_repeat_ngram_size": self.no_repeat_ngram} if self.no_repeat_ngram else {})


KNOBS = tuple(field.name for field in fields(Setting))
PRESETS = {
    "default": Setting(0.8, 50, 0.95),  # of `calame generate`
    "balanced": Setting(0.8, 50, 0.95, 0.0, 1.1),  # as 1gpu-llm recommends
    "plain": Setting(),
    "greedy": Setting(0.0),
}
SPACE: dict[str, tuple[float, ...]] = {
    "temperature": (0.6, 0.7, 0.8, 0.9, 1.0),
    "top_k": (0, 50),
    "top_p": (0.9, 0.95, 1.0),
    "min_p": (0.0, 0.05),
    "repetition_penalty": (1.0, 1.1, 1.2),
    "no_repeat_ngram": (0, 3, 4),
}


def grid(space: Mapping[str, Sequence[float]]) -> list[Setting]:
    """Every combination of the values, each sampler once; a knob without values is left as it is."""
    combined = itertools.product(*(space[knob] for knob in space))
    return _once(_setting(dict(zip(space, values, strict=True))) for values in combined)


def draw(space: Mapping[str, Sequence[float]], number: int, seed: int) -> list[Setting]:
    """So many different settings of the grid, drawn by lot (Bergstra & Bengio 2012: where few knobs matter, a lot finds
    better ones than a coarse grid); all of them where there are no more."""
    whole = grid(space)
    return whole if number >= len(whole) else random.Random(seed).sample(whole, number)


def with_presets(settings: Iterable[Setting]) -> list[Setting]:
    """The presets first: whatever is drawn is held against them."""
    return _once([*PRESETS.values(), *settings])


def _setting(values: Mapping[str, float]) -> Setting:
    whole: dict[str, Any] = {knob: int(v) if knob in ("top_k", "no_repeat_ngram") else v for knob, v in values.items()}
    return Setting(**whole).plain()


def _once(settings: Iterable[Setting]) -> list[Setting]:
    return list(dict.fromkeys(settings))


def parse_space(given: Mapping[str, str | None]) -> dict[str, tuple[float, ...]]:
    """Values by knob as they are written on the command line, `0.6,0.8`; the default ones where none are given.

    Raises `UserError` for every knob whose values mean nothing."""
    space, problems = dict(SPACE), []
    for knob, text in given.items():
        if text is None:
            continue
        where = f"--{knob.replace('_', '-')}"
        try:
            space[knob] = tuple(float(value) for value in text.split(","))
        except ValueError:
            problems.append(Problem(where, f"{text!r} are no numbers", "numbers with commas between, as 0.6,0.8"))
            continue
        for value in space[knob]:
            if knob in ("top_k", "no_repeat_ngram") and not value.is_integer():
                problems.append(Problem(where, f"{value:g}", "whole numbers"))
                continue
            try:
                _setting({knob: value}).sampling(0, 1).check()
            except UserError as error:
                problems += [Problem(where, problem.found, problem.allowed) for problem in error.problems]
    if problems:
        raise UserError(problems)
    return space
