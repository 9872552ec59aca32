"""Keys of the stage evaluation: what is measured of the models, and with what."""

from __future__ import annotations

from pydantic import Field

from calame.recipe.section import Section


class Evaluation(Section):
    questions: str | None = Field(
        default=None, description="a JSONL file of questions with known answers, or builtin:petit-monde"
    )
    prompts: list[str] = Field(default=[], description="beginnings that the report continues")
    require: dict[str, float] = Field(default={}, description="least score by kind of question; below it the run fails")
