"""What a comparison leaves: its files, and the report with the curve over the steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from calame.evaluation.compare import files
from calame.evaluation.compare.compare import Compared, checkpoint_of, record_of
from calame.evaluation.compare.files import Comparison, Metrics, Score, Scores, Summary
from calame.evaluation.measured import Measured
from calame.evaluation.records import Number, number_of, say_number, write_record
from calame.recipe.units import say_count
from calame.run.files import atomic
from calame.run.tables import text_table


def write_results(compared: Compared, folder: Path) -> Comparison:
    """Write every file of a comparison; returns comparison.json's content."""
    record = record_of(compared)
    metrics = {name: dict(_all_numbers(compared.tables[name])) for name in compared.ranking.order}
    write_record(folder / files.COMPARISON, record)
    write_record(folder / files.METRICS, Metrics(checkpoints=metrics))
    write_record(folder / files.SCORES, _scores(record))
    write_record(
        folder / files.SUMMARY,
        Summary(
            checkpoint=checkpoint_of(compared.chosen),
            rank=1,
            among=len(record.ranking),
            criteria=[criterion.name for criterion in record.criteria],
            metrics=metrics[record.chosen],
            words=record.words,
        ),
    )
    for name, lines in ((files.REPORT, report_lines(record)), (files.NOTE, note_lines(record))):
        with atomic(folder / name, "w") as file:
            file.write("\n".join(lines) + "\n")
    return record


def _all_numbers(tables: Mapping[str, Measured]) -> Iterator[tuple[str, Number | None]]:
    """Every number of every table: over all strata alike, and in each of them."""
    for kind, table in tables.items():
        groups = {"": table} if kind != "val" else {}
        groups |= {group: table.where([group]) for group in table.groups if len(table.groups) > 1 or kind == "val"}
        for group, part in groups.items():
            for column, found in part.intervals().items():
                name = f"{group}/{column}" if kind == "val" else "/".join(filter(None, (column, group)))
                yield f"{kind.split('/')[0]}/{name}", number_of(found)


def _scores(record: Comparison) -> Scores:
    """Ranks, and how far each is behind the best by each criterion."""
    matters = {criterion.name: criterion.matters or 1.0 for criterion in record.criteria}
    return Scores(
        order=record.order,
        scores={
            name: Score(
                rank=rank,
                total=record.totals[name].value if record.totals else None,
                distances={
                    criterion: round(record.behind[name][criterion].behind.value / scale, 6)
                    if criterion in record.behind[name]
                    else 0.0
                    for criterion, scale in matters.items()
                },
            )
            for rank, name in enumerate(record.ranking, 1)
        },
    )


def report_lines(record: Comparison) -> Iterator[str]:
    """benchmark_report.md"""
    yield f"# {record.chosen} is chosen\n"
    yield from (f"- {word}" for word in record.words)
    yield "\n## Numbers\n"
    names = [criterion.name for criterion in record.criteria]
    yield from _table(
        ["rank", "checkpoint", *names], (_row(record, rank, name) for rank, name in enumerate(record.ranking, 1))
    )
    yield "\nIn brackets the 95 % interval (bootstrap over documents, prompts, probes, items). *: not told from the"
    yield "best one: the difference, over the same things, is inside the noise or less than matters.\n"
    yield "## Over the steps\n"
    for run in dict.fromkeys(checkpoint.run for checkpoint in record.checkpoints):
        yield from curve_lines(record, run)


def _row(record: Comparison, rank: int, name: str) -> list[str]:
    cells = []
    for criterion in record.criteria:
        found = record.numbers[name][criterion.name]
        behind = record.behind[name].get(criterion.name)
        mark = " (best)" if behind is None else "" if behind.told else " *"
        cells.append(f"{say_number(found, '.4f')}{mark}")
    return [str(rank), name, *cells]


def curve_lines(record: Comparison, run: str) -> Iterator[str]:
    """A run's checkpoints in the order of their steps."""
    names = [criterion.name for criterion in record.criteria]
    rows = [
        [str(one.step), say_count(one.tokens), *(f"{record.numbers[one.name][name].value:.4f}" for name in names)]
        for one in record.checkpoints
        if one.run == run
    ]
    yield f"**{run}**\n"
    yield from _table(["step", "tokens", *names], rows)
    yield ""


def _table(head: list[str], rows: Iterator[list[str]] | list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def table_lines(record: Comparison) -> list[str]:
    """The ranking for the terminal."""
    names = [criterion.name for criterion in record.criteria]
    return text_table(["", "checkpoint", *names], [_row(record, n, name) for n, name in enumerate(record.ranking, 1)])


def note_lines(record: Comparison) -> Iterator[str]:
    """release_note.md: the part on the choice."""
    chosen = next(one for one in record.checkpoints if one.name == record.chosen)
    yield "## Why this checkpoint\n"
    yield f"Step {chosen.step:,} of {chosen.run}, after {say_count(chosen.tokens)} tokens.\n"
    yield from (f"- {word}" for word in record.words)
