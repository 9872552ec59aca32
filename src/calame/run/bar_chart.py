"""Bars with their errors and a mark for chance, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from calame.run.charts import COLOURS, WIDTH

LABEL, VALUE, THICK, GAP = 270, 60, 12, 8  # pixels: of the names, of the numbers, of a bar, between groups


@dataclass(frozen=True)
class Bar:
    """A number with its interval, where it has one, and what chance reaches."""

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None


def bar_chart(groups: Mapping[str, Mapping[str, Bar]], unit: str, top: float = 1.0) -> str:
    """A group of bars a name, of each series one; values from 0 to `top`, those below 0 drawn at 0. Whiskers are the
    interval, a dashed mark is chance. An empty string where there is nothing to draw."""
    series = list(dict.fromkeys(name for group in groups.values() for name in group))
    if not series:
        return ""
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(series)}
    parts, y = [_legend(colours)] if len(series) > 1 else [], 26.0
    for label, bars in groups.items():
        middle = y + len(bars) * THICK / 2 + 4
        parts.append(f'<text x="{LABEL - 8}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>')
        for name, bar in bars.items():
            parts.append(_bar(bar, y, colours[name], top))
            y += THICK
        y += GAP
    grid = [_line(top * tenth / 10, y, top) for tenth in range(0, 11, 2)]
    label = escape(f"{unit}: {', '.join(groups)}")
    height = y + 24
    foot = f'<text x="{LABEL}" y="{height - 3:.1f}" class="unit">{escape(unit)}; dashes: chance</text>'
    content = "".join([*grid, *parts, foot])
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">{content}</svg>'


def _place(value: float, top: float) -> float:
    return LABEL + min(max(value / top, 0.0), 1.0) * (WIDTH - LABEL - VALUE)


def _bar(bar: Bar, y: float, colour: str, top: float) -> str:
    end, middle = _place(bar.value, top), y + THICK / 2
    parts = [
        f'<rect x="{LABEL}" y="{y + 1:.1f}" width="{end - LABEL:.1f}" height="{THICK - 2}" fill="{colour}"/>',
        f'<text x="{WIDTH - VALUE + 8}" y="{middle + 4:.1f}">{bar.value:.3f}</text>',
    ]
    if bar.low is not None and bar.high is not None:
        low, high = _place(bar.low, top), _place(bar.high, top)
        parts.append(
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="var(--ink, #000)"/>'
        )
    if bar.chance is not None:
        at = _place(bar.chance, top)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y - 2:.1f}" y2="{y + THICK + 2:.1f}" '
            'stroke="var(--ink, #000)" stroke-width="1.6" stroke-dasharray="2 2"/>'
        )
    return "".join(parts)


def _line(value: float, bottom: float, top: float) -> str:
    at = _place(value, top)
    return (
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="20" y2="{bottom:.1f}" class="grid"/>'
        f'<text x="{at:.1f}" y="{bottom + 8:.1f}" text-anchor="middle" class="unit">{value:.1f}</text>'
    )


def _legend(colours: Mapping[str, str]) -> str:
    parts: Sequence[str] = [
        f'<rect x="{LABEL + 130 * n}" y="4" width="12" height="9" fill="{colour}"/>'
        f'<text x="{LABEL + 130 * n + 17}" y="13">{escape(name)}</text>'
        for n, (name, colour) in enumerate(colours.items())
    ]
    return "".join(parts)
