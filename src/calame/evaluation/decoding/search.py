"""The decoding search: every setting on the tuning prompts, the best on the holdout prompts, and a recommendation.

What a setting generated is written down when it is whole (`.tried.jsonl`): interrupt the search anywhere, and the same
command goes on with the setting that it was at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from calame.evaluation.behaviour.prompts import Half, Prompt
from calame.evaluation.decoding.decide import Decision, Place, decide, finalists, ranked
from calame.evaluation.decoding.files import JOURNAL
from calame.evaluation.decoding.objective import SURPRISE, UNKNOWN, Objective
from calame.evaluation.decoding.reference import Reference
from calame.evaluation.decoding.settings import Setting
from calame.evaluation.decoding.trial import Trial, Way, fitting, measure, try_setting
from calame.evaluation.identity import weights_of
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.run.files import digest
from calame.run.journal import Journal
from calame.run.progress import Bar, say

LEAST_PROMPTS = 10  # of each half; of fewer, nothing can be said


@dataclass(frozen=True)
class Plan:
    """What is tried, on what, and by what it is chosen. `method`: how the settings were found, in words."""

    settings: Sequence[Setting]
    prompts: Sequence[Prompt]
    objective: Objective
    way: Way
    reference: Reference = field(default_factory=Reference)
    method: str = ""
    space: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What the search found. Boards have the best setting first; `left_out`: prompts without room for generations."""

    plan: Plan
    objective: Objective
    weights: str
    trials: Mapping[Half, Mapping[Setting, Trial]]
    boards: Mapping[Half, Sequence[Place]]
    roles: Mapping[str, Setting]
    decision: Decision
    left_out: Sequence[Prompt]
    words: Sequence[str]


def search(loaded: Loaded, plan: Plan, folder: Path) -> Outcome:
    """Try the settings of a plan. Raises `UserError` where the prompts of a half are too few to say anything."""
    fit, left_out = fitting(loaded, plan.prompts, plan.way)
    halves: dict[Half, list[Prompt]] = {
        "tuning": [prompt for prompt in fit if prompt.half == "tuning"],
        "holdout": [prompt for prompt in fit if prompt.half == "holdout"],
    }
    for half, prompts in halves.items():
        if len(prompts) < LEAST_PROMPTS:
            found = f"{len(prompts)} {half} prompts behind which {plan.way.limit} tokens have room"
            remedy = "a greater --number, shorter prompts, or a smaller --limit"
            raise refuse("prompts", found, f"at least {LEAST_PROMPTS}", remedy)
    objective, reference, notes = _measurable(plan, fit)
    if left_out:
        notes.append(f"{len(left_out)} prompts leave no room for {plan.way.limit} tokens, and are left out.")
    weights = weights_of(Path(loaded.origin))
    with Journal(folder / JOURNAL) as journal:
        tries = _Tries(loaded, plan.way, weights, journal)
        tuning = tries.all(plan.settings, halves["tuning"], "tuning")
        board = ranked({s: measure(trial, reference) for s, trial in tuning.items()}, objective)
        roles = finalists(board)
        holdout = tries.all(list(roles.values()), halves["holdout"], "holdout")
    measured = {setting: measure(trial, reference) for setting, trial in holdout.items()}
    decision = decide(roles, measured, objective)
    return Outcome(
        plan=plan,
        objective=objective,
        weights=weights,
        trials={"tuning": tuning, "holdout": holdout},
        boards={"tuning": board, "holdout": ranked(measured, objective)},
        roles=roles,
        decision=decision,
        left_out=left_out,
        words=(*notes, *decision.words),
    )


def _measurable(plan: Plan, prompts: Sequence[Prompt]) -> tuple[Objective, Reference, list[str]]:
    """The objective and the reference without what is not known of text; and this in words."""
    objective, reference, notes = plan.objective, plan.reference, list[str]()
    if missing := sorted({prompt.language for prompt in prompts} - set(reference.nats)):
        reference = replace(reference, nats={})
        if SURPRISE in objective.weights:
            objective = objective.without(SURPRISE)
            unknown = ", ".join(missing)
            notes.append(f"surprise is not weighed: the model's loss on validation text is not known for {unknown}.")
    if not reference.words and UNKNOWN in objective.weights:
        objective = objective.without(UNKNOWN)
        notes.append("unknown words are not weighed: the text that the model learnt from is not here.")
    if not objective.weights:
        raise refuse("--weight", f"nothing is left: {' '.join(notes)}", "the run of the model", "weigh other rates")
    for note in notes:
        say(f"  {note}")
    return objective, reference, notes


@dataclass(frozen=True)
class _Tries:
    """Tries settings, or takes what was written down of them."""

    loaded: Loaded
    way: Way
    weights: str
    journal: Journal

    def all(self, settings: Sequence[Setting], prompts: Sequence[Prompt], half: str) -> dict[Setting, Trial]:
        keys = {setting: self._key(setting, prompts) for setting in settings}
        known = {row["key"]: row["said"] for row in self.journal.rows() if row.get("key") in keys.values()}
        trials = {}
        done = sum(key in known for key in keys.values()) * len(prompts)
        with Bar(f"{half} prompts", len(settings) * len(prompts), "generations", done) as bar:
            for setting, key in keys.items():
                if key in known:
                    trials[setting] = Trial.from_json(setting, prompts, known[key], self.loaded)
                    continue
                trials[setting] = try_setting(self.loaded, setting, prompts, self.way)
                self.journal.add({"key": key, "setting": setting.name, "said": trials[setting].as_json()})
                bar.advance(len(prompts), setting.name)
        return trials

    def _key(self, setting: Setting, prompts: Sequence[Prompt]) -> str:
        """What generations depend on."""
        asked = [[prompt.language, prompt.text] for prompt in prompts]
        return digest({"weights": self.weights, "setting": asdict(setting), "way": asdict(self.way), "prompts": asked})


def by_language(prompts: Sequence[Prompt]) -> dict[str, int]:
    return dict(Counter(prompt.language for prompt in prompts))
