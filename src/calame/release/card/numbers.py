"""Numbers, dates, sizes and durations as a language writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Numbers:
    """`signs`: decimal, thousands, percent (with {} in it), count and bytes (units, each 1,000 of the one before),
    months, first (of a month), days, interval (two {})."""

    def __init__(self, signs: Mapping[str, Any]):
        self.signs = signs

    def form(self, value: float, form: str) -> str:
        if form[0] == "f":
            return self.decimal(value, int(form[1:]))
        if form[0] == "p":
            return self.signs["percent"].format(self.decimal(100 * value, int(form[1:] or 1)))
        return {
            "n": self.whole,
            "k": lambda v: self._short(v, self.signs["count"]),
            "b": lambda v: self._short(v, self.signs["bytes"]),
            "g": self.plain,
            "e": self.power,
            "x": lambda v: self.decimal(v, 2 if v < 10 else 1),
            "s": self.duration,
        }[form](value)

    def whole(self, value: float) -> str:
        return f"{round(value):,}".replace(",", self.signs["thousands"])

    def decimal(self, value: float, digits: int) -> str:
        return f"{value:,.{digits}f}".translate(
            str.maketrans({",": self.signs["thousands"], ".": self.signs["decimal"]})
        )

    def between(self, low: str, high: str) -> str:
        return self.signs["interval"].format(low, high)

    def plain(self, value: float) -> str:
        """As few digits as say it, at most four."""
        if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e9):
            return self.whole(value)
        if value and (abs(value) < 1e-3 or abs(value) >= 1e9):
            return self.power(value)
        return f"{value:.4g}".replace(".", self.signs["decimal"])

    def power(self, value: float) -> str:
        """1.8e-07 as 1.8 × 10⁻⁷."""
        if not value:
            return "0"
        exponent = math.floor(math.log10(abs(value)))
        digits = f"{value / 10**exponent:.2g}".replace(".", self.signs["decimal"])
        return digits if exponent == 0 else f"{digits} × 10{str(exponent).translate(SUPERSCRIPTS)}"

    def _short(self, value: float, units: list[str]) -> str:
        """Three digits in the unit that fits; a no-break space before it."""
        step = 0
        while abs(value) >= 999.5 and step < len(units) - 1:
            value, step = value / 1000, step + 1
        digits = f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"
        return f"{digits.replace('.', self.signs['decimal'])}\u00a0{units[step]}".rstrip("\u00a0")

    def duration(self, seconds: float) -> str:
        """The two greatest units that say it."""
        if seconds < 9.95:
            return f"{self.decimal(seconds, 1)}\u00a0s"
        whole = round(seconds)
        parts = ((whole // 86_400, self.signs["days"]), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"))
        told = [(number, unit) for number, unit in (*parts, (whole % 60, "s"))]
        first = next(n for n, (number, _) in enumerate(told) if number)
        return " ".join(f"{number}\u00a0{unit}" for number, unit in told[first : first + 2] if number)

    def date(self, iso: str) -> str:
        """2026-11-29 as the language says it."""
        year, month, day = (int(part) for part in iso.split("-"))
        first = self.signs["first"] if day == 1 else ""
        return f"{day}{first}\u00a0{self.signs['months'][month - 1]}\u00a0{year}"
