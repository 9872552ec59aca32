"""Keys of the stage evaluation: what is measured of the models, and with what."""

from __future__ import annotations

from pydantic import Field

from calame.recipe.section import Positive, Section
from calame.recipe.slices import MixedKey


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
