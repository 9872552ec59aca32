"""Rank candidates by criteria: pure arithmetic on what was measured of them, thing by thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calame.evaluation.intervals import Interval
from calame.evaluation.measured import Measured, difference, interval
from calame.recipe.criteria import Criteria, Criterion

Scores = Mapping[str, Mapping[str, Measured]]  # by candidate, by criterion; one number each


@dataclass(frozen=True)
class Gap:
    """How far a candidate is behind another by a criterion, over the same things; greater is worse. A gap is told when
    it is beyond the noise and not below what matters."""

    candidate: str
    behind: Interval
    matters: float

    @property
    def beyond_noise(self) -> bool:
        return self.behind.low > 0

    @property
    def told(self) -> bool:
        return self.beyond_noise and self.behind.value >= self.matters


@dataclass(frozen=True)
class Step:
    """A criterion at work on those still in question: its best one, and how far the others are behind it."""

    criterion: Criterion
    best: str
    gaps: tuple[Gap, ...]

    @property
    def left(self) -> tuple[str, ...]:
        """Those that it cannot tell from its best one."""
        return (self.best, *(gap.candidate for gap in self.gaps if not gap.told))


@dataclass(frozen=True)
class Ranking:
    """order: candidates, the chosen one first. steps: what each criterion did (lexicographic). decided_by: the name of
    the criterion; empty where none could tell the first from the second. totals: weighted sums and how far each is
    behind the first (weighted)."""

    order: tuple[str, ...]
    decided_by: str
    steps: tuple[Step, ...] = ()
    totals: Mapping[str, Interval] | None = None
    behind: Mapping[str, Interval] | None = None


def rank(scores: Scores, criteria: Criteria) -> Ranking:
    """Every candidate must have been measured by every criterion, on the same things."""
    return _lexicographic(scores, criteria) if criteria.order == "lexicographic" else _weighted(scores, criteria)


def value(scores: Scores, candidate: str, criterion: Criterion) -> float:
    """The measured number, negated where higher is better: lower is always better."""
    found = float(scores[candidate][criterion.name].values()[0])
    return -found if criterion.better == "higher" else found


def gap(scores: Scores, best: str, other: str, criterion: Criterion) -> Gap:
    """How far `other` is behind `best`."""
    worse, better = (other, best) if criterion.better == "lower" else (best, other)
    behind = difference(scores[worse][criterion.name], scores[better][criterion.name], criterion.name)
    return Gap(other, behind, criterion.matters or 0.0)


def best_by(scores: Scores, criterion: Criterion, among: Sequence[str]) -> str:
    """The first of equals is taken."""
    return min(among, key=lambda candidate: value(scores, candidate, criterion))


def step(scores: Scores, criterion: Criterion, among: Sequence[str]) -> Step:
    best = best_by(scores, criterion, among)
    return Step(criterion, best, tuple(gap(scores, best, other, criterion) for other in among if other != best))


def _lexicographic(scores: Scores, criteria: Criteria) -> Ranking:
    """Those that a criterion drops rank below those that it leaves; of several that are left in the end, the one that
    the first criterion's number favours."""
    left: tuple[str, ...] = tuple(scores)
    dropped: list[str] = []
    steps, decided_by = [], ""
    for criterion in criteria.criteria:
        if len(left) == 1:
            break
        done = step(scores, criterion, left)
        out = sorted(set(left) - set(done.left), key=lambda name: value(scores, name, criterion))
        dropped = [*out, *dropped]
        left = tuple(name for name in left if name in done.left)
        steps.append(done)
        decided_by = criterion.name if len(left) == 1 else ""
    first = criteria.criteria[0]
    order = sorted(left, key=lambda name: value(scores, name, first))
    return Ranking((*order, *dropped), decided_by, tuple(steps))


def _weighted(scores: Scores, criteria: Criteria) -> Ranking:
    """Sums of distances, in differences that matter; each criterion's things are drawn on their own."""
    names = list(scores)
    totals, drawn = dict.fromkeys(names, 0.0), {}
    for seed, criterion in enumerate(criteria.criteria):
        scale = criterion.weight / (criterion.matters or 1.0) * (-1 if criterion.better == "higher" else 1)
        best = min(value(scores, name, criterion) for name in names)
        for name in names:
            totals[name] += abs(scale) * (value(scores, name, criterion) - best)
            drawn[name] = drawn.get(name, 0.0) + scale * scores[name][criterion.name].drawn(seed)[:, 0]
    order = sorted(names, key=lambda name: totals[name])
    number = sum(len(scores[order[0]][criterion.name].things) for criterion in criteria.criteria)
    behind = {name: interval(totals[name] - totals[order[0]], drawn[name] - drawn[order[0]], number) for name in order}
    middle = {name: drawn[name] - drawn[name].mean() + totals[name] for name in order}
    return Ranking(
        tuple(order),
        _decisive(scores, criteria, order),
        totals={name: interval(totals[name], middle[name], number) for name in order},
        behind=behind,
    )


def _decisive(scores: Scores, criteria: Criteria, order: Sequence[str]) -> str:
    """The criterion that puts the first furthest before the second."""
    if len(order) < 2:
        return ""

    def lead(criterion: Criterion) -> float:
        ours, theirs = (value(scores, name, criterion) for name in order[:2])
        return criterion.weight * (theirs - ours) / (criterion.matters or 1.0)

    return max(criteria.criteria, key=lead).name
