"""`calame search-decoding`: from what is asked on the command line to the files, and the lines that are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from calame.evaluation.behaviour.measure import prompts_of
from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.decoding.files import FOLDER, FOLDER_OF_BASE, RECOMMENDED, REPORT
from calame.evaluation.decoding.objective import SURPRISE, UNKNOWN, Objective, parse_weights
from calame.evaluation.decoding.reference import Reference, losses_of, words_of
from calame.evaluation.decoding.results import write_results
from calame.evaluation.decoding.search import Plan, search
from calame.evaluation.decoding.settings import draw, grid, parse_space, with_presets
from calame.evaluation.decoding.trial import Way, context_of
from calame.evaluation.spoken import languages_of, shards_of
from calame.inference.load import Loaded, load_any, run_folder
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.evaluation import Behaviour
from calame.run.progress import say
from calame.training.setup import open_shards


@dataclass(frozen=True)
class Asked:
    """What the command line asks for (`calame search-decoding --help`)."""

    model: str
    runs: str
    device: str
    base: bool
    search: str
    settings: int
    weight: list[str]
    prompts: str | None
    number: int
    languages: str | None
    limit: int
    chat: bool
    seed: int
    to: str | None


def search_decoding(asked: Asked, values: Mapping[str, str | None]) -> Iterator[str]:
    """Search, write every file, return lines for the terminal. `values`: of each knob, as they were written."""
    problems: list[Problem] = []
    space, objective = parse_space(values), parse_weights(asked.weight, asked.chat)
    run = run_folder(asked.model, asked.runs)
    loaded = load_any(asked.model, asked.runs, asked.device, asked.base)
    if asked.chat and not loaded.tuned:
        problems.append(Problem("--chat", f"{loaded.origin} has not learnt to converse", "a tuned model"))
    if asked.to is None and not (run / "recipe.yaml").is_file():
        problems.append(Problem("--to", f"{asked.model} is no run, whose folder would hold the result", "a folder"))
    if problems:
        raise UserError(problems)
    folder = Path(asked.to) if asked.to else run / (FOLDER_OF_BASE if asked.base else FOLDER)
    way = Way(asked.limit, asked.seed, asked.chat)
    prompts = _prompts(asked, loaded)
    drawn = grid(space) if asked.search == "grid" else draw(space, asked.settings, asked.seed)
    settings = with_presets(drawn)
    say(f"  score = {objective.in_words()}")
    method = f"{asked.search}, {len(drawn)} of {len(grid(space))} combinations, seed {asked.seed}, and the presets"
    reference = _reference(loaded, run, prompts, way, objective)
    outcome = search(loaded, Plan(settings, prompts, objective, way, reference, method, space), folder)
    summary, _ = write_results(outcome, loaded, folder)
    yield from summary.words
    yield f"{folder / REPORT}; {folder / RECOMMENDED}"


def _prompts(asked: Asked, loaded: Loaded) -> Sequence[Prompt]:
    languages = languages_of(Path(loaded.origin), asked.languages.split(",") if asked.languages else None)
    chosen = prompts_of(Behaviour.model_validate({"from": asked.prompts, "number": asked.number}), languages)
    if without := [language for language in languages if language not in {prompt.language for prompt in chosen}]:
        raise refuse("prompts", f"there are none in {', '.join(without)}", remedy="--prompts FILE, or --languages")
    return chosen


def _reference(loaded: Loaded, run: Path, prompts: Sequence[Prompt], way: Way, objective: Objective) -> Reference:
    """What the score weighs of text that people wrote, where the model's run is there to read it from."""
    folders, reference = shards_of(run), Reference()
    if not folders or not {SURPRISE, UNKNOWN} & set(objective.weights):
        return reference
    try:
        validation, train = (open_shards(folders, split, loaded.tokenizer) for split in ("validation", "train"))
    except UserError as error:  # of another tokenizer
        say(f"  surprise, unknown words: {error.problems[0].found}")
        return reference
    if SURPRISE in objective.weights:
        read = int(median(len(context_of(loaded, prompt, way)) for prompt in prompts))
        reference = replace(reference, nats=losses_of(loaded, validation, read, way.limit))
        said = ", ".join(f"{language} {nats:.3f}" for language, nats in reference.nats.items())
        say(f"  loss on validation text behind {read} tokens, nats a token: {said or 'no documents long enough'}")
    if UNKNOWN in objective.weights:
        reference = replace(reference, words=words_of(loaded.tokenizer, train))
        say(f"  words of the training text: {len(reference.words):,}")
    return reference
