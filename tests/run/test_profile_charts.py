"""Bars and radars: what is drawn lies where its number says."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from calame.run.bar_chart import LABEL, Bar, bar_chart
from calame.run.radar_chart import CENTRE, RADIUS, radar_chart


def test_bars_are_as_long_as_their_values_with_error_and_chance():
    drawn = bar_chart({"a & b": {"one": Bar(0.5, 0.25, 0.75, 0.25)}, "c": {"one": Bar(1.0), "two": Bar(-1.0)}}, "score")
    tree = ElementTree.fromstring(drawn)
    lengths = [float(bar.get("width", 0)) for bar in tree.iter("rect") if bar.get("x") == str(LABEL)]
    assert lengths[-3:] == [pytest.approx(lengths[-2] / 2), lengths[-2], 0.0]
    dashes = [line for line in tree.iter("line") if line.get("stroke-dasharray")]
    assert len(dashes) == 1 and float(dashes[0].get("x1", 0)) == pytest.approx(LABEL + lengths[-2] / 4, abs=0.1)
    assert "a &amp; b" in drawn and bar_chart({}, "score") == ""


def test_a_radar_has_a_corner_an_axis_and_leaves_out_what_is_missing():
    drawn = radar_chart(["north", "east", "south", "west"], {"m": [1.0, 0.5, None, -0.2]})
    (points,) = re.findall(r'<polygon points="([^"]*)" fill="#', drawn)
    corners = [tuple(map(float, point.split(","))) for point in points.split()]
    assert corners == [
        pytest.approx((CENTRE[0], CENTRE[1] - RADIUS)),
        pytest.approx((CENTRE[0] + RADIUS / 2, CENTRE[1])),
        pytest.approx(CENTRE),
    ]
    ElementTree.fromstring(drawn)
    assert radar_chart(["a", "b"], {"m": [1.0, 1.0]}) == ""
