"""Behaviour for people: rates with their intervals by language, and what they mean in words."""

from __future__ import annotations

from html import escape
from typing import Any

from calame.evaluation.measurement import ByModel
from calame.recipe.named import language_name
from calame.run.charts import interval_chart
from calame.run.tables import table, text_table

SAID = {  # what a metric is called for people
    "loop_rate": "ends in a loop",
    "repeated_4gram_rate": "says four tokens again",
    "distinct_2": "distinct bigrams, all pooled",
    "distinct_2_mean": "distinct bigrams of a text",
    "rep4_fraction": "4-grams that are repeats",
    "language_consistency": "in the prompt's language",
    "language_switch_rate": "changes of language, a sentence",
    "completion_rate": "complete",
    "eos_rate": "ended by itself",
}


def lines(found: ByModel) -> list[str]:
    return [line for name, part in found.items() for line in text_table([name, *_columns(part)], _rows(part))]


def page(found: ByModel) -> str:
    return "".join(
        f"<p class=soft>{escape(name)} model: {escape(_recipe(part))}</p>"
        + interval_chart(_drawn(part), "share of the generations, or of their bigrams and 4-grams")
        + table(["", *_columns(part)], _rows(part))
        + _left_out(part)
        for name, part in found.items()
    )


def words(found: ByModel) -> list[str]:
    """Sentences about the last model."""
    part = list(found.values())[-1]
    whole, said = part["all"], []
    if not whole["generations"]:
        return ["No prompt could be continued."]
    if whole["empty"]:
        said.append(f"Of {whole['generations']} continuations {whole['empty']} are empty.")
    if (loops := whole["loop_rate"])["value"] is not None:
        share = f"{loops['value']:.0%} of {loops['n']} continuations"
        said.append(f"Left alone it ends in a loop in {share} ({loops['low']:.0%} to {loops['high']:.0%}).")
    stays = [
        f"{own['language_consistency']['value']:.0%} in {language_name(language)}"
        for language, own in part["languages"].items()
        if own.get("language_consistency", {}).get("value") is not None
    ]
    return [*said, f"It goes on in the language that it was begun in: {', '.join(stays)}."] if stays else said


def _columns(part: dict[str, Any]) -> list[str]:
    return ["all", *part["languages"]]


def _rows(part: dict[str, Any]) -> list[list[str]]:
    groups = [part["all"], *part["languages"].values()]
    counts = [f"{group['generations']} of {group['mean_tokens']:g}" for group in groups]
    rows = [["generations, of so many tokens", *counts], ["empty", *(str(group["empty"]) for group in groups)]]
    rows += [[said, *(_said(group.get(metric)) for group in groups)] for metric, said in SAID.items()]
    abstained = [str(group.get("language_abstained", "")) for group in groups]
    return (
        [*rows, ["too short to say the language", *abstained]] if any(group["generations"] for group in groups) else []
    )


def _said(number: dict[str, Any] | None) -> str:
    if number is None or number["value"] is None:
        return "cannot be said"
    return f"{number['value']:.3f} [{number['low']:.3f}, {number['high']:.3f}]"


def _drawn(part: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    found = ((said, part["all"].get(metric)) for metric, said in SAID.items())
    return [(said, n["value"], n["low"], n["high"]) for said, n in found if n and n["value"] is not None]


def _recipe(part: dict[str, Any]) -> str:
    keys = part["recipe"]
    decoding = ", ".join(f"{name} {value:g}" for name, value in keys["decoding"].items())
    return (
        f"{keys['checkpoint']}, {keys['prompts']} prompts, at most {keys['prompts_each']} a language, asked "
        f"{keys['asked']}, at most {keys['limit']} new tokens; {decoding}; seed {keys['seed']}"
    )


def _left_out(part: dict[str, Any]) -> str:
    said = [f"There are no prompts in {language}." for language in part["without_prompts"]]
    if part["cut_by_context"]:
        said.append(f"Generations that the model's context cut off before the limit: {part['cut_by_context']}.")
    if part["left_out"]:
        said.append(f"Prompts left out: {len(part['left_out'])} ({part['left_out'][0]['reason']}).")
    return f"<p class=soft>{escape(' '.join(said))}</p>" if said else ""
