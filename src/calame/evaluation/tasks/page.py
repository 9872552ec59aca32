"""Benchmarks as tables, bars and profiles: for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from calame.evaluation.measurement import Verdict
from calame.run.bar_chart import Bar, bar_chart
from calame.run.radar_chart import radar_chart
from calame.run.tables import table, text_table

HEAD = ("task", "metric", "value", "95 %", "chance", "items", "shots")
ByModel = Mapping[str, Any]


def lines(found: ByModel) -> list[str]:
    """Tables for the terminal: the headline of each task, profiles, and what is excluded."""
    told = []
    for model, measured in found.items():
        rows = [_row(result, result["headline"]) for result in measured["results"]]
        told += [f"  benchmarks of {model}", *text_table(HEAD, rows)]
        for name, profile in measured["profiles"].items():
            told += [f"  profile {name} ({profile['scale']})", *text_table(PROFILE, _profile_rows(profile))]
        told += [f"  excluded: {one['name']}: {one['reason']}" for one in measured["excluded"]]
    return told


def page(found: ByModel) -> str:
    """HTML: every metric of every task with its error and its chance level, drawn and in a table."""
    results = {model: measured["results"] for model, measured in found.items()}
    parts = [bar_chart(_bars(results), "score")]
    for name in dict.fromkeys(name for measured in found.values() for name in measured["profiles"]):
        parts.append(
            _profile(name, {m: part["profiles"][name] for m, part in found.items() if name in part["profiles"]})
        )
    for model, measured in found.items():
        rows = [_row(result, metric) for result in measured["results"] for metric in result["figures"]]
        parts += [f"<h3>{escape(model)}</h3>", table(HEAD, rows), _cut(measured["results"])]
        parts.append(_excluded(measured["excluded"]))
    return "".join(parts)


def words(found: ByModel) -> list[Verdict]:
    """Of the last model: which tasks it is better at than chance, beyond the error, and which not."""
    *_, measured = found.values()
    better, not_better = [], []
    for result in measured["results"]:
        figure = result["figures"][result["headline"]]
        if result.get("category") != "" and figure["chance"] is not None and figure["low"] is not None:
            (better if figure["low"] > figure["chance"] else not_better).append(result["name"])
    can = [Verdict.of("can", f"do better than chance, beyond the error, on {', '.join(better)}")] if better else []
    return can + ([Verdict.of("cannot", f"be told from chance on {', '.join(not_better)}")] if not_better else [])


def _row(result: Mapping[str, Any], metric: str) -> list[str]:
    """value: with its standard error."""
    figure = result["figures"][metric]
    chance, low = figure["chance"], figure["low"]
    return [
        result["name"],
        metric,
        f"{figure['value']:.3f} ± {figure['stderr']:.3f}" if figure["stderr"] is not None else f"{figure['value']:.3f}",
        "" if low is None else f"{low:.3f} to {figure['high']:.3f}",
        "" if chance is None else f"{chance:.3f}",
        f"{result['items']:,}",
        str(result["shots"]),
    ]


def _bars(results: Mapping[str, list[Any]]) -> dict[str, dict[str, Bar]]:
    """The headlines that lie between 0 and 1, by task and model."""
    groups: dict[str, dict[str, Bar]] = {}
    for model, measured in results.items():
        for result in measured:
            figure = result["figures"][result["headline"]]
            if figure["value"] <= 1:
                bar = Bar(figure["value"], figure["low"], figure["high"], figure["chance"])
                groups.setdefault(f"{result['name']} ({result['headline']})", {})[model] = bar
    return groups


PROFILE = ("category", "value", "chance", "tasks", "missing")


def _profile_rows(profile: Mapping[str, Any]) -> Iterator[list[str]]:
    for category, part in profile["categories"].items():
        chance = "" if part["chance"] is None else f"{part['chance']:.2f}"
        yield [category, f"{part['value']:.2f}", chance, str(len(part["tasks"])), ", ".join(part["missing"])]


def _profile(name: str, profiles: Mapping[str, Any]) -> str:
    """A profile drawn over its categories, of each model and of chance."""
    first = next(iter(profiles.values()))
    axes = list(dict.fromkeys(axis for profile in profiles.values() for axis in profile["categories"]))
    series = {
        model: [profile["categories"].get(axis, {}).get("value") for axis in axes]
        for model, profile in profiles.items()
    }
    chance = [first["categories"].get(axis, {}).get("chance") for axis in axes]
    drawn = radar_chart(axes, {**series, **({"chance": chance} if any(chance) else {})})
    tables = "".join(
        f"<p class=soft>{escape(model)}</p>{table(PROFILE, _profile_rows(profile))}"
        for model, profile in profiles.items()
    )
    return f"<h3>Profile {escape(name)}: {escape(first['scale'])}</h3>{drawn}{tables}"


def _cut(results: list[Any]) -> str:
    """What did not fit into the model, and other things to know of a number."""
    told = []
    for result in results:
        notes = list(result["notes"])
        if result["cut"]:
            notes.append(f"{result['cut']} contexts lost their beginning: they do not fit into the model")
        if result.get("unscored"):
            notes.append(f"{result['unscored']} items do not fit into the model, and are in no number")
        if notes:
            told.append(f"<li>{escape(result['name'])}: {escape('; '.join(notes))}</li>")
    return f"<ul class=soft>{''.join(told)}</ul>" if told else ""


def _excluded(excluded: list[Any]) -> str:
    told = "".join(f"<li>{escape(one['name'])}: {escape(one['reason'])}</li>" for one in excluded)
    return f"<p>Not measured:</p><ul>{told}</ul>" if told else ""
