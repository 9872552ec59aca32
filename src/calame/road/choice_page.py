"""Parts of the report on what was chosen: the checkpoint, with its rationale, and the decoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from calame.evaluation.compare import files as compared
from calame.evaluation.compare.files import Comparison
from calame.evaluation.decoding import files as searched
from calame.evaluation.decoding.files import Entry, Recommended, Summary
from calame.evaluation.records import Number, read_record, say_number
from calame.run.charts import interval_chart
from calame.run.tables import table

SHOWN = 15  # settings of the tuning leaderboard


def comparison_page(run: Path) -> str:
    """Why this checkpoint: of the stage select where that compared, else of the last `calame compare`."""
    folders = [(run / "selected.json").resolve().parent, run / compared.FOLDER]
    file = next((folder / compared.COMPARISON for folder in folders if (folder / compared.COMPARISON).is_file()), None)
    if file is None:
        return ""
    found = read_record(file, Comparison)
    parts = [_words(found.words)]
    for criterion in found.criteria:
        numbers = [(one.name, found.numbers[one.name][criterion.name]) for one in found.checkpoints]
        parts.append(f"<h3>{escape(criterion.name)}</h3>")
        parts.append(_chart(numbers, f"{criterion.better} is better, {criterion.matters:g} matters"))
    rows = [
        [rank, name, *(say_number(found.numbers[name][criterion.name]) for criterion in found.criteria)]
        for rank, name in enumerate(found.ranking, 1)
    ]
    return "".join([*parts, table(["rank", "checkpoint", *(criterion.name for criterion in found.criteria)], rows)])


def decoding_page(run: Path) -> str:
    """The decoding search of what is released, if one was made."""
    folder = run / searched.FOLDER
    if not (folder / searched.SUMMARY).is_file() or not (folder / searched.RECOMMENDED).is_file():
        return ""
    found = read_record(folder / searched.SUMMARY, Summary)
    recommended = read_record(folder / searched.RECOMMENDED, Recommended)
    roles = {name: role for role, name in found.roles.items()}
    weights = " ".join(f"{weight:+g} × {name}" for name, weight in found.objective.items())
    return "".join(
        [
            _words(found.words),
            f"<p class=soft>score = {escape(weights)}; {found.tried} settings, {escape(found.method)}</p>",
            "<h3>Score on the holdout prompts</h3>",
            _chart([(f"{entry.name} ({roles[entry.name]})", entry.score) for entry in found.holdout], "score"),
            _board(found.holdout),
            f"<h3>Score on the tuning prompts, the best {min(SHOWN, len(found.tuning))}</h3>",
            _chart([(entry.name, entry.score) for entry in found.tuning[:SHOWN]], "score"),
            "<h3>As transformers has it</h3>",
            f"<pre>{escape(json.dumps(recommended.transformers, indent=1))}</pre>",
        ]
    )


def _words(words: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(word)}</li>' for word in words)}</ul>"


def _chart(numbers: Sequence[tuple[str, Number | None]], unit: str) -> str:
    known = [(name, number.value, number.low, number.high) for name, number in numbers if number]
    return interval_chart(known, unit, None)


def _board(entries: Sequence[Entry]) -> str:
    names = list(entries[0].numbers)
    return table(["setting", *names], [[e.name, *(say_number(e.numbers[name]) for name in names)] for e in entries])
