"""Keys of the stage evaluation: what is measured of the models, and with what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from calame.recipe.section import Positive, Section


class Evaluation(Section):
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
