"""Repetition in a sequence of tokens or of words: distinct bigrams, 4-grams that come again, loops at the end.

None stands for what cannot be said: of a sequence that is shorter than one n-gram.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

LONGEST_PERIOD, LEAST_COPIES, LEAST_LOOP = 16, 3, 12  # a loop: its period, its copies, and all of it, in units
SAME_SENTENCES = 3  # in a row


def ngrams(sequence: Sequence[Hashable], size: int) -> list[tuple[Hashable, ...]]:
    return [tuple(sequence[start : start + size]) for start in range(len(sequence) - size + 1)]


def distinct_share(sequence: Sequence[Hashable], size: int = 2) -> float | None:
    """Different n-grams over all of them (Li et al. 2016, "A diversity-promoting objective function")."""
    found = ngrams(sequence, size)
    return len(set(found)) / len(found) if found else None


def pooled_distinct(sequences: Sequence[Sequence[Hashable]], size: int = 2) -> tuple[float | None, list[float]]:
    """Different n-grams over all n-grams of all sequences together; and the same without each sequence in turn (those
    without which nothing would be left are passed over)."""
    found = [Counter(ngrams(sequence, size)) for sequence in sequences]
    whole = sum(found, Counter())
    total, different = whole.total(), len(whole)
    if not total:
        return None, []
    without = []
    for own in found:
        only_here = sum(whole[gram] == count for gram, count in own.items())
        if total > own.total():
            without.append((different - only_here) / (total - own.total()))
    return different / total, without


def has_repeat(sequence: Sequence[Hashable], size: int = 4) -> bool:
    """Whether some n-gram stands in it twice or more."""
    found = ngrams(sequence, size)
    return len(set(found)) < len(found)


def repeated_share(sequence: Sequence[Hashable], size: int = 4) -> float | None:
    """1 - different n-grams over all of them."""
    distinct = distinct_share(sequence, size)
    return None if distinct is None else 1 - distinct


def loop_period(sequence: Sequence[Hashable]) -> int:
    """The shortest period in which a sequence ends, or 0: at least 3 copies up to the end, of at most 16 units, which
    together are 12 units or half of the sequence, whichever is less."""
    for period in range(1, min(LONGEST_PERIOD, len(sequence) // LEAST_COPIES) + 1):
        again = 0  # units from the end that are what stands a period before them
        while again < len(sequence) - period and sequence[-1 - again] == sequence[-1 - again - period]:
            again += 1
        copies = 1 + again // period
        if copies >= LEAST_COPIES and copies * period >= min(LEAST_LOOP, len(sequence) / 2):
            return period
    return 0


def has_same_sentences(sentences: Iterable[str]) -> bool:
    """Whether a sentence stands three times or more in a row."""
    before, run = None, 0
    for sentence in sentences:
        run = run + 1 if sentence == before else 1
        if run == SAME_SENTENCES:
            return True
        before = sentence
    return False
