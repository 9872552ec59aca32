"""What checkpoints are chosen by: names of measurements, which way is better, how much matters, in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from calame.recipe.errors import Problem, UserError
from calame.recipe.section import Section

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Known:
    """What is known of the measurements whose names fit a pattern. `matters`: the least difference that is one."""

    pattern: str
    better: Better
    matters: float
    unit: str


# What matters is a choice of ours, not a measurement: less is rarely worth preferring one checkpoint to another for. A
# file of criteria says otherwise.
KNOWN = (
    Known(r"val/[^/]+/bpb", "lower", 0.01, "bits a byte"),
    Known(r"val/[^/]+/loss", "lower", 0.02, "nats a token"),
    Known(r"behaviour/(loop_rate|repeated_4gram_rate|rep4_fraction)(_\w+)?(/[a-z]+)?", "lower", 0.02, "share"),
    Known(r"behaviour/language_switch_rate(_windows)?(/[a-z]+)?", "lower", 0.02, "share"),
    Known(r"behaviour/(distinct_2_mean)(_words)?(/[a-z]+)?", "higher", 0.02, "share"),
    Known(r"behaviour/(language_consistency|completion_rate|eos_rate)(/[a-z]+)?", "higher", 0.02, "share"),
    Known(r"probe/(top_1|top_5|reciprocal_rank|probability)(/[a-z]+)?", "higher", 0.02, "share"),
    Known(r"probe/nats(/[a-z]+)?", "lower", 0.05, "nats a token"),
    Known(r"eval/.+", "higher", 0.01, "share"),
)
NAMES = "val/SLICE/bpb or loss (val/mixed/bpb), behaviour/NAME, probe/NAME, eval/TASK"


class Criterion(Section):
    """One thing to choose by."""

    name: str = Field(description=f"of a measurement: {NAMES}")
    better: Better | None = Field(default=None, description="derived from the name")
    matters: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="a smaller difference is none, however sure; derived from the name"
    )
    weight: Annotated[float, Field(gt=0)] = Field(default=1.0, description="weighted: of a difference that matters")

    @property
    def known(self) -> Known | None:
        return next((known for known in KNOWN if re.fullmatch(known.pattern, self.name)), None)

    @property
    def kind(self) -> str:
        """val, behaviour, probe or eval."""
        return self.name.split("/")[0]


class Criteria(Section):
    """lexicographic: the first criterion leaves those that it cannot tell from its best one, the next one chooses among
    these, and so on (the lexicographic semiorder of Tversky 1969). weighted: the least sum of distances from each
    criterion's best, in differences that matter."""

    order: Literal["lexicographic", "weighted"] = "lexicographic"
    criteria: Annotated[list[Criterion], Field(min_length=1)]

    def complete(self, where: str) -> Criteria:
        """With every default in its place. Raises `UserError` for names that are none, or stand there twice."""
        problems, found, seen = [], [], set()
        for criterion in self.criteria:
            known = criterion.known
            if known is None:
                problems.append(Problem(where, f"nothing is called {criterion.name!r}", NAMES))
                continue
            if criterion.name in seen:
                problems.append(Problem(where, f"{criterion.name} stands there twice"))
            seen.add(criterion.name)
            matters = known.matters if criterion.matters is None else criterion.matters
            found.append(criterion.model_copy(update={"better": criterion.better or known.better, "matters": matters}))
            if self.order == "weighted" and not matters:
                problems.append(
                    Problem(where, f"{criterion.name}: matters is 0", "above 0: weights are of what matters")
                )
        if problems:
            raise UserError(problems)
        return self.model_copy(update={"criteria": found})

    def in_words(self) -> list[str]:
        """The criteria with all that was derived, a line each."""
        head = "in this order" if self.order == "lexicographic" else "weighted"
        return [f"criteria, {head}:"] + [
            f"  {c.name}: {c.better} is better, a difference of {c.matters:g} matters"
            + (f", weight {c.weight:g}" if self.order == "weighted" else "")
            for c in self.criteria
        ]


def _presets() -> dict[str, Criteria]:
    loss, loops = "val/mixed/bpb", ["behaviour/loop_rate", "behaviour/repeated_4gram_rate"]
    language = ["behaviour/language_consistency", "behaviour/language_switch_rate"]
    balanced = [loss, *loops[:1], *language[:1], "probe/reciprocal_rank"]
    names = {"balanced": balanced, "loss": [loss], "behaviour": [*loops, *language, loss]}
    return {
        key: Criteria(criteria=[Criterion(name=name) for name in part]).complete(key) for key, part in names.items()
    }


PRESETS = _presets()
OWN = "own"  # stands for evaluation.criteria of a recipe


def parse_criteria(given: str, where: str, own: Criteria | None = None) -> Criteria:
    """A preset's name, `own`, or names with commas between. Raises `UserError` with all that is wrong."""
    if given == OWN and own is not None:
        return own.complete(where)
    if given in PRESETS:
        return PRESETS[given]
    names = [name.strip() for name in given.split(",")]
    if not all("/" in name for name in names):
        allowed = f"{', '.join(PRESETS)}; {OWN}: those of evaluation.criteria; names with commas between: {NAMES}"
        raise UserError(Problem(where, f"{given!r}", allowed))
    return Criteria(criteria=[Criterion(name=name) for name in names]).complete(where)
