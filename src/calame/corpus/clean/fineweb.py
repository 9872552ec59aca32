"""FineWeb's rules (Penedo et al. 2024, section 3.6), with the verdicts of datatrove's FineWebQualityFilter.

One thing differs on purpose: the signs that end a line are the language's (» and … among them), not Unicode's list of
sentence ends.
"""

from __future__ import annotations

from calame.corpus.clean.gopher import repeated
from calame.corpus.clean.measure import measured
from calame.corpus.step import Drop
from calame.recipe.clean import FineWeb


def judge(text: str, rules: FineWeb, line_ends: tuple[str, ...]) -> Drop | None:
    page = measured(text)
    lines = page.full_lines
    if not lines:
        return Drop("empty")
    ended = sum(line.endswith(line_ends) for line in lines) / len(lines)
    if ended < rules.min_ended_lines:
        return Drop("fineweb: lines without an end", f"{ended:.3f} have one, {rules.min_ended_lines:g} asked")
    breaks = text.count("\n")
    for rule, share, most in (
        ("short lines", sum(len(line) <= rules.short_line for line in lines) / len(lines), rules.max_short_lines),
        ("repeated characters", repeated(lines)[1] / (len(text) - breaks), rules.max_repeated_characters),
        ("line breaks", breaks / max(1, len(page.tokens)), rules.max_line_breaks),
    ):
        if share > most:
            return Drop(f"fineweb: {rule}", f"{share:.3f}, at most {most:g}")
    return None
