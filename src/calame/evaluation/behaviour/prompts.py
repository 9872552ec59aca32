"""Prompts: beginnings by language and kind; shipped for French, Italian and English (`prompts/`), or yours.

A file is YAML (or JSON, which is YAML): {LANGUAGE: {KIND: [beginning, ...]}}. The shipped languages say the same things
in the same places, so that languages are measured on the same matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from calame.evaluation.yaml_files import read_typed
from calame.recipe.errors import Problem, UserError
from calame.recipe.section import Language, Name

Text = Annotated[str, StringConstraints(pattern=r"\S")]
FILE = TypeAdapter(dict[Language, dict[Name, Annotated[list[Text], Field(min_length=1)]]])
SHIPPED = ("fr", "it", "en")
Half = Literal["tuning", "holdout"]


@dataclass(frozen=True)
class Prompt:
    """A beginning to be continued. `half`: of two halves that hold as many of each language and kind."""

    text: str
    language: str
    kind: str
    half: Half


def shipped_prompts(languages: Iterable[str]) -> list[Prompt]:
    """The shipped prompts in these languages; none in languages that have none."""
    folder = resources.files("calame.evaluation.behaviour") / "prompts"
    files = [Path(str(folder)) / f"{language}.yaml" for language in languages if language in SHIPPED]
    return [prompt for file in files for prompt in read_prompts(file)]


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a file. Raises `UserError` with all that is wrong with it."""
    data = read_typed(path, FILE)
    found = [prompt for language, kinds in data.items() for prompt in _of_language(language, kinds)]
    seen: set[str] = set()
    twice = [p.text for p in found if p.text in seen or seen.add(p.text)]
    if twice:  # else the halves would not be disjoint
        raise UserError([Problem(str(path), f"twice: {text!r}", remedy="take one of them out") for text in twice])
    return found


def _of_language(language: str, kinds: dict[str, list[str]]) -> Iterator[Prompt]:
    for kind, texts in kinds.items():
        for place, text in enumerate(texts):
            yield Prompt(text, language, kind, "holdout" if place % 2 else "tuning")


def choose(prompts: Sequence[Prompt], number: int) -> list[Prompt]:
    """At most so many prompts of each language, of its kinds in turn, in the order of the file."""
    ranks: dict[str, int] = defaultdict(int)
    ranked: dict[str, list[tuple[int, int]]] = defaultdict(list)  # by language: (rank within the kind, place)
    for place, prompt in enumerate(prompts):
        cell = f"{prompt.language} {prompt.kind}"
        ranked[prompt.language].append((ranks[cell], place))
        ranks[cell] += 1
    chosen = sorted(place for places in ranked.values() for _, place in sorted(places)[:number])
    return [prompts[place] for place in chosen]
