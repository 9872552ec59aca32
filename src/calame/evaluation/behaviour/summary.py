"""Behaviour of many generations together: rates with their intervals, over all and by language of the prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calame.evaluation.behaviour.generate import Generation
from calame.evaluation.behaviour.repetition import pooled_distinct
from calame.evaluation.behaviour.segments import words
from calame.evaluation.behaviour.verdict import Verdict
from calame.evaluation.intervals import jackknife_interval, share_interval

RATES: Mapping[str, Callable[[Verdict], float | None]] = {
    "loop_rate": lambda v: v.tokens.loop_period > 0,
    "loop_rate_words": lambda v: v.words.loop_period > 0,
    "loop_rate_sentences": lambda v: v.same_sentences,
    "distinct_2_mean": lambda v: v.tokens.distinct_2,
    "distinct_2_mean_words": lambda v: v.words.distinct_2,
    "repeated_4gram_rate": lambda v: v.tokens.repeated_4gram,
    "repeated_4gram_rate_words": lambda v: v.words.repeated_4gram,
    "rep4_fraction": lambda v: v.tokens.rep4,
    "rep4_fraction_words": lambda v: v.words.rep4,
    "language_switch_rate": lambda v: v.switches,
    "language_switch_rate_windows": lambda v: v.window_switches,
    "completion_rate": lambda v: v.complete,
    "eos_rate": lambda v: v.stopped,
}
ENDS = ("completion_rate", "eos_rate")  # what can be said of empty generations too
NOTHING, SHORT = "every generation is empty", "every generation is too short"


def summarise(generations: Sequence[Generation]) -> dict[str, Any]:
    """Counts, and each metric with its interval. A metric of which nothing can be said has value null and a reason.

    Shares are of all generations, the empty ones among them; how many these are stands beside."""
    verdicts = [generation.verdict for generation in generations]
    empty = sum(verdict.empty for verdict in verdicts)
    found: dict[str, Any] = {
        "generations": len(generations),
        "empty": empty,
        "mean_tokens": _mean([v.tokens.units for v in verdicts]),
        "mean_words": _mean([v.words.units for v in verdicts]),
    }
    if not generations:
        return found
    silent = empty == len(verdicts)
    for name, of in RATES.items():
        values = [value for verdict in verdicts if (value := of(verdict)) is not None]
        found[name] = _nothing(NOTHING) if silent and name not in ENDS else _rate(values, SHORT)
    for name, units in (("distinct_2", _tokens), ("distinct_2_words", _words)):
        found[name] = _nothing(NOTHING) if silent else _pooled([units(generation) for generation in generations])
    return found | _consistency(generations)


def _tokens(generation: Generation) -> Sequence[Any]:
    return generation.completion.ids


def _words(generation: Generation) -> Sequence[Any]:
    return words(generation.completion.text)


def _rate(values: Sequence[float], otherwise: str) -> dict[str, Any]:
    return share_interval(values).as_json() if values else _nothing(otherwise)


def _pooled(sequences: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """By jackknife: generations drawn with replacement would stand there twice, and so would their bigrams."""
    value, without = pooled_distinct(sequences)
    if value is None:
        return _nothing(SHORT)
    return jackknife_interval(value, without).as_json()


def _consistency(generations: Sequence[Generation]) -> dict[str, Any]:
    """Share of the generations in their prompt's language, of those whose language can be said."""
    judged = [g.verdict.language == g.prompt.language for g in generations if g.verdict.language]
    return {
        "language_consistency": _rate(judged, "no generation is long enough to say its language"),
        "language_abstained": len(generations) - len(judged),
    }


def _nothing(reason: str) -> dict[str, Any]:
    return {"value": None, "n": 0, "reason": reason}


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 2) if values else 0.0
