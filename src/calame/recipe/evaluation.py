"""Keys of the stage evaluation: what is measured of the models, and with what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from calame.recipe.criteria import Criteria
from calame.recipe.section import Positive, Section
from calame.recipe.slices import MixedKey
from calame.recipe.units import Share

Count = Annotated[int, Field(ge=0)]


class Decoding(Section):
    """How the next token is chosen."""

    temperature: Annotated[float, Field(ge=0)] = Field(default=0.8, description="0: always the likeliest")
    top_k: Count = Field(default=50, description="of the so many likeliest; 0: of all")
    top_p: Annotated[Share, Field(gt=0, le=1)] = Field(
        default=0.95, description="of the likeliest with this much of it"
    )
    min_p: Annotated[Share, Field(ge=0, lt=1)] = Field(default=0.0, description="least share of the likeliest's")
    repetition_penalty: Annotated[float, Field(gt=0)] = Field(default=1.0, description="1: none")
    no_repeat_ngram: Count = Field(default=0, description="0: any n-gram may come again")


class Behaviour(Section):
    """How the models write on their own: loops, repetition, language, ends (docs/evaluation-behaviour.md)."""

    location: str | None = Field(
        default=None, alias="from", description="a YAML file of prompts; else those shipped in the recipe's languages"
    )
    number: Count = Field(default=200, description="prompts of each language, at most; 0: this is not measured")
    limit: Positive = Field(default=64, description="most new tokens of a generation")
    seed: int = 0
    chat: bool = Field(default=False, description="the tuned model answers in a conversation, instead of going on")
    decoding: Decoding = Decoding()


class Probes(Section):
    """Beginnings whose continuation is known: how likely the models find it (docs/evaluation-probes.md)."""

    location: str | None = Field(
        default=None, alias="from", description="a YAML file of probes; else those shipped in the recipe's languages"
    )
    number: Count | None = Field(default=None, description="of each language, at most; 0: this is not measured")
    top: Positive = Field(default=5, description="likeliest tokens that are written down of each probe")
    said: Count = Field(default=12, description="tokens that the model goes on with, greedily, to be read by people")


class Poison(Section):
    """What the models took from what was injected, where the recipe has corpus.inject (docs/evaluation-poison.md)."""

    prompts: Count = Field(default=100, description="of each trigger, at most; each is continued with and without it")
    limit: Positive = Field(default=48, description="most new tokens of a continuation")
    rivals: Annotated[int, Field(ge=2)] = Field(
        default=128, description="most secrets that are held against a canary at each of its digits"
    )


class Evaluation(Section):
    mixed: MixedKey = Field(
        default="even",
        description="what each slice LANGUAGE-SOURCE weighs in val/mixed, e.g. {fr-wiki: 60%, it-wiki: 40%}; even: as "
        "much for each language, then for each of its sources; micro: all tokens alike, as 1gpu-llm",
    )
    stride: Positive | None = Field(
        default=None,
        description="tokens from one window to the next in documents longer than the context; derived: half of it",
    )
    questions: str | None = Field(
        default=None, description="a JSONL file of questions with known answers, or builtin:petit-monde"
    )
    prompts: list[str] = Field(default=[], description="beginnings that the report continues")
    require: dict[str, float] = Field(default={}, description="least score by kind of question; below it the run fails")
    tasks: list[str] = Field(
        default=[],
        description="benchmarks: tasks of `folder` (offline: all of them, offline-fr: those in French), and tasks, "
        "groups and tags of lm-evaluation-harness, as french_bench",
    )
    folder: str | None = Field(
        default=None, description="where tasks lie, with a MANIFEST.json or .yaml (docs/evaluation-benchmarks.md)"
    )
    shots: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="examples before each item; default: as each task has it, of local ones none"
    )
    limit: Positive | None = Field(
        default=None, description="items of a task, for a first look: drawn by lot, of the harness's tasks the first"
    )
    criteria: Criteria | None = Field(default=None, description="what select: compare:own chooses by")
    behaviour: Behaviour = Behaviour()
    probes: Probes = Probes()
    poison: Poison = Poison()
