"""report.html: one self-contained page. What went in, the curves, the losses by slice, what it says, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from calame.evaluation.page import measured_sections, words_section
from calame.evaluation.page import section as _section
from calame.recipe.units import say_count, say_seconds
from calame.release.gguf.table import table_page
from calame.road.choice_page import comparison_page, decoding_page
from calame.road.ledger_page import ledger_page, whole_ledger
from calame.road.tuning_page import preference_page, tuning_page
from calame.road.versions import VERSIONS
from calame.run import telemetry
from calame.run.charts import line_chart
from calame.run.files import read_json, write_json
from calame.run.folder import RunFolder
from calame.run.html_page import write_page
from calame.run.stage import Stage
from calame.run.store import ingredients_of
from calame.run.tables import table as _table


def write_report(folder: RunFolder, road: Sequence[Stage]) -> Path:
    """Write the run's page, and its whole ledger beside, from what its finished stages left; a stage that is missing
    leaves its part out."""
    path, recipe = folder.path, folder.recipe
    evaluation, outdated = _evaluation(path)
    ledger = whole_ledger(path, list(recipe.corpus.sources))
    if ledger:
        write_json(path / "ledger.json", ledger)
    parts = [
        f"<h1>{escape(recipe.name)}</h1><p class=soft>{escape(recipe.description)}</p>",
        words_section(evaluation),
        _section("Evaluation", outdated),
        _section("What went in", ledger_page(ledger) + _mixture(path)),
        _section("Tokenizer", _tokenizer(path)),
        _section("Pretraining", _curves(path / "pretrain")),
        _section("Why this checkpoint", comparison_page(path)),
        _section("Tuning", tuning_page(path, _curves)),
        _section("Preferences", preference_page(path)),
        measured_sections(evaluation),
        _section("Decoding", decoding_page(path)),
        _section("GGUF files", table_page(path / "release/gguf")),
        _section("Time", _times(folder, road)),
        _section("Where it ran", _environment(path)),
        _section("Recipe", f"<pre>{escape((path / 'recipe.yaml').read_text(encoding='utf-8'))}</pre>"),
    ]
    write_page(path / "report.html", recipe.name, "".join(parts))
    return path / "report.html"


def _evaluation(path: Path) -> tuple[dict[str, Any], str]:
    """What the stage found, and a word instead where another version of Calame made it, whose keys may be others."""
    found, made = _json(path / "evaluation/evaluation.json"), ingredients_of(path / "evaluation")
    if found and made and made["version"] != VERSIONS["evaluation"]:
        return {}, "<p>Made by another version of Calame, and not shown: calame run RECIPE --only evaluation</p>"
    return found or {}, ""


def _json(path: Path) -> Any:
    return read_json(path) if path.is_file() else None


def _mixture(path: Path) -> str:
    mixture = _json(path / "pretrain/mixture.json")
    if not mixture:
        return ""
    parts = [_shares(mixture, "the stream")]
    for phase in mixture.get("phases", []):
        parts.append(_shares(phase, f"{phase['name']}, {say_count(phase['from'])} to {say_count(phase['to'])} tokens"))
    said = "".join(parts)
    return (
        f"<h3>Share of the stream, tenth by tenth: achieved, and asked for where that changes</h3>{said}"
        if said
        else ""
    )


def _shares(mixture: dict[str, Any], title: str) -> str:
    """Shares of a part of the stream by source and by language; nothing where there is one of each."""
    parts = []
    for name, found in (("source", mixture), ("language", mixture.get("languages", {"wanted": {}}))):
        if len(found["wanted"]) < 2:
            continue
        rows, requested = [], found.get("requested", [])
        for part, wanted in found["wanted"].items():
            rows.append([part, say_count(found["sizes"][part]), f"{wanted:.1%}", *_percents(found["tenths"], part)])
            if len({tenth[part] for tenth in requested}) > 1:
                rows.append(["asked for", "", "", *_percents(requested, part)])
        parts.append(_table([name, "tokens", "wanted", *map(str, range(1, 11))], rows))
        if requested:
            parts.append(f"<p class=soft>{escape(title)}, by {name}: {_furthest(found)}</p>")
    return "".join(parts)


def _percents(tenths: Sequence[dict[str, float]], name: str) -> list[str]:
    return [f"{tenth[name]:.1%}" for tenth in tenths]


def _furthest(found: dict[str, Any]) -> str:
    """The share that is furthest from what was asked for, in words."""
    off, name, tenth = max(
        (abs(achieved[name] - asked[name]), name, number)
        for number, (asked, achieved) in enumerate(zip(found["requested"], found["tenths"], strict=True), 1)
        for name in achieved
    )
    return f"furthest off by {100 * off:.2f} points, {escape(name)} in tenth {tenth}"


def _tokenizer(path: Path) -> str:
    fertility = _json(path / "tokenizer/fertility.json")
    if not fertility:
        return ""
    rows = [
        [name, f"{m['tokens_per_word']:.2f}", f"{m['bytes_per_token']:.2f}", m["changed"]]
        for name, m in fertility.items()
    ]
    return _table(["validation slice", "tokens a word", "bytes a token", "texts that do not come back"], rows)


def _curves(folder: Path) -> str:
    lines = telemetry.read(folder)
    tokens = _tokens_by_step(lines)

    def series(key: str) -> list[tuple[float, float]]:
        return [(tokens[line["step"]], line[key]) for line in lines if key in line and line["step"] in tokens]

    slices = sorted({key for line in lines for key in line if key.startswith("val/") and key.endswith("/bpb")})
    validation = {key.split("/")[1]: series(key) for key in slices}
    return "".join(
        [
            line_chart(
                {"training": series("train/loss"), "validation": series("val/mixed/loss")}, "loss, nats a token"
            ),
            line_chart(validation, "bits a byte"),
            line_chart({"tokens a second": series("perf/tok_per_sec")}, "tokens/s"),
            line_chart({"learning rate": series("train/lr")}, "rate"),
        ]
    )


def _tokens_by_step(lines: list[dict[str, Any]]) -> dict[int, float]:
    """Token position of each logged step; validation may come at steps that were not logged."""
    known = {line["step"]: line["train/tokens"] for line in lines if "train/tokens" in line}
    per_step = next((tokens / step for step, tokens in known.items()), 0)
    return {line["step"]: line["step"] * per_step for line in lines}


def _times(folder: RunFolder, road: Sequence[Stage]) -> str:
    done = {stage.name: folder.store.done(stage) for stage in road}
    drawn, measuring = telemetry.energy(folder.path), telemetry.measuring(folder.path)
    rows = [
        [name, _took(found["seconds"], measuring.get(name, 0.0)), found["finished"], _energy(drawn.get(name))]
        for name, found in done.items()
        if found
    ]
    total = sum(found["seconds"] for found in done.values() if found)
    all_drawn = (sum(kwh for kwh, _ in drawn.values()), any(guess for _, guess in drawn.values())) if drawn else None
    columns = 4 if drawn else 3  # no column for what was not measured
    rows.append(["together", say_seconds(total), "", _energy(all_drawn)])
    return _table(["stage", "took", "finished", "the cards drew"][:columns], [row[:columns] for row in rows])


def _took(seconds: float, measuring: float = 0.0) -> str:
    of_it = f", {say_seconds(measuring)} of it measuring on the way" if measuring >= 0.5 else ""
    return say_seconds(seconds) + of_it


def _energy(drawn: tuple[float, bool] | None) -> str:
    """kWh, and whether they are an estimate; nothing where they were not measured."""
    if drawn is None:
        return ""
    kwh, estimated = drawn
    return f"{'about ' if estimated else ''}{kwh:.4g} kWh"


def _environment(path: Path) -> str:
    found = _json(path / "environment.json") or {}
    packages = ", ".join(f"{name} {version}" for name, version in found.get("packages", {}).items())
    machine = found.get("machine", {})
    gpus = ", ".join(machine.get("gpus", [])) or "no GPU"
    rows = [
        ["Calame", f"{found.get('calame')} ({found.get('code') or 'installed'})"],
        ["packages", packages],
        ["machine", f"{machine.get('system')}, {machine.get('cpus')} CPUs, {gpus}"],
    ]
    return _table(["what", ""], rows)
