"""Gopher's rules of quality and repetition (Rae et al. 2021, section A.1.1), with datatrove's verdicts.

Order, names of what is measured and rounding are those of datatrove's GopherQualityFilter and GopherRepetitionFilter
given words split as `\\w+|[^\\w\\s]`; tests hold them equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from calame.corpus.clean.characters import LETTER
from calame.corpus.clean.measure import measured
from calame.corpus.clean.tokens import Tokens, among, edges_of, halves
from calame.corpus.step import Drop
from calame.recipe.clean import GopherQuality, GopherRepetition

PARAGRAPHS = re.compile(r"\n{2,}")


def stop_word_finder(words: list[str]) -> re.Pattern[str]:
    """Finds whole words, capitals counting."""
    return re.compile(rf"\b(?:{'|'.join(words)})\b")


def judge_quality(text: str, rules: GopherQuality, stop_words: re.Pattern[str]) -> Drop | None:
    page = measured(text)
    tokens = page.tokens
    words = tokens.lengths[tokens.says_something]
    if len(words) < rules.min_words:
        return Drop("gopher: too few words", f"{len(words)} words, {rules.min_words} asked")
    if len(words) > rules.max_words:
        return Drop("gopher: too many words", f"{len(words)} words, at most {rules.max_words}")
    mean = words.sum() / max(1, len(words))
    if not rules.min_word_length <= mean <= rules.max_word_length:
        allowed = f"{rules.min_word_length:g} to {rules.max_word_length:g}"
        return Drop("gopher: word length", f"{mean:.2f} characters a word, {allowed} allowed")
    for rule, share, most in (
        ("gopher: hash signs", text.count("#") / max(1, len(tokens)), rules.max_symbols),
        ("gopher: ellipses", (text.count("...") + text.count("…")) / max(1, len(tokens)), rules.max_symbols),
        ("gopher: bullets", _share(page.lines, _is_bullet), rules.max_bullet_lines),
        ("gopher: lines left open", _share(page.lines, _is_open), rules.max_ellipsis_lines),
    ):
        if share > most:
            return Drop(rule, f"{share:.3f}, at most {most:g}")
    counted = tokens if rules.signs_are_words else page.plain
    letters = np.count_nonzero(counted.holding(LETTER)) / max(1, len(counted))
    if letters < rules.min_alphabetic_words:
        return Drop("gopher: words without letters", f"{letters:.3f} have some, {rules.min_alphabetic_words:g} asked")
    found = _different(text, stop_words, rules.min_stop_words)
    if found < rules.min_stop_words:
        return Drop("gopher: stop words", f"{found} different ones, {rules.min_stop_words} asked")
    return None


def _share(lines: list[str], what: Callable[[str], bool]) -> float:
    return sum(map(what, lines)) / max(1, len(lines))


def _is_bullet(line: str) -> bool:
    return line.lstrip().startswith(("•", "-"))


def _is_open(line: str) -> bool:
    return line.rstrip().endswith(("...", "…"))


def _different(text: str, words: re.Pattern[str], enough: int) -> int:
    """Different words found, up to `enough`."""
    found: set[str] = set()
    for match in words.finditer(text) if enough else ():
        found.add(match[0])
        if len(found) >= enough:
            break
    return len(found)


def judge_repetition(text: str, rules: GopherRepetition) -> Drop | None:
    for rule, share, most in _repetitions(text, rules):
        if share > most:
            return Drop(f"gopher: {rule}", f"{share:.3f}, at most {most:g}")
    return None


def _repetitions(text: str, rules: GopherRepetition) -> Iterator[tuple[str, float, float]]:
    """Each measure in its turn, with its name and limit."""
    size = max(1, len(text))
    for name, parts, most, most_characters in (
        ("paragraphs", _paragraphs(text), rules.paragraphs, rules.paragraph_characters),
        ("lines", _lines(text), rules.lines, rules.line_characters),
    ):
        again, characters = repeated(parts)
        yield f"repeated {name}", again / len(parts), most
        yield f"characters in repeated {name}", characters / size, most_characters
    words = measured(text).tokens if rules.signs_are_words else measured(text).plain
    for n, most in rules.top.items():
        if len(words) >= n:
            yield f"commonest {n}-gram", _commonest(words, n, most * size) / size, most
    for n, most in rules.repeated.items():
        yield f"repeated {n}-grams", _repeated_characters(words, n, most * size) / size, most


def _paragraphs(text: str) -> list[str]:
    """As `re.split(r"\\n{2,}", ...)` parts them."""
    text = text.strip()
    return PARAGRAPHS.split(text) if "\n\n\n" in text else text.split("\n\n")


def _lines(text: str) -> list[str]:
    """As `re.split(r"\\n+", ...)` parts them: what stands at either end of the text may be empty."""
    if "\n" not in text:
        return [text]
    first, *inner, last = text.split("\n")
    return [first, *filter(None, inner), last]


def repeated(parts: list[str]) -> tuple[int, int]:
    """How many of the parts were there before, and their characters."""
    seen: set[str] = set()
    characters = 0
    for part in parts:
        if part in seen:
            characters += len(part)
        seen.add(part)
    return len(parts) - len(seen), characters


def _commonest(words: Tokens, n: int, enough: float) -> int:
    """Characters, blanks between words included, in all occurrences of the commonest n-gram: the first one of several.
    0 where an upper bound is not above `enough`."""
    longest = int((words.bounds[n:] - words.bounds[:-n]).max()) + n - 1
    # No n-gram is commoner than the commonest pair of words.
    if words.commonest_pair * longest <= enough:
        return 0
    grams = words.rows(n)
    ordered = np.sort(grams)
    edges = edges_of(ordered)
    counts = np.diff(edges)
    most = int(counts.max())
    commonest = ordered[edges[:-1][counts == most]]
    first = int(np.argmax(among(grams, commonest)))
    return most * int(words.bounds[first + n] - words.bounds[first] + n - 1)


def _repeated_characters(words: Tokens, n: int, enough: float) -> int:
    """Characters of the n-grams that were met before, reading on behind each of them. 0 where an upper bound is not
    above `enough`."""
    grams = words.joined(n)
    if not len(grams):
        return 0
    sizes = words.bounds[n:] - words.bounds[:-n]
    short = halves(grams)
    ordered = np.sort(short)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(again) * int(sizes.max()) <= enough:
        return 0
    places = np.flatnonzero(among(short, again))  # all others are met once: they are never a repetition
    if _covered(words, n, grams[places], places) <= enough:
        return 0
    met: set[int] = set()
    total = free = 0
    for place, gram, size in zip(places.tolist(), grams[places].tolist(), sizes[places].tolist(), strict=True):
        if place < free:
            continue
        if gram in met:
            total += size
            free = place + n
        else:
            met.add(gram)
    return total


def _covered(words: Tokens, n: int, grams: np.ndarray, places: np.ndarray) -> int:
    """Characters of all words in n-grams that were met before, each word once: no less than what is repeated."""
    _, first = np.unique(grams, return_index=True)
    starts = np.zeros(len(words) + 1, np.int64)
    starts[places + 1] = 1
    starts[places[first] + 1] = 0
    before = np.cumsum(starts)  # of each word, the n-grams that begin before it
    inside = before[1:] - np.concatenate((np.zeros(n - 1, np.int64), before[: len(words) - n + 1])) > 0
    return int(words.lengths[inside].sum())
