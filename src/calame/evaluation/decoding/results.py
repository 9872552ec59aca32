"""What a decoding search leaves: leaderboards, generations, the summary, the report, and the recommended parameters."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from calame.evaluation.behaviour.prompts import Half
from calame.evaluation.behaviour.repetition import pooled_distinct
from calame.evaluation.decoding import files
from calame.evaluation.decoding.decide import Place
from calame.evaluation.decoding.files import Entry, Parameters, Recommended, Said, Summary
from calame.evaluation.decoding.search import Outcome, by_language
from calame.evaluation.decoding.settings import KNOBS, Setting
from calame.evaluation.decoding.trial import Trial
from calame.evaluation.intervals import jackknife_interval
from calame.evaluation.records import Number, number_of, say_number, write_record, write_rows
from calame.inference.load import Loaded
from calame.run.files import atomic

HALVES: tuple[Half, Half] = ("tuning", "holdout")
SHOWN = 10  # settings of the tuning leaderboard that the report shows


def write_results(outcome: Outcome, loaded: Loaded, folder: Path) -> tuple[Summary, Recommended]:
    """Write every file of the search; returns the summary and what is recommended."""
    tuning, holdout = ([_entry(place) for place in outcome.boards[half]] for half in HALVES)
    roles = {setting.name: role for role, setting in outcome.roles.items()}
    for half, board in zip(HALVES, (tuning, holdout), strict=True):
        with atomic(folder / files.LEADERBOARD.format(half=half), "w") as file:
            csv.writer(file, lineterminator="\n").writerows(_rows(board, roles if half == "holdout" else {}))
        write_rows(folder / files.GENERATIONS.format(half=half), _said(outcome.trials[half].values()))
    summary = _summary(outcome, loaded, tuning, holdout)
    recommended = _recommended(outcome, summary)
    write_record(folder / files.SUMMARY, summary)
    write_record(folder / files.RECOMMENDED, recommended)
    with atomic(folder / files.REPORT, "w") as file:
        file.write("\n".join(report_lines(summary, recommended)) + "\n")
    return summary, recommended


def _entry(place: Place) -> Entry:
    return Entry(
        name=place.setting.name,
        parameters=_parameters(place.setting),
        score=number_of(place.score),
        behind=number_of(place.behind),
        within_noise=place.within_noise,
        numbers={name: number_of(found) for name, found in place.numbers.items()},
    )


def _parameters(setting: Setting) -> Parameters:
    return Parameters.model_validate(asdict(setting))


def _rows(board: Sequence[Entry], roles: Mapping[str, str]) -> Iterator[list[object]]:
    """A leaderboard as CSV: rank, role (of the holdout), setting, its parameters, and each number with its interval."""
    role = ["role"] if roles else []
    names = ["score", "behind", *board[0].numbers]
    head = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    yield ["rank", *role, "setting", *KNOBS, *head, "within_noise", "n"]
    for rank, entry in enumerate(board, 1):
        numbers = [entry.score, entry.behind, *entry.numbers.values()]
        cells = [getattr(number, key) if number else "" for number in numbers for key in files.NUMBERS]
        knobs = entry.parameters.model_dump().values()
        found = [roles[entry.name]] if roles else []
        yield [rank, *found, entry.name, *knobs, *cells, entry.within_noise, entry.score.n if entry.score else 0]


def _said(trials: Iterable[Trial]) -> Iterator[Said]:
    for trial in trials:
        for one, nats in zip(trial.generations, trial.nats, strict=True):
            yield Said(
                setting=trial.setting.name,
                prompt=one.prompt.text,
                language=one.prompt.language,
                kind=one.prompt.kind,
                text=one.completion.text,
                tokens=len(one.completion.ids),
                stopped=one.completion.stopped,
                nats=None if nats is None else round(nats, 4),
                loop_period=one.verdict.tokens.loop_period,
                repeated_4gram=one.verdict.tokens.repeated_4gram,
                said_language=one.verdict.language,
            )


def _summary(outcome: Outcome, loaded: Loaded, tuning: list[Entry], holdout: list[Entry]) -> Summary:
    plan = outcome.plan
    prompts = {
        half: by_language([one.prompt for one in next(iter(trials.values())).generations])
        for half, trials in outcome.trials.items()
    }
    return Summary(
        model=loaded.origin,
        weights=outcome.weights,
        method=plan.method,
        space={knob: list(values) for knob, values in plan.space.items()},
        tried=len(plan.settings),
        objective=dict(outcome.objective.weights),
        reference={language: round(nats, 4) for language, nats in plan.reference.nats.items()},
        words_known=len(plan.reference.words),
        prompts=dict(prompts),
        left_out=[prompt.text for prompt in outcome.left_out],
        limit=plan.way.limit,
        seed=plan.way.seed,
        chat=plan.way.chat,
        tuning=tuning,
        roles={role: setting.name for role, setting in outcome.roles.items()},
        holdout=holdout,
        recommended=outcome.decision.recommended.name,
        confirmed=outcome.decision.confirmed,
        words=list(outcome.words),
    )


def _recommended(outcome: Outcome, summary: Summary) -> Recommended:
    setting = outcome.decision.recommended
    entry = next(entry for entry in summary.holdout if entry.name == setting.name)
    trial = outcome.trials["holdout"][setting]
    return Recommended(
        name=setting.name,
        parameters=_parameters(setting),
        transformers=setting.for_transformers(),
        model=summary.model,
        weights=summary.weights,
        confirmed=summary.confirmed,
        words=summary.words,
        holdout_prompts=len(trial.generations),
        holdout={**entry.numbers, "distinct_2": _pooled(trial)},
    )


def _pooled(trial: Trial) -> Number | None:
    """Distinct bigrams of all generations together, as 1gpu-llm gives it; it falls as generations are added."""
    value, without = pooled_distinct([one.completion.ids for one in trial.generations])
    return None if value is None else number_of(jackknife_interval(value, without))


def report_lines(summary: Summary, recommended: Recommended) -> Iterator[str]:
    """decoding_report.md"""
    yield f"# Decoding of {Path(summary.model).name}: {summary.recommended}\n"
    yield from (f"- {word}" for word in summary.words)
    yield "\n```json"
    yield recommended.model_dump_json(include={"transformers"}, indent=1)
    yield "```\n"
    weights = ", ".join(f"{weight:+g} x {name}" for name, weight in summary.objective.items())
    halves = "; ".join(
        f"{half} {', '.join(f'{n} {language}' for language, n in found.items())}"
        for half, found in summary.prompts.items()
    )
    yield f"Score: {weights}. {summary.tried} settings ({summary.method})."
    yield f"Prompts: {halves}; at most {summary.limit} tokens."
    yield "Numbers are means over the languages, prompts counting alike within each, with 95 % bootstrap intervals."
    yield "A penalty hides loops rather than mending them: the same sampler without it stands beside.\n"
    roles = {name: role for role, name in summary.roles.items()}
    yield f"## Holdout prompts\n\n{_table(summary.holdout, roles)}\n"
    yield f"## Tuning prompts, the best {min(SHOWN, len(summary.tuning))}\n\n{_table(summary.tuning[:SHOWN], {})}"


def _table(board: Sequence[Entry], roles: Mapping[str, str]) -> str:
    names = list(board[0].numbers)
    head = ["setting", *(["role"] if roles else []), "score", "behind the first", *names]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for entry in board:
        role = [roles[entry.name]] if roles else []
        cells = [entry.name, *role, say_number(entry.score), say_number(entry.behind)]
        lines.append("| " + " | ".join([*cells, *(say_number(entry.numbers[name]) for name in names)]) + " |")
    return "\n".join(lines)
