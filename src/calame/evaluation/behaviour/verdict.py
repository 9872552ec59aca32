"""What is said of one generation, token by token and word by word."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from calame.evaluation.behaviour.languages import language_of, switch_rate
from calame.evaluation.behaviour.repetition import (
    distinct_share,
    has_repeat,
    has_same_sentences,
    loop_period,
    repeated_share,
)
from calame.evaluation.behaviour.segments import sentences, windows, words
from calame.inference.generate import Completion

LEAST_TOKENS = 8  # that a generation must have to be complete where it did not end by itself


@dataclass(frozen=True)
class Repetition:
    """Of a generation as tokens, or as words. None: it is too short to say (`repetition.py`)."""

    units: int
    loop_period: int  # 0: it does not end in a loop
    distinct_2: float | None
    repeated_4gram: bool
    rep4: float | None


@dataclass(frozen=True)
class Verdict:
    """complete: not blank, and ended by itself or at the limit with LEAST_TOKENS. language: empty where nothing can be
    said. Switches: over pairs of neighbouring sentences, and of windows of 20 words."""

    empty: bool
    complete: bool
    stopped: bool
    tokens: Repetition
    words: Repetition
    same_sentences: bool
    language: str
    switches: float
    window_switches: float


def judge(completion: Completion) -> Verdict:
    """`completion.ids` are the new tokens without the one that ends them."""
    text, said = completion.text, sentences(completion.text)
    blank = not text.strip()
    return Verdict(
        empty=blank,
        complete=not blank and (completion.stopped or len(completion.ids) >= LEAST_TOKENS),
        stopped=completion.stopped,
        tokens=_repetition(completion.ids),
        words=_repetition(words(text)),
        same_sentences=has_same_sentences(said),
        language=language_of(text),
        switches=switch_rate(said),
        window_switches=switch_rate(windows(text)),
    )


def _repetition(units: Sequence[Hashable]) -> Repetition:
    return Repetition(len(units), loop_period(units), distinct_share(units), has_repeat(units), repeated_share(units))
