"""A model's own answers to each of many prompts, marked by a judge: the rows of preferences, and what became of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from calame.evaluation.judge.asking import Asked
from calame.evaluation.judge.generations import Generation
from calame.evaluation.judge.marks import judge_marks, mean_mark
from calame.evaluation.judge.rubric import Rubrics
from calame.evaluation.records import Number, Record
from calame.run.endpoint import Endpoint
from calame.run.files import digest
from calame.tokenizer.policy import USER
from calame.tuning.openings import Opening
from calame.tuning.own_pairs import Drawn, rank


class Summary(Record):
    """Beside the pairs, how they were made."""

    model: str = Field(description="checkpoint, or folder, that answered")
    weights: str = Field(description="hash of its weights")
    prompts_file: str = Field(description="where the prompts are from")
    prompts: int = Field(description="its rows: pairs and all of left_out")
    pairs: int = Field(description="rows that were written")
    left_out: dict[str, int] = Field(description="rows of the file without a pair, by reason")
    answers: int = Field(description="that were drawn for each prompt")
    different: int = Field(description="answers that differ from the others to their prompt")
    ended: int = Field(description="of the different ones, those that ended by themselves")
    seed: int = Field(description="of the draws")
    decoding: str = Field(description="the sampler's values; what does nothing is left out")
    decoding_from: str = Field(description="what recommends them, or defaults; and what was asked for instead")
    judge: Asked = Field(description="what became of the questions (evaluation-judge.md)")
    judge_temperature: float = Field(description="of the judge's sampler")
    mean_mark: Number | None = Field(description="of the answers with marks; null: too few")
    rubrics: dict[str, str] = Field(description="hash of what was asked, by language")


@dataclass
class Judged:
    """Rows of pairs, why the other prompts have none, and what the judge said on the whole."""

    asked: Asked
    mean: Number | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def judge_own(drawn: Sequence[Drawn], endpoint: Endpoint, rubrics: Rubrics) -> Judged:
    """Have every answer marked that could stand in a pair, and pair them. Raises `UserError` where the endpoint cannot
    be asked to the end: what it answered is kept for the next time."""
    generations = [
        Generation(f"{place}.{number}", _as_text(one.opening), text, one.opening.language)
        for place, one in enumerate(drawn)
        if len(one.answers) > 1
        for number, text in enumerate(one.answers)
    ]
    marked, marks, error = judge_marks("a", generations, endpoint, rubrics)
    if error:
        raise error
    judged = Judged(marks.asked, marks.mean)
    by_id = {row.id: mean_mark(row) for row in marked if row.marks is not None}
    for place, one in enumerate(drawn):
        ids = {text: f"{place}.{number}" for number, text in enumerate(one.answers)}
        found = rank(one, {text: by_id[id_] for text, id_ in ids.items() if id_ in by_id})
        if isinstance(found, str):
            judged.left_out[found] += 1
        else:
            judged.rows.append(found)
    return judged


def _as_text(opening: Opening) -> str:
    """What the judge sees of it: a single message as it is, several each after who says it."""
    if [message["role"] for message in opening.messages] == [USER]:
        return opening.messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in opening.messages)


def rubric_hashes(rubrics: Rubrics, languages: Sequence[str]) -> dict[str, str]:
    """Of what is asked in each of the languages. Raises `UserError` for those that have no rubric."""
    rubrics.check(languages)
    found = {language: rubrics.of(language) for language in sorted(set(languages))}
    return {language: digest(rubric.model_dump(mode="json")) for language, rubric in found.items() if rubric}
