"""The report's parts on tuning: what was learnt and what was left out, set by set, and the curves of preferences."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from calame.recipe.units import say_count
from calame.run import telemetry
from calame.run.charts import line_chart
from calame.run.files import read_json
from calame.run.tables import table


def tuning_page(path: Path, curves: Callable[[Path], str]) -> str:
    """Of each tuning on conversations: its sets and its curves. path: the run's folder."""
    parts = []
    for folder in sorted((path / "sft").glob("*")):
        parts += [f"<h3>{escape(folder.name)}</h3>", _sets(folder / "conversations.json", "conversations")]
        parts.append(curves(folder))
    return "".join(parts)


def preference_page(path: Path) -> str:
    """Of each tuning on preferences: its sets, its loss from the first step on, and the signs that it goes well."""
    parts = []
    for folder in sorted((path / "dpo").glob("*")):
        lines = telemetry.read(folder)

        def series(key: str, lines: list[dict[str, Any]] = lines) -> list[tuple[float, float]]:
            return [(line["step"], line[key]) for line in lines if key in line]

        sides = {"in the last step": "dpo", "held out": "held_out"}
        answers = {f"{side}, {said}": f"{prefix}/{side}_logp" for said, prefix in sides.items() for side in SIDES}
        parts += [
            f"<h3>{escape(folder.name)}</h3>",
            _sets(folder / "preferences.json", "pairs"),
            _chart({"training": series("train/loss"), "held out": series("held_out/loss")}, "loss, nats a pair"),
            _chart({said: series(f"{prefix}/accuracy") for said, prefix in sides.items()}, "share of pairs right"),
            _chart({said: series(f"{prefix}/margin") for said, prefix in sides.items()}, "margin of the rewards"),
            _chart({said: series(key) for said, key in answers.items()}, "log-probability of an answer, nats"),
            _chart({"held out": series("held_out/kl")}, "distance from where it began, nats a token (KL)"),
        ]
    return "".join(parts)


SIDES = ("chosen", "rejected")


def _chart(series: dict[str, list[tuple[float, float]]], unit: str) -> str:
    return line_chart(series, unit, "steps")


def _sets(ledger: Path, what: str) -> str:
    """A row a set, and below it why some of it was left out."""
    if not ledger.is_file():
        return ""
    rows, reasons = [], []
    for name, found in read_json(ledger).items():
        times = f" x {found['repeat']}" if found["repeat"] > 1 else ""
        counts = [f"{found[key]:,}" for key in ("read", "used", "cut at a turn")]
        tokens = [say_count(found["tokens"]) + times, say_count(found["learnt"])]
        rows.append([name, *counts, *tokens, ", ".join(found["licenses"])])
        dropped = sorted(found["dropped"].items(), key=lambda item: -item[1])
        reasons += [[name, f"{number:,}", reason] for reason, number in dropped]
    head = ["set", "read", "used", "cut at a turn", "tokens", "of them learnt", "licence"]
    return table(head, rows) + table([f"{what} left out of", "number", "why"], reasons)
