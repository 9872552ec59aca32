"""Units that recipes are written in: tokens, bytes, vocabulary entries, shares; all decimal but the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
NUMBER = re.compile(r"^\s*([0-9]+(?:[_ \u00a0\u202f][0-9]{3})*(?:\.[0-9]+)?)\s*([a-zA-Z%]*)\s*$")
AMOUNT = r"(?:([0-9]+(?:\.[0-9]+)?)\s*{}\s*)?"
DURATION = re.compile(r"^\s*" + "".join(AMOUNT.format(unit) for unit in ("d", "h", "m(?:in)?", "s")) + "$")
FLOAT = re.compile(r"^\s*[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?\s*$")


def _split(value: object, example: str) -> tuple[Decimal, str]:
    """The number and the unit of a value as it is written. Decimal, since a float forgets the ends of long numbers."""
    if "," in str(value) and isinstance(value, str):
        raise ValueError(f"{value!r}: a comma may mean two things; write 1.5 for one and a half, 1_500 for thousands")
    match = NUMBER.match(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"{value!r} is not a number such as {example}")
    return Decimal(re.sub("[_ \u00a0\u202f]", "", match[1])), match[2].lower()


def _whole(number: Decimal, value: object) -> int:
    if number != int(number):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def parse_tokens(value: object) -> int:
    """Tokens: 65536, "65_536", "250k", "1.5M", "2B", "3T" (k, M, B, T are powers of 1,000)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number, unit = _split(value, '65536, "250k" or "2B"')
    if unit not in DECIMAL:
        raise ValueError(f"{value!r}: unit {unit!r} is none of k, M, B, T")
    return _whole(number * DECIMAL[unit], value)


def parse_bytes(value: object) -> int:
    """Bytes: 3000000, "3MB", "1.5 GB" (powers of 1,000)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number, unit = _split(value, '"3MB"')
    if unit.removesuffix("b") not in DECIMAL or unit == "bb":
        raise ValueError(f"{value!r}: unit {unit!r} is none of B, kB, MB, GB, TB")
    return _whole(number * DECIMAL[unit.removesuffix("b")], value)


def parse_vocabulary(value: object) -> int:
    """Vocabulary entries: 32005, or "32k" where k is 1,024, as the field uses it (32k = 32,768)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number, unit = _split(value, '32005 or "32k"')
    if unit not in ("", "k"):
        raise ValueError(f"{value!r}: unit {unit!r} is not k")
    return _whole(number * (1024 if unit == "k" else 1), value)


def parse_share(value: object) -> float:
    """A share of a whole: 0.01, "1e-3" or "1%"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and FLOAT.match(value):
        return float(value)
    number, unit = _split(value, '0.01 or "1%"')
    if unit != "%":
        raise ValueError(f"{value!r}: unit {unit!r} is not %")
    return float(number / 100)


def parse_timed(parse: Callable[[object], int]) -> Callable[[object], int | dict[int, int]]:
    """A parser of one number, or of numbers by the token from which each holds: 512, or {0: 256, 1B: 512}."""

    def number(value: object) -> int:
        if (found := parse(value)) <= 0:
            raise ValueError(f"{value!r} is not greater than 0")
        return found

    def timed(value: object) -> int | dict[int, int]:
        if not isinstance(value, Mapping):
            return number(value)
        steps = {parse_tokens(position): number(of) for position, of in value.items()}
        if len(steps) < len(value) or min(steps, default=1) != 0:
            raise ValueError("steps by token begin at 0, and no two at the same: e.g. {0: 256, 1B: 512}")
        return dict(sorted(steps.items()))

    return timed


def parse_count(value: object) -> int:
    """A whole number without a unit: 2k of rows may mean 2,000 or 2,048."""
    if isinstance(value, str) and re.fullmatch("[0-9]+", value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def parse_duration(value: object) -> float:
    """Seconds of: 90, "90s", "55m", "8h", "1h30m", "2d"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = DURATION.match(str(value))
    if match is None or not any(match.groups()):
        raise ValueError(f'{value!r} is not a duration such as "8h", "55m" or "1h30m"')
    return sum(float(number or 0) * unit for number, unit in zip(match.groups(), (86_400, 3600, 60, 1), strict=True))


TimedTokens = Annotated[int | dict[int, int], BeforeValidator(parse_timed(parse_tokens))]
TimedCount = Annotated[int | dict[int, int], BeforeValidator(parse_timed(parse_count))]
Tokens = Annotated[int, BeforeValidator(parse_tokens)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Vocabulary = Annotated[int, BeforeValidator(parse_vocabulary)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(parse_share)]


def say_count(number: float) -> str:
    """1234567 -> '1.23M': for tables and messages, never for files."""
    return _three_digits(number, ("", "k", "M", "B", "T"))


def say_bytes(number: float) -> str:
    """1234567 -> '1.23 MB'."""
    return _three_digits(number, (" B", " kB", " MB", " GB", " TB"))


def _three_digits(number: float, units: tuple[str, ...]) -> str:
    """The number in the first unit in which three digits say it; in the last one, with as many as it takes."""
    for unit in units[:-1]:
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g}{units[-1]}" if number < 999.5 else f"{number:,.0f}{units[-1]}"


def say_seconds(seconds: float) -> str:
    """75 -> '1 min 15 s'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
