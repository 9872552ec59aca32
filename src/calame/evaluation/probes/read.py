"""Probes of a file, shipped for French, Italian and English (`templates/LANGUAGE.yaml`), or yours.

A file is YAML (or JSON, which is YAML): {LANGUAGE: {KIND: {GROUP: what it asks}}}, which is pairs of a prompt and its
target, or prompts and a target with {slots}, and rows of words that fill these.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

from pydantic import Field, TypeAdapter, model_validator

from calame.evaluation.yaml_files import read_typed
from calame.recipe.section import Language, Name, Section

SHIPPED = ("fr", "it", "en")
SLOT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Probe:
    """What stands first and what should follow; a space lies between, unless the prompt ends with an apostrophe or
    with white space."""

    prompt: str
    target: str
    language: str
    kind: str
    group: str = ""

    @property
    def whole(self) -> str:
        """Prompt and target as one text."""
        joined = not self.prompt or self.prompt[-1] in "’'" or self.prompt[-1].isspace()
        return f"{self.prompt}{'' if joined else ' '}{self.target}"


class Group(Section):
    """Probes of one kind: by pairs, by templates, or both."""

    pairs: list[tuple[str, str]] = Field(default=[])
    prompts: list[str] = Field(default=[])
    target: str = ""
    slots: list[str] = Field(default=[])
    rows: list[list[str]] = Field(default=[])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.slots):
                raise ValueError(f"row {number} has {len(row)} words for {len(self.slots)} slots")
        if bool(self.rows) != bool(self.prompts):
            raise ValueError("rows need prompts, and prompts need rows")
        if not self.rows and not self.pairs:
            raise ValueError("neither pairs nor rows: it has no probe")
        named: list[str] = SLOT.findall(" ".join([*self.prompts, self.target]))
        if unused := [slot for slot in self.slots if slot not in named]:
            raise ValueError(f"no prompt and no target has {_in_braces(unused)}")
        unknown = [name for name in dict.fromkeys(named) if name not in self.slots]
        if self.rows and unknown:
            raise ValueError(f"{_in_braces(unknown)}: no slot is called so; slots are {_in_braces(self.slots)}")
        return self

    def probes(self) -> Iterator[tuple[str, str]]:
        """(prompt, target), pairs first."""
        yield from self.pairs
        for prompt in self.prompts:
            for row in self.rows:
                yield self._filled(prompt, row), self._filled(self.target, row)

    def _filled(self, text: str, row: Sequence[str]) -> str:
        for slot, word in zip(self.slots, row, strict=True):
            text = text.replace(f"{{{slot}}}", word)
        return text


def _in_braces(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names) or "none"


FILE = TypeAdapter(dict[Language, dict[Name, dict[Name, Group]]])


def shipped_probes(languages: Iterable[str]) -> list[Probe]:
    """The shipped probes in these languages; none in languages that have none."""
    folder = resources.files("calame.evaluation.probes") / "templates"
    files = [Path(str(folder)) / f"{language}.yaml" for language in languages if language in SHIPPED]
    return [probe for file in files for probe in read_probes(file)]


def read_probes(path: Path) -> list[Probe]:
    """The probes of a file. Raises `UserError` with all that is wrong with it."""
    return [
        Probe(prompt, target, language, kind, name)
        for language, kinds in read_typed(path, FILE).items()
        for kind, groups in kinds.items()
        for name, group in groups.items()
        for prompt, target in group.probes()
    ]


def choose(probes: Sequence[Probe], number: int | None) -> list[Probe]:
    """At most so many probes of each language, taken evenly from its file; None: all."""
    if number is None:
        return list(probes)
    places: dict[str, list[int]] = defaultdict(list)
    for place, probe in enumerate(probes):
        places[probe.language].append(place)
    chosen = []
    for own in places.values():
        wanted = min(number, len(own))
        chosen += [own[k * len(own) // wanted] for k in range(wanted)]
    return [probes[place] for place in sorted(chosen)]
