"""`calame judge`: texts from files or from models, the judges asked, lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.corpus.readers.kinds import kind_of, read_rows
from calame.evaluation.behaviour.generate import generate
from calame.evaluation.behaviour.prompts import Prompt, read_prompts, shipped_prompts
from calame.evaluation.decoding.files import recommended_file
from calame.evaluation.decoding.recommended import recommended_for
from calame.evaluation.decoding.settings import PRESETS, Setting
from calame.evaluation.judge.generations import PROMPTS, Generation, prompt_id, read_generations
from calame.evaluation.judge.judge import REPORT, Task, judge
from calame.evaluation.judge.people import read_people
from calame.evaluation.judge.rubric import load_rubrics
from calame.evaluation.records import Record, write_rows
from calame.evaluation.spoken import languages_of
from calame.inference.load import Loaded, load_any, run_folder
from calame.recipe.errors import refuse
from calame.run.endpoint import Model
from calame.run.progress import say


@dataclass(frozen=True)
class Asked:
    """What the command line asks for (`calame judge --help`)."""

    what: list[str]
    by: str | None
    to: Path
    rubric: Path | None
    language: str | None
    limit: int | None
    people: Path | None
    prompts: Path | None
    new_tokens: int
    base: bool
    runs: str
    device: str


class Text(Record):
    """A line of texts-N.jsonl, what a model made of a prompt."""

    id: str
    prompt: str
    text: str
    language: str


def judge_texts(asked: Asked, judges: Sequence[Model]) -> Iterator[str]:
    """Judge, write every file, return lines for the terminal."""
    if len(asked.what) > 2:
        raise refuse("TEXTS", f"{len(asked.what)} of them", "one or two")
    by = "marks" if asked.by == "marks" or (asked.by is None and len(asked.what) == 1) else "pairs"
    rubrics = load_rubrics(asked.rubric)
    people = read_people(asked.people, by) if asked.people else {}
    named = [_texts(asked, what, place) for place, what in enumerate(asked.what, 1)]
    names, texts = tuple(name for name, _ in named), tuple(found for _, found in named)
    result = judge(Task(names, texts, rubrics, by, people, asked.limit), judges, asked.to)
    yield from result.words
    yield str(asked.to / REPORT)


def _texts(asked: Asked, what: str, place: int) -> tuple[str, list[Generation]]:
    """Name and texts of a file of generations, or of a model, which is asked for them."""
    path = Path(what)
    if path.is_file():
        return what, read_generations(path, asked.language)
    loaded = load_any(what, asked.runs, asked.device, asked.base)
    setting = _setting(loaded, run_folder(what, asked.runs), asked.base)
    texts = _generated(loaded, _prompts(asked, loaded), setting, asked.new_tokens)
    write_rows(asked.to / f"texts-{place}.jsonl", [Text.model_validate(vars(one)) for one in texts])
    return f"{what} ({setting.name})", texts


def _setting(loaded: Loaded, run: Path, base: bool) -> Setting:
    """The one that a decoding search recommends for the model, or the default."""
    found = recommended_for(loaded, recommended_file(run, base))
    return Setting(**found.parameters.model_dump()) if found else PRESETS["default"]


def _prompts(asked: Asked, loaded: Loaded) -> list[Prompt]:
    """The user's (YAML as of a decoding search, or rows of prompt or question), or the shipped ones that no search has
    seen."""
    given = [asked.language] if asked.language else None
    if asked.prompts is None:
        return [
            prompt for prompt in shipped_prompts(languages_of(Path(loaded.origin), given)) if prompt.half == "holdout"
        ]
    if kind_of(asked.prompts) not in (".jsonl", ".json", ".ndjson"):
        return read_prompts(asked.prompts)
    found = []
    for row in read_rows(asked.prompts):
        values = row.values or {}
        text = next((values[name] for name in PROMPTS if isinstance(values.get(name), str)), "")
        language = values.get("language") or values.get("lang") or asked.language
        if not text.strip() or not isinstance(language, str):
            raise refuse(row.place, row.fault or "no prompt, or no language", "prompt or question, and language")
        found.append(Prompt(text, language, "own", "holdout"))
    return found


def _generated(loaded: Loaded, prompts: Sequence[Prompt], setting: Setting, limit: int) -> list[Generation]:
    """A tuned model answers, another one goes on."""
    generations, left_out = generate(loaded, prompts, setting.sampling(0, limit), loaded.tuned)
    if left_out:
        say(f"  {len(left_out)} prompts are left out: {left_out[0].reason}")
    return [
        Generation(prompt_id(one.prompt.text), one.prompt.text, one.completion.text, one.prompt.language)
        for one in generations
    ]
