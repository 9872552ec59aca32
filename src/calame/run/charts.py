"""Line charts as inline SVG: a report is one file that opens anywhere, now and in ten years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from calame.recipe.units import say_count

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 150, 14, 34
COLOURS = ("#2a6f97", "#c8553d", "#588157", "#8d6a9f", "#b08900", "#3d405b", "#7f5539", "#118ab2")
Series = Mapping[str, Sequence[tuple[float, float]]]


def line_chart(series: Series, unit: str, across: str = "tokens") -> str:
    """Lines of (x, y) points with axes and a legend; an empty string where there is nothing to draw."""
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1)
    y_low, y_high = _padded(min(ys), max(ys))

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
        y = TOP + 12 + number * 17
        parts.append(
            f'<line x1="{WIDTH - RIGHT + 8}" x2="{WIDTH - RIGHT + 23}" y1="{y - 4}" y2="{y - 4}" '
            f'stroke="{colour}" stroke-width="4"{dashes}/>'
            f'<text x="{WIDTH - RIGHT + 27}" y="{y}">{escape(name)}</text>'
        )
    label = escape(f"{unit} over {across}: {', '.join(series)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


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
    """A line a row: its name, a dot at its value, and a bar from its lowest to its highest, on an axis over `span` (None:
    as far as the rows go); an empty string where there is nothing to draw."""
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
