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
