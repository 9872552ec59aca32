"""Which setting is recommended: the winner on the tuning prompts, unless the holdout prompts speak against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calame.evaluation.decoding.objective import Objective, difference_of_scores
from calame.evaluation.decoding.settings import PRESETS, Setting
from calame.evaluation.intervals import LEVEL, Interval
from calame.evaluation.measured import Measured
from calame.evaluation.records import say_number

DEFAULT = PRESETS["default"]
Trials = Mapping[Setting, Measured]


@dataclass(frozen=True)
class Place:
    """A setting's place on a leaderboard. `behind`: how much better the first one's score is, over the same prompts."""

    setting: Setting
    score: Interval
    behind: Interval
    numbers: Mapping[str, Interval]

    @property
    def within_noise(self) -> bool:
        return self.behind.low <= 0


@dataclass(frozen=True)
class Decision:
    """The recommended setting and, sentence by sentence, why. `confirmed`: it won on the tuning prompts too."""

    recommended: Setting
    confirmed: bool
    words: tuple[str, ...]


def ranked(trials: Trials, objective: Objective) -> list[Place]:
    """The settings, the best score first; of equal scores the simpler one."""
    scores = {setting: objective.of(measured) for setting, measured in trials.items()}
    order = sorted(trials, key=lambda setting: (-scores[setting].value, simplicity(setting)))
    first = trials[order[0]]
    return [
        Place(
            setting,
            scores[setting],
            difference_of_scores(objective, first, trials[setting]),
            trials[setting].intervals(),
        )
        for setting in order
    ]


def simplicity(setting: Setting) -> tuple[int, bool, str]:
    """Smaller is simpler: fewer rules; of as many, the default preset."""
    return setting.rules, setting != DEFAULT, setting.name


def finalists(board: Sequence[Place]) -> dict[str, Setting]:
    """Who goes to the holdout prompts, by role: the two best, the default preset, and the winner's raw twin, which
    shows what its penalties hide."""
    winner = board[0].setting
    found = {
        "winner": winner,
        "runner-up": board[1].setting,
        "default": DEFAULT,
        "winner without penalties": winner.raw,
    }
    roles: dict[str, Setting] = {}
    for role, setting in found.items():
        if setting not in roles.values():
            roles[role] = setting
    return roles


def decide(roles: Mapping[str, Setting], holdout: Trials, objective: Objective) -> Decision:
    """The winner stays unless a rival is better beyond the noise (then that one), or no worse beyond the noise and
    simpler (then the simplest such)."""
    winner = roles["winner"]
    rivals = {role: roles[role] for role in ("runner-up", "default") if role in roles}
    words, better, alike = [], [], []
    for role, rival in rivals.items():
        gain = difference_of_scores(objective, holdout[winner], holdout[rival])
        words.append(_compared(winner, role, rival, gain))
        if gain.high < 0:
            better.append((gain.value, rival))
        elif gain.low <= 0:
            alike.append(rival)
    if better:
        chosen = min(better, key=lambda found: found[0])[1]
        words.append(f"Not confirmed: {chosen.name} is better on the holdout prompts, and is recommended.")
        return Decision(chosen, False, tuple(words))
    simpler = [rival for rival in alike if simplicity(rival) < simplicity(winner)]
    if simpler:
        chosen = min(simpler, key=simplicity)
        words.append(f"What cannot be told apart is chosen by simplicity: {chosen.name} is recommended.")
        return Decision(chosen, False, tuple(words))
    if alike:
        words.append(f"{winner.name}, the winner on the tuning prompts, is the simplest of these, and is recommended.")
    else:
        words.append(f"Confirmed: {winner.name}, the winner on the tuning prompts, is recommended.")
    return Decision(winner, True, tuple(words))


def _compared(winner: Setting, role: str, rival: Setting, gain: Interval) -> str:
    if gain.low > 0:
        verdict = "beyond the noise"
    elif gain.high < 0:
        verdict = "beyond the noise, for the rival"
    else:
        verdict = f"inside the noise (0 lies in the {LEVEL:.0%} interval)"
    return (
        f"On {gain.n} holdout prompts the score of the winner ({winner.name}) is {say_number(gain, '+.3f')} "
        f"against the {role} ({rival.name}): {verdict}."
    )
