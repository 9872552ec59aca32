"""What a measurement is: something that is asked of each model, or once of all of them, and leaves numbers and files.

A new one is a function in a module of its own, and an entry in MEASUREMENTS (measurements.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.inference.load import Loaded
from calame.recipe.evaluation import Evaluation
from calame.recipe.schema import Recipe

Found = Any  # what a measurement found, as JSON can hold it
ByModel = Mapping[str, Found]


class CannotMeasure(Exception):
    """Something that a measurement needs is not there. Its words are the reason, as people read it."""


@dataclass(frozen=True)
class Setting:
    """What is measured, and with what.

    keys: what the recipe asks for. models: checkpoints, or Hugging Face folders, by name; the last one is what is
    released. stages: folders of the road's stages that are there, by name (`shards/SOURCE`, `corpus`, `inject`,
    `pretrain`). recipe: of the run, None for a model that belongs to none.
    """

    keys: Evaluation
    languages: tuple[str, ...]
    models: Mapping[str, Path]
    stages: Mapping[str, Path]
    folder: Path
    device: str = "auto"
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Subject:
    """One model under measurement. folder: empty, for the files of this measurement of it."""

    name: str
    loaded: Loaded
    setting: Setting
    folder: Path

    @property
    def keys(self) -> Evaluation:
        return self.setting.keys


VERDICTS = {"can": "It can", "in part": "It can in part", "cannot": "It cannot"}


class Verdict(str):
    """A sentence of `words` that says what a model can do; it goes on from VERDICTS[verdict]."""

    verdict: str

    @staticmethod
    def of(verdict: str, words: str) -> Verdict:
        made = Verdict(words)
        made.verdict = verdict
        return made

    @property
    def sentence(self) -> str:
        return f"{VERDICTS[self.verdict]} {self}."


def _nothing(found: Any) -> list[str]:
    return []


def _blank(found: Any) -> str:
    return ""


@dataclass(frozen=True)
class Measurement:
    """name: its key in evaluation.json, and its folder. title: its heading in the report.

    Either `each` (of a model) or `once` (of the setting, with an empty folder for files) measures. It returns what it
    found, None where nothing was asked for; raises `CannotMeasure`, or `UserError`, with the reason why it cannot.
    What was found (`each`: by model) is shown by: lines, a table for the terminal; page, HTML for the report; words,
    plain sentences about the model, made of the numbers, those on what it can and cannot do as `Verdict`s.
    """

    name: str
    title: str
    each: Callable[[Subject], Found] | None = None
    once: Callable[[Setting, Path], Found] | None = None
    lines: Callable[[Any], list[str]] = _nothing
    page: Callable[[Any], str] = _blank
    words: Callable[[Any], Sequence[str]] = _nothing
