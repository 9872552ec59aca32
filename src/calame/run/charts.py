"""Charts as inline SVG: a report is one file that opens anywhere, now and in ten years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from calame.recipe.units import say_count

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 150, 14, 34
COLOURS = ("#2a6f97", "#c8553d", "#588157", "#8d6a9f", "#b08900", "#3d405b", "#7f5539", "#118ab2")
BAR, NAMES = 11, 190  # height of a bar, width of the names beside them
MARKED = 12  # points of a line that has a dot at each
Series = Mapping[str, Sequence[tuple[float, float]]]
Bars = Mapping[str, Mapping[str, Mapping[str, float]]]


def line_chart(series: Series, unit: str, across: str = "tokens", span: tuple[float, float] | None = None) -> str:
    """Lines of (x, y) points with axes and a legend; an empty string where there is nothing to draw. span: of the y
    axis; None: as far as the points go."""
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1)
    y_low, y_high = span or _padded(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            TOP + (y_high - y) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_axes(place, (x_low, x_high), (y_low, y_high), unit, across)]
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        dashes = ' stroke-dasharray="5 3"' if number >= len(COLOURS) else ""  # the second time a colour is used
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>')
        if len(points) <= MARKED:  # a single one would not be seen at all
            marks = (place(*point) for point in points)
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in marks]
        y = TOP + 12 + number * 17
        parts.append(
            f'<line x1="{WIDTH - RIGHT + 8}" x2="{WIDTH - RIGHT + 23}" y1="{y - 4}" y2="{y - 4}" '
            f'stroke="{colour}" stroke-width="4"{dashes}/>'
            f'<text x="{WIDTH - RIGHT + 27}" y="{y}">{escape(name)}</text>'
        )
    label = escape(f"{unit} over {across}: {', '.join(series)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def bar_chart(bars: Bars, unit: str) -> str:
    """Lying bars from 0 with their intervals, side by side where several groups have one of a name. bars: by group and
    name, each with value, low and high, none below 0; an empty string where there is nothing to draw."""
    names = list(dict.fromkeys(name for group in bars.values() for name in group))
    if not names:
        return ""
    most = max(max(bar["value"], bar["high"]) for group in bars.values() for bar in group.values()) or 1.0
    scale = (WIDTH - NAMES - RIGHT) / most
    step = BAR * len(bars) + 8
    parts = []
    for number, name in enumerate(names):
        y = TOP + number * step
        middle = y + BAR * len(bars) / 2
        parts.append(f'<text x="{NAMES - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for place, group in enumerate(bars.values()):
            if name in group:
                parts.append(_bar(group[name], y + BAR * place, scale, COLOURS[place % len(COLOURS)]))
    for place, group in enumerate(bars):
        x, y = WIDTH - RIGHT + 30, TOP + 12 + place * 17
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<rect x="{x}" y="{y - 9}" width="12" height="9" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{y}">{escape(group)}</text>')
    height = max(TOP + len(names) * step, TOP + 17 * len(bars)) + 18
    parts.append(f'<text x="{NAMES}" y="{height - 4}" class="unit">{escape(unit)}</text>')
    label = escape(f"{unit}: {', '.join(names)}")
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _bar(bar: Mapping[str, float], y: float, scale: float, colour: str) -> str:
    end, low, high = (NAMES + bar[key] * scale for key in ("value", "low", "high"))
    middle = y + BAR / 2
    return (
        f'<rect x="{NAMES}" y="{y:.1f}" width="{end - NAMES:.1f}" height="{BAR - 1}" fill="{colour}" opacity="0.8"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" class="whisker"/>'
        f'<text x="{max(end, high) + 5:.1f}" y="{y + BAR - 2:.1f}">{_three_digits(bar["value"])}</text>'
    )


def _three_digits(value: float) -> str:
    """0.28 -> 0.280, so that numbers beside each other are as long; 812 -> 812."""
    return f"{value:#.3g}".rstrip(".")


def _padded(low: float, high: float) -> tuple[float, float]:
    space = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    return low - space, high + space


def _axes(place, x_range: tuple[float, float], y_range: tuple[float, float], unit: str, across: str) -> str:
    parts = []
    for i in range(5):
        y = y_range[0] + (y_range[1] - y_range[0]) * i / 4
        (x0, at), (x1, _) = place(x_range[0], y), place(x_range[1], y)
        tick = say_count(y) if y >= 1000 else f"{y:.3g}"
        parts.append(
            f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>'
            f'<text x="{x0 - 6:.1f}" y="{at + 4:.1f}" text-anchor="end">{tick}</text>'
        )
        x = x_range[0] + (x_range[1] - x_range[0]) * i / 4
        at_x, bottom = place(x, y_range[0])
        parts.append(
            f'<text x="{at_x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{say_count(x) if x else 0}</text>'
        )
    parts.append(
        f'<text x="{LEFT}" y="{HEIGHT - 3}">{escape(across)}</text>'
        f'<text x="{LEFT + 4}" y="{TOP + 2}" class="unit">{escape(unit)}</text>'
    )
    return "".join(parts)


def interval_chart(
    rows: Sequence[tuple[str, float, float, float]], unit: str, span: tuple[float, float] | None = (0, 1)
) -> str:
    """A line a row: its name, a dot at its value, and a bar from its lowest to its highest, on an axis over `span`
    (None: as far as the rows go); an empty string where there is nothing to draw."""
    if not rows:
        return ""
    left, step = 230, 22
    height = TOP + step * len(rows) + BOTTOM
    first, last = span or _padded(min(low for _, _, low, _ in rows), max(high for *_, high in rows))

    def place(value: float) -> float:
        return left + min(max((value - first) / (last - first), 0.0), 1.0) * (WIDTH - left - 20)

    parts = []
    for tick in (first + (last - first) * quarter / 4 for quarter in range(5)):
        x, foot = place(tick), height - BOTTOM
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{foot}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 15}" text-anchor="middle">{tick:.4g}</text>')
    for number, (name, value, low, high) in enumerate(rows):
        y = TOP + step * (number + 0.5)
        parts.append(
            f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<line x1="{place(low):.1f}" x2="{place(high):.1f}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{COLOURS[0]}" stroke-width="3" opacity="0.45"/>'
            f'<circle cx="{place(value):.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[0]}"/>'
        )
    parts.append(f'<text x="{left}" y="{height - 3}">{escape(unit)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(unit)}">{"".join(parts)}</svg>'
