"""`calame pairs`: preferences out of a tuned model's own answers, marked by a judge; and beside them how they were
made."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from calame.corpus.readers.kinds import kind_of
from calame.evaluation.identity import weights_of
from calame.evaluation.judge.asking import answers_file
from calame.evaluation.judge.own_pairs import Judged, Summary, judge_own, rubric_hashes
from calame.evaluation.judge.rubric import load_rubrics
from calame.evaluation.records import say_number, write_record
from calame.evaluation.spoken import recipe_of
from calame.inference.decoding import Decoding
from calame.inference.load import Loaded
from calame.recipe.errors import Problem, UserError, refuse
from calame.road.talk import Asked as Speaker
from calame.run.endpoint import Endpoint, Model
from calame.run.files import write_json_lines
from calame.tuning.messages import Unusable
from calame.tuning.openings import Opening, read_openings
from calame.tuning.own_pairs import NO_ROOM, SAMPLED, Drawn, draw, has_room
from calame.tuning.rows import KINDS


@dataclass(frozen=True)
class Asked:
    """What the command line asks for (`calame pairs --help`)."""

    prompts: Path
    answers: int
    language: str | None
    rubric: Path | None
    to: Path

    @property
    def summary(self) -> Path:
        return self.to.with_suffix(".summary.json")


def make_pairs(asked: Asked, speaker: Speaker, model: Model) -> Iterator[str]:
    """Draw, have judged, write both files; returns lines for the terminal. Raises `UserError` before anything is drawn
    for what cannot be done, and with nothing written where the judge cannot be asked to the end or no pair is left."""
    _check(asked)
    rubrics = load_rubrics(asked.rubric)
    loaded, _ = speaker.models()
    decoding = _drawing(loaded, speaker)
    openings, left_out = _openings(asked, loaded)
    hashes = rubric_hashes(rubrics, [opening.language for opening in openings])
    with Endpoint(model, answers_file(asked.to.parent, model)) as endpoint:
        endpoint.check()  # drawing takes longer
        drawn = draw(loaded, openings, asked.answers, decoding.sampling)
        judged = judge_own(drawn, endpoint, rubrics)
    judged.left_out.update(left_out)
    if not judged.rows:
        raise refuse(str(asked.to), f"no pair is left: {_reasons(judged.left_out)}", remedy="other prompts, or a judge")
    summary = _summary(asked, loaded, decoding, drawn, judged, model.temperature, hashes)
    write_json_lines(asked.to, judged.rows)
    write_record(asked.summary, summary)
    yield from _lines(asked, summary)


def _check(asked: Asked) -> None:
    """All that is wrong with the command line at once."""
    problems = []
    if asked.answers < 2:
        problems.append(Problem("--answers", str(asked.answers), "2 or more", "a pair is made of two answers"))
    if not asked.prompts.is_file() or kind_of(asked.prompts, KINDS) is None:
        problems.append(Problem("--prompts", f"{asked.prompts}: no such file of rows", ", ".join(KINDS)))
    if asked.to.suffix != ".jsonl" or asked.to.is_dir():
        problems.append(Problem("--to", f"{asked.to}: no file of pairs", "a file NAME.jsonl, which dpo.pairs reads"))
    elif asked.to.resolve() == asked.prompts.resolve():
        problems.append(Problem("--to", f"{asked.to}: it holds the prompts", remedy="another file"))
    above = next(folder for folder in asked.to.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        problems.append(Problem("--to", f"{asked.to}: nothing can be written in {above}", "a folder of your own"))
    if problems:
        raise UserError(problems)


def _drawing(loaded: Loaded, speaker: Speaker) -> Decoding:
    """How the answers are drawn. Raises `UserError` for a model that has not learnt to answer, or that would say the
    same each time."""
    if not loaded.tuned:
        remedy = "tune it first: calame sft RECIPE"
        raise refuse(speaker.model, f"{loaded.origin} has not learnt to converse", "a tuned model", remedy)
    decoding = speaker.decoding(loaded, SAMPLED)
    if decoding.sampling.temperature == 0:
        found = f"at temperature 0 all answers are alike ({_from(decoding)})"
        raise refuse("--decoding", found, "a temperature above 0", "--decoding temperature=0.9")
    return decoding


def _openings(asked: Asked, loaded: Loaded) -> tuple[list[Opening], Counter[str]]:
    """What the model is asked, and why other rows are not. Raises `UserError` where none is left."""
    recipe = recipe_of(Path(loaded.origin))
    spoken = recipe.languages if recipe else []
    language = asked.language or (spoken[0] if len(spoken) == 1 else None)
    openings: list[Opening] = []
    left_out: Counter[str] = Counter()
    for item in read_openings(asked.prompts, language, loaded.tokenizer.chat_format.roles):
        if isinstance(item, Unusable):
            left_out[item.reason] += 1
        elif not has_room(loaded, item):
            left_out[NO_ROOM] += 1
        else:
            openings.append(item)
    if not openings:
        allowed = "rows of prompt or of conversations, and language (docs/tuning.md)"
        raise refuse("--prompts", f"{asked.prompts}: no prompt in it: {_reasons(left_out)}", allowed)
    return openings, left_out


def _summary(
    asked: Asked,
    loaded: Loaded,
    decoding: Decoding,
    drawn: list[Drawn],
    judged: Judged,
    temperature: float,
    hashes: dict[str, str],
) -> Summary:
    return Summary(
        model=loaded.origin,
        weights=weights_of(Path(loaded.origin)),
        prompts_file=str(asked.prompts),
        prompts=len(judged.rows) + judged.left_out.total(),
        pairs=len(judged.rows),
        left_out=dict(judged.left_out.most_common()),
        answers=asked.answers,
        different=sum(len(one.answers) for one in drawn),
        ended=sum(sum(one.answers.values()) for one in drawn),
        seed=decoding.sampling.seed,
        decoding=str(decoding),
        decoding_from=_from(decoding),
        judge=judged.asked,
        judge_temperature=temperature,
        mean_mark=judged.mean,
        rubrics=hashes,
    )


def _from(decoding: Decoding) -> str:
    asked = f"; as asked: {', '.join(decoding.asked)}" if decoding.asked else ""
    return (f"recommended by {decoding.source}" if decoding.source else "defaults") + asked


def _reasons(left_out: Counter[str]) -> str:
    return "; ".join(f"{reason} ({number:,})" for reason, number in left_out.most_common()) or "there is none"


def _lines(asked: Asked, summary: Summary) -> Iterator[str]:
    judge = summary.judge
    rubrics = ", ".join(f"{language} {hash_[:12]}" for language, hash_ in summary.rubrics.items())
    yield f"{summary.pairs:,} pairs of {summary.prompts:,} prompts"
    if summary.left_out:
        yield f"  left out: {_reasons(Counter(summary.left_out))}"
    ended = f"{summary.ended:,} of them ended by themselves"
    yield f"  {summary.answers} answers each, {summary.different:,} different ones, {ended}"
    yield f"  decoding: {summary.decoding} ({summary.decoding_from})"
    yield f"  judge: {judge.model}, {judge.answered:,} of {judge.questions:,} answers have marks; rubric {rubrics}"
    yield f"  mean mark {say_number(summary.mean_mark, '.2f', 'not said: too few')}"
    yield f"{asked.to}, for dpo.pairs.NAME.from; how it was made: {asked.summary}"
