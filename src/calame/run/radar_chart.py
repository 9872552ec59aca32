"""A profile over several axes, as inline SVG: each axis a spoke, each series a polygon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from calame.run.charts import COLOURS

WIDTH, HEIGHT, RADIUS = 520, 330, 118
CENTRE = (WIDTH / 2, 160)
RINGS = 4


def radar_chart(axes: Sequence[str], series: Mapping[str, Sequence[float | None]], top: float = 1.0) -> str:
    """A value per axis of each series, from 0 in the middle to `top`; one that is None is left out of its polygon, one
    below 0 lies in the middle. An empty string for less than three axes: they span no surface."""
    if len(axes) < 3:
        return ""
    parts = [_ring(len(axes), ring / RINGS, f"{top * ring / RINGS:.2g}") for ring in range(1, RINGS + 1)]
    parts += [_spoke(number, len(axes), name) for number, name in enumerate(axes)]
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [
            _point(axis, len(axes), max(0.0, min(value / top, 1.0)))
            for axis, value in enumerate(values)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polygon points="{path}" fill="{colour}" fill-opacity="0.15" stroke="{colour}"/>')
        parts.append(
            f'<rect x="8" y="{8 + 17 * number}" width="12" height="9" fill="{colour}"/>'
            f'<text x="25" y="{17 + 17 * number}">{escape(name)}</text>'
        )
    label = escape(f"{', '.join(series)} over {', '.join(axes)}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _point(number: int, axes: int, share: float) -> tuple[float, float]:
    """Where a share of the radius lies on an axis; the first one points up."""
    angle = 2 * math.pi * number / axes - math.pi / 2
    return CENTRE[0] + RADIUS * share * math.cos(angle), CENTRE[1] + RADIUS * share * math.sin(angle)


def _ring(axes: int, share: float, tick: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_point(number, axes, share) for number in range(axes)))
    x, y = _point(0, axes, share)
    return (
        f'<polygon points="{path}" fill="none" class="grid"/>'
        f'<text x="{x + 4:.1f}" y="{y + 10:.1f}" class="unit">{tick}</text>'
    )


def _spoke(number: int, axes: int, name: str) -> str:
    (x0, y0), (x1, y1), (x, y) = CENTRE, _point(number, axes, 1), _point(number, axes, 1.13)
    anchor = "middle" if abs(x - CENTRE[0]) < 10 else "start" if x > CENTRE[0] else "end"
    return (
        f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y0:.1f}" y2="{y1:.1f}" class="grid"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
    )
