"""Why this checkpoint, in words: what decided, what is noise, and why the best by one kind alone was not taken.

Every sentence is made of a measured number; none is there without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calame.evaluation.compare.rank import Gap, Ranking, Scores, Step, best_by, gap, rank, value
from calame.evaluation.intervals import LEVEL
from calame.evaluation.records import say_number
from calame.recipe.criteria import Criteria, Criterion

FORM = ".4g"  # of numbers in sentences
NAMED = 4  # candidates that a sentence names; the rest is counted
KINDS = {"val": "the losses", "behaviour": "behaviour", "probe": "the probes", "eval": "the benchmarks"}


def best_by_kind(scores: Scores, criteria: Criteria, chosen: str) -> dict[str, tuple[str, bool]]:
    """For each kind of criteria there is, whom it would choose alone, and whether that one differs from all others
    beyond the noise (where it does not differ from the chosen one, that counts as the kind's choice)."""
    found = {}
    for kind in dict.fromkeys(criterion.kind for criterion in criteria.criteria):
        own = [criterion for criterion in criteria.criteria if criterion.kind == kind]
        first, *others = rank(scores, criteria.model_copy(update={"criteria": own})).order
        alike = [other for other in others if not any(_apart(scores, first, other, c).beyond_noise for c in own)]
        found[kind] = (chosen if chosen in alike else first), not alike
    return found


def _apart(scores: Scores, one: str, other: str, criterion: Criterion) -> Gap:
    """How far the worse of two is behind the better one."""
    ahead = value(scores, one, criterion) <= value(scores, other, criterion)
    return gap(scores, one, other, criterion) if ahead else gap(scores, other, one, criterion)


def rationale(scores: Scores, criteria: Criteria, ranking: Ranking) -> list[str]:
    """Sentences, in the order in which they are read."""
    chosen = ranking.order[0]
    if len(ranking.order) == 1:
        return [f"{chosen} is the only checkpoint there was to choose."]
    names = ", ".join(criterion.name for criterion in criteria.criteria)
    how = "one criterion after the other" if criteria.order == "lexicographic" else "by a weighted sum"
    words = [f"{chosen} is chosen out of {len(ranking.order)} checkpoints, {how}: {names}."]
    words += [_stepped(step, scores) for step in ranking.steps]
    words += _decided(scores, criteria, ranking)
    for kind, (other, told) in best_by_kind(scores, criteria, chosen).items():
        words.append(_why_not(scores, criteria, chosen, other, told, KINDS[kind]))
    return words


def _stepped(step: Step, scores: Scores) -> str:
    """What one criterion did."""
    head = f"{step.criterion.name} ({step.criterion.better} is better): best is {step.best} with "
    head += f"{_measured(scores, step.best, step.criterion)}."
    told = [gap for gap in step.gaps if gap.told]
    alike = [gap for gap in step.gaps if not gap.beyond_noise]
    small = [gap for gap in step.gaps if gap.beyond_noise and not gap.told]
    parts = [head]
    for gaps, verdict in (
        (told, "behind beyond the noise, and out"),
        (alike, f"not told apart from it (0 lies in the {LEVEL:.0%} interval of the difference)"),
        (small, f"behind by less than the {step.criterion.matters:g} that matters"),
    ):
        if gaps:
            parts.append(f"{'; '.join(_behind(gap) for gap in gaps[:NAMED])}{_rest(gaps)}: {verdict}.")
    return " ".join(parts)


def _behind(gap: Gap) -> str:
    return f"{gap.candidate} by {say_number(gap.behind, FORM)}"


def _rest(gaps: Sequence[Gap]) -> str:
    return f"; and {len(gaps) - NAMED} more" if len(gaps) > NAMED else ""


def _decided(scores: Scores, criteria: Criteria, ranking: Ranking) -> Iterator[str]:
    first, second = ranking.order[:2]
    if ranking.behind is not None:
        lead = ranking.behind[second]
        verdict = "beyond the noise" if lead.low > 0 else "inside the noise: the choice is one of several as good"
        yield (
            f"The weighted sum of {second}, the next one, is {say_number(lead, FORM)} worse (in differences that "
            f"matter): {verdict}. What sets them apart most is {ranking.decided_by}."
        )
    elif ranking.decided_by:
        yield f"{ranking.decided_by} decided."
    else:
        left = [name for name in ranking.order if all(name in step.left for step in ranking.steps)]
        yield (
            f"No criterion tells {', '.join(left[:NAMED])} apart: {first} has the better number of "
            f"{criteria.criteria[0].name}, which is no proof that it is better."
        )


def _why_not(scores: Scores, criteria: Criteria, chosen: str, other: str, told: bool, kind: str) -> str:
    """Whether the best by one kind of criteria is the chosen one, and if not what speaks for and against it."""
    if other == chosen:
        return f"By {kind} alone, {'too, it is the one' if told else 'it is one of several as good'}."
    parts = [f"By {kind} alone {other} would be chosen."]
    noise = []
    for criterion in criteria.criteria:
        found = _apart(scores, chosen, other, criterion)
        side = "worse" if found.candidate == other else "better"
        if found.told:
            parts.append(f"It is {side} by {say_number(found.behind, FORM)} in {criterion.name}.")
        elif found.beyond_noise:
            parts.append(
                f"It is {side} by {say_number(found.behind, FORM)} in {criterion.name}, less than what matters."
            )
        else:
            noise.append(criterion.name)
    if noise:
        parts.append(f"In {', '.join(noise)} the difference is inside the noise.")
    return " ".join(parts)


def _measured(scores: Scores, candidate: str, criterion: Criterion) -> str:
    return say_number(scores[candidate][criterion.name].intervals()[criterion.name], FORM)


def scalar_best(scores: Scores, criteria: Criteria) -> tuple[str, str] | None:
    """(candidate, criterion): the best number of the first loss among the criteria."""
    first = next((criterion for criterion in criteria.criteria if criterion.kind == "val"), None)
    return (best_by(scores, first, list(scores)), first.name) if first else None
