"""How a model is spoken with: as the user asks, else as is recommended for it, else by default. And said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from calame.inference.sampling import Sampling
from calame.recipe.errors import Problem, UserError, refuse
from calame.run.files import read_json

FILE = "generation_config.json"
NAMES = {  # of `transformers.GenerationConfig`: ours
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "no_repeat_ngram_size": "no_repeat_ngram",
    "max_new_tokens": "limit",
}
DRAWN = {"temperature": 1.0, "top_k": 50, "top_p": 1.0, "min_p": 0.0}  # its own defaults, where do_sample is on
WHOLE = ("top_k", "seed", "limit", "no_repeat_ngram")
NOTHING = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, "no_repeat_ngram": 0}


@dataclass(frozen=True)
class Decoding:
    """A sampling, and where it is from. source: what recommends it, or None for defaults; asked: names of the values
    that the user gave."""

    sampling: Sampling
    source: str | None = None
    asked: tuple[str, ...] = ()

    @staticmethod
    def of(asked: Mapping[str, Any], found: Mapping[str, Any], source: str | None, defaults: Sampling) -> Decoding:
        """asked: None where the user gave no value; found: the recommended values. Raises `UserError` for senseless
        values, naming who gave them."""
        given = {name: value for name, value in asked.items() if value is not None}
        recommended = replace(defaults, **found)
        try:
            recommended.check()
        except UserError as error:
            raise UserError([replace(p, where=f"{source}: {p.where}") for p in error.problems]) from None
        sampling = replace(recommended, **given)
        sampling.check()
        return Decoding(sampling, source if found else None, tuple(given))

    def __str__(self) -> str:
        """Its values; those that do nothing are left out."""
        return in_words(self.sampling)


def in_words(sampling: Sampling) -> str:
    values = {field.name: getattr(sampling, field.name) for field in fields(sampling)}
    shown = [f"{name} {value:g}" for name, value in values.items() if value != NOTHING.get(name)]
    greedy = ("top_k", "top_p", "min_p", "seed")  # what a greedy choice never looks at
    return ", ".join(text for text in shown if sampling.temperature > 0 or not text.startswith(greedy))


def recommended_in(folder: Path) -> dict[str, Any]:
    """What a Hugging Face folder recommends, under our names; nothing where it has no generation configuration.

    As `transformers` reads it: without do_sample the likeliest token is taken, whatever else is there. Raises
    `UserError` for a file that is no configuration."""
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        written = read_json(file)
    except ValueError:
        raise refuse(str(file), "no JSON", "as transformers writes it", "mend or remove it") from None
    if not isinstance(written, dict):
        raise refuse(str(file), "no JSON object", "as transformers writes it", "mend or remove it")
    values = {name: written[name] for name in NAMES if written.get(name) is not None}
    wrong = [name for name, v in values.items() if isinstance(v, bool) or not isinstance(v, int | float)]
    wrong += [name for name in values if NAMES[name] in WHOLE and name not in wrong and values[name] % 1]
    if wrong:
        raise UserError(
            [Problem(f"{file}: {name}", f"{values[name]!r}", "a number; whole for counts") for name in wrong]
        )
    ours = {NAMES[name]: int(v) if NAMES[name] in WHOLE else float(v) for name, v in values.items()}
    if not written.get("do_sample"):
        return {name: value for name, value in ours.items() if name not in DRAWN} | {"temperature": 0.0}
    return DRAWN | ours
