"""`calame compare`, and the same as a stage's choice: from names to files, and the lines that are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from calame.evaluation.compare.candidates import candidate_of, find_candidates
from calame.evaluation.compare.compare import compare_candidates
from calame.evaluation.compare.criteria import read_criteria
from calame.evaluation.compare.files import FOLDER, REPORT, Comparison
from calame.evaluation.compare.measure import Ground
from calame.evaluation.compare.results import table_lines, write_results
from calame.recipe.criteria import parse_criteria
from calame.recipe.schema import Recipe
from calame.run import checkpoint
from calame.run.progress import say
from calame.training.select import write_choice


def compare(named: Sequence[str], criteria: str, runs: str, device: str, to: Path | None) -> Iterator[str]:
    """Compare checkpoints, write every file, return lines for the terminal.

    What is measured, and with what, is said by the recipe of the first one."""
    candidates = find_candidates(named, runs)
    first = candidates[0]
    chosen_by = read_criteria(criteria, first.recipe.evaluation.criteria)
    for line in chosen_by.in_words():
        say(f"  {line}")
    folder = to or first.home / FOLDER
    ground = Ground(first.recipe.evaluation, tuple(first.recipe.languages), device)
    record = write_results(compare_candidates(candidates, chosen_by, ground, folder), folder)
    yield from table_lines(record)
    yield from record.words
    yield str(folder / REPORT)


def choose(recipe: Recipe, trained: Path, stages: Mapping[str, Path], folder: Path) -> Comparison:
    """`select: compare:CRITERIA`: compare the checkpoints that a run has kept, and write `selected.json` beside the
    files of the comparison. trained: the folder of its pretraining; stages: those before, by name."""
    criteria = parse_criteria(recipe.select.removeprefix("compare:"), "select", recipe.evaluation.criteria)
    for line in criteria.in_words():
        say(f"  {line}")
    kept = [path for path in checkpoint.steps(trained / "checkpoints") if checkpoint.damage(path) is None]
    candidates = [candidate_of(path, recipe.name, stages) for path in kept]
    ground = Ground(recipe.evaluation, tuple(recipe.languages), recipe.execution.device)
    compared = compare_candidates(candidates, criteria, ground, folder)
    record = write_results(compared, folder)
    write_choice(recipe.select, compared.chosen.folder, " ".join(record.words), folder)
    return record
