"""What a good setting is: a declared sum of what was measured of its generations. The weights stand in every result.

No rate of repetition alone says it: what never repeats may be noise. Two numbers keep noise from winning, both measured
from text that people wrote (`reference.py`):
- `unknown_words`: the share of a generation's words that stand nowhere in what the model learnt from;
- `surprise`: how far a generation's own loss (nats a token, under the model as it is) lies above the model's loss on
  text. A model that knows its own uncertainty has the loss of text at temperature 1, so this speaks only against those
  that do not; below it lie loops and commonplaces (Holtzman et al. 2020, "The curious case of neural text
  degeneration", figure 5), which have numbers of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calame.evaluation.intervals import Interval
from calame.evaluation.measured import Measured, interval
from calame.recipe.errors import Problem, UserError

SURPRISE, UNKNOWN = "surprise", "unknown_words"
WEIGHTS = {
    "completion_rate": 1.0,
    "eos_rate": 0.0,
    "language_consistency": 1.0,
    "distinct_2_mean": 0.5,
    "loop_rate": -1.0,
    "repeated_4gram_rate": -0.5,
    "language_switch_rate": -0.5,
    UNKNOWN: -2.0,
    SURPRISE: -0.5,  # a nat
}
OF_ANSWERS = {"eos_rate": 1.0}  # an answer is to end; text may go on


@dataclass(frozen=True)
class Objective:
    """The weight of each number; negative where less is better."""

    weights: Mapping[str, float]

    def of(self, measured: Measured, seed: int = 0) -> Interval:
        """The score of a setting's generations."""
        score, drawn = self.score(measured.values(), measured), self.drawn(measured, seed)
        return interval(float(score), drawn, len(measured.things))

    def drawn(self, measured: Measured, seed: int = 0) -> np.ndarray:
        """(DRAWS) scores of things drawn again."""
        return self.score(measured.drawn(seed), measured)

    def score(self, numbers: np.ndarray, measured: Measured) -> np.ndarray:
        """numbers: (..., m) -> (...). What could not be said of any generation counts as bad as a rate can be: a
        setting must not win by saying nothing."""
        total = np.zeros(numbers.shape[:-1])
        for name, weight in self.weights.items():
            found = numbers[..., measured.names.index(name)]
            total += weight * np.where(np.isnan(found), 0.0 if weight > 0 else 1.0, found)
        return total

    def without(self, name: str) -> Objective:
        """The same with one number left out, as it could not be measured."""
        return Objective({key: weight for key, weight in self.weights.items() if key != name})

    def in_words(self) -> str:
        return " ".join(f"{weight:+g} x {name}" for name, weight in self.weights.items())


def difference_of_scores(objective: Objective, ours: Measured, theirs: Measured, seed: int = 0) -> Interval:
    """How much better our score is, over the same prompts drawn in pairs."""
    if (ours.things, ours.strata) != (theirs.things, theirs.strata):
        raise ValueError("the two settings were measured on other prompts")
    drawn = objective.drawn(ours, seed) - objective.drawn(theirs, seed)
    value = objective.score(ours.values(), ours) - objective.score(theirs.values(), theirs)
    return interval(float(value), drawn, len(ours.things))


def parse_weights(given: list[str], chat: bool = False) -> Objective:
    """The default weights (of answers, with `chat`) with changes NAME=NUMBER; 0 leaves a number out.

    Raises `UserError` for names that are none, and where nothing is left."""
    weights, problems = WEIGHTS | (OF_ANSWERS if chat else {}), []
    for item in given:
        name, _, text = item.partition("=")
        try:
            weights[name] = float(text)
        except ValueError:
            problems.append(Problem("--weight", f"{item!r}", "NAME=NUMBER, as loop_rate=-2"))
            continue
        if name not in WEIGHTS:
            problems.append(Problem("--weight", f"nothing is called {name!r}", ", ".join(WEIGHTS)))
        elif not np.isfinite(weights[name]):
            problems.append(Problem("--weight", f"{item!r} is no number", "NAME=NUMBER, as loop_rate=-2"))
    weights = {name: weight for name, weight in weights.items() if weight}
    if not weights and not problems:
        problems.append(Problem("--weight", "every weight is 0: there is nothing to choose by"))
    if problems:
        raise UserError(problems)
    return Objective(weights)
