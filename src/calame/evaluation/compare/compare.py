"""Compare checkpoints: measure them, rank them, say why, and write it down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.evaluation.compare import files
from calame.evaluation.compare.candidates import Candidate, check_comparable
from calame.evaluation.compare.files import Behind, Checkpoint, Chosen, Comparison
from calame.evaluation.compare.measure import Ground, Tables, measure_all, number
from calame.evaluation.compare.rank import Ranking, Scores, best_by, gap, rank
from calame.evaluation.compare.rationale import best_by_kind, rationale, scalar_best
from calame.evaluation.measured import Measured
from calame.evaluation.measurement import CannotMeasure
from calame.evaluation.records import Number, number_of
from calame.recipe.criteria import Criteria, Criterion
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.slices import Mixed
from calame.run.journal import Journal


@dataclass(frozen=True)
class Compared:
    """What came of a comparison. `candidates`: by name, in the order of their runs and steps."""

    candidates: Mapping[str, Candidate]
    criteria: Criteria
    tables: Tables
    scores: Scores
    ranking: Ranking
    words: Sequence[str]

    @property
    def chosen(self) -> Candidate:
        return self.candidates[self.ranking.order[0]]


def compare_candidates(candidates: Sequence[Candidate], criteria: Criteria, ground: Ground, folder: Path) -> Compared:
    """Raises `UserError` where candidates cannot be compared by a criterion, with the reason."""
    check_comparable(candidates, criteria)
    ordered = sorted(candidates, key=lambda candidate: (candidate.run, candidate.step))
    by_name = {candidate.name: candidate for candidate in ordered}
    if len(by_name) < len(ordered):
        raise refuse("RUN", "two folders of one name", "runs of different names")
    with Journal(folder / files.MEASURED) as journal:
        try:
            tables = measure_all(ordered, criteria, ground, journal)
        except CannotMeasure as error:
            raise refuse("--criteria", str(error)) from None
    scores = _scores(tables, criteria, ground.keys.mixed)
    ranking = rank(scores, criteria)
    return Compared(by_name, criteria, tables, scores, ranking, rationale(scores, criteria, ranking))


def _scores(tables: Tables, criteria: Criteria, mixed: Mixed) -> Scores:
    """The number of each criterion, of each candidate. Raises `UserError` for all criteria that have none, or not on
    the same things."""
    scores: dict[str, dict[str, Measured]] = {name: {} for name in tables}
    problems: list[Problem] = []
    for criterion in criteria.criteria:
        try:
            found = {name: number(kinds, criterion, mixed) for name, kinds in tables.items()}
        except CannotMeasure as error:
            problems.append(Problem("--criteria", str(error)))
            continue
        if fault := _incomparable(criterion, found):
            problems.append(fault)
        for name, measured in found.items():
            scores[name][criterion.name] = measured
    if problems:
        raise UserError(problems)
    return scores


def _incomparable(criterion: Criterion, found: Mapping[str, Measured]) -> Problem | None:
    """Why the candidates' numbers must not be held against each other, if so."""
    things = {(measured.things, measured.strata): name for name, measured in found.items()}
    if len(things) > 1:
        one, other = list(things.values())[:2]
        text = "their validation text differs" if criterion.kind == "val" else "they were measured on other things"
        remedy = "name slices that are the same in both, as val/fr-wiki/bpb" if criterion.kind == "val" else ""
        return Problem(criterion.name, f"{one} and {other} cannot be compared: {text}", remedy=remedy)
    silent = [name for name, measured in found.items() if number_of(measured.intervals()[criterion.name]) is None]
    if silent:
        return Problem(criterion.name, f"nothing can be said of {', '.join(silent)}", remedy="leave this criterion out")
    return None


def record_of(compared: Compared) -> Comparison:
    """comparison.json"""
    scores, criteria, ranking = compared.scores, compared.criteria, compared.ranking
    best = scalar_best(scores, criteria)
    return Comparison(
        order=criteria.order,
        criteria=[
            Chosen(name=c.name, better=c.better or "", matters=c.matters or 0.0, weight=c.weight)
            for c in criteria.criteria
        ],
        checkpoints=[checkpoint_of(candidate) for candidate in compared.candidates.values()],
        ranking=list(ranking.order),
        chosen=ranking.order[0],
        decided_by=ranking.decided_by or None,
        numbers={name: {key: _number(one) for key, one in found.items()} for name, found in scores.items()},
        behind={name: dict(_behind(scores, criteria, name)) for name in scores},
        totals=None if ranking.totals is None else {n: known(number_of(total)) for n, total in ranking.totals.items()},
        scalar_best=best[0] if best else None,
        best_by={kind: name for kind, (name, _) in best_by_kind(scores, criteria, ranking.order[0]).items()},
        words=list(compared.words),
    )


def checkpoint_of(candidate: Candidate) -> Checkpoint:
    return Checkpoint(
        name=candidate.name,
        run=candidate.run,
        step=candidate.step,
        tokens=candidate.tokens,
        weights=candidate.weights,
        tokenizer=candidate.tokenizer,
    )


def _number(measured: Measured) -> Number:
    return known(number_of(measured.intervals()[measured.names[0]]))


def known(number: Number | None) -> Number:
    assert number is not None, "criteria of which nothing can be said were refused"
    return number


def _behind(scores: Scores, criteria: Criteria, name: str) -> Iterator[tuple[str, Behind]]:
    for criterion in criteria.criteria:
        best = best_by(scores, criterion, list(scores))
        if best != name:
            found = gap(scores, best, name, criterion)
            yield (
                criterion.name,
                Behind(
                    best=best,
                    behind=known(number_of(found.behind)),
                    beyond_noise=found.beyond_noise,
                    told=found.told,
                ),
            )
