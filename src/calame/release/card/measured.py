"""What was measured, each number with its interval and with what chance would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calame.release.card.say import Say, bullets, escape, paragraphs, section, table

RATES = (
    "loop_rate",
    "repeated_4gram_rate",
    "distinct_2",
    "language_consistency",
    "language_switch_rate",
    "completion_rate",
    "eos_rate",
)
PROBED = ("top_1", "top_5", "reciprocal_rank")
COSTS = (
    "perplexity",
    "perplexity_llama_cpp",
    "top_1",
    "right",
    "loop_rate",
    "distinct_2",
    "language_consistency",
    "eos_rate",
)
QUOTED = 4  # samples that are shown


def losses(say: Say) -> str | None:
    found, base = say.get("evaluation.losses", {}), say.get("evaluation.base", {})
    named = ("mixed", "micro")
    parts = {**{name: found.get(name, {}) for name in named}, **found.get("slices", {})}
    before = {**{name: base.get(name, {}) for name in named}, **base.get("slices", {})}
    rows = say.each(lambda name, part: _slice(say, name, part, before.get(name, {})), parts.items())
    return section(
        say.texts["titles"]["losses"],
        3,
        say("losses.intro") if rows else None,
        table(say.texts["losses"]["head"], rows),
        say("losses.note") if rows else None,
    )


def _slice(say: Say, name: str, part: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    called = say.word(name) if name in ("mixed", "micro") else escape(name)
    return [
        (say("losses.ood", name=name) or called) if part.get("ood") else called,
        say.form(part["documents"], "n"),
        say.form(part["bpb"], "i"),
        say.form(before["bpb"], "i") if "bpb" in before else "",
        say.form(part["perplexity"]["value"], "f2"),
    ]


def exam(say: Say) -> str | None:
    rows = say.each(lambda row: _asked(say, row), say.get("evaluation.exam.table", []))
    chat = say.each(
        lambda turn: f"> **{escape(turn['question'])}**\\\n> {escape(turn['answer']) or '…'}",
        _spread(say.get("evaluation.exam.chat", [])),
    )
    return section(
        say.texts["titles"]["exam"],
        3,
        say("exam.intro") if rows else None,
        table(say.texts["exam"]["head"], rows),
        section(say.texts["titles"]["answers"], 4, *chat),
    )


def _asked(say: Say, row: Mapping[str, Any]) -> list[str]:
    return [
        say.word(row["kind"]),
        say.form(row["language"], "lang"),
        say.form(row["questions"], "n"),
        f"{say.form(row['right'], 'p')} ± {say.form(row['stderr'], 'p')}",
        *(say.form(row[name], "p") for name in ("most_frequent", "shuffled_facts", "stopped")),
    ]


def benchmarks(say: Say) -> str | None:
    rows = say.each(lambda name, one: _task(say, name, one), say.get("benchmarks.results", {}).items())
    left_out = [
        say("benchmarks.excluded", name=name, reason=reason)
        for name, reason in say.get("benchmarks.excluded", {}).items()
    ]
    return section(
        say.texts["titles"]["benchmarks"],
        3,
        say("benchmarks.intro") if rows else None,
        table(say.texts["benchmarks"]["head"], rows),
        bullets(left_out),
    )


def _task(say: Say, name: str, one: Mapping[str, Any]) -> list[str]:
    error = f" ± {say.form(one['stderr'], 'f3')}" if "stderr" in one else ""
    ends = [say.form(one[key], "f3") for key in ("low", "high") if key in one]
    return [
        say.form(name, "c"),
        escape(one["headline"]),
        say.form(one["value"], "f3") + error,
        say.numbers.between(*ends) if len(ends) == 2 else "",
        say.form(one["chance"], "f3") if "chance" in one else "",
        say.form(one["items"], "n"),
        say.form(one["shots"], "n"),
        escape(one["by"]),
    ]


def behaviour(say: Say) -> str | None:
    return _grouped(say, "behaviour", RATES)


def probes(say: Say) -> str | None:
    return _grouped(say, "probes", PROBED)


def _grouped(say: Say, name: str, rates: Sequence[str]) -> str | None:
    """Numbers over all, and by language where there are several."""
    found = say.get(f"evaluation.{name}", {})
    languages = found.get("languages", {}) if len(found.get("languages", {})) > 1 else {}
    groups = [found.get("all", {}), *languages.values()]
    known = [rate for rate in rates if any(rate in part for part in groups)]
    rows = say.each(
        lambda rate: [say.word(rate), *(say.form(part[rate], "i") if rate in part else "" for part in groups)], known
    )
    head = [*say.texts[name]["head"], *(say.form(code, "lang") for code in languages)]
    return section(say.texts["titles"][name], 3, say(f"{name}.intro") if rows else None, table(head, rows))


def samples(say: Say) -> str | None:
    quoted = say.each(
        lambda one: f"> **{escape(one['prompt'])}**{_joined(one['continuation'])}",
        _spread(say.get("evaluation.samples", [])),
    )
    return section(say.texts["titles"]["samples"], 3, *quoted)


def _spread(found: list[Any]) -> list[Any]:
    """A few, from the whole of what there is."""
    return found[:: max(1, len(found) // QUOTED)][:QUOTED]


def _joined(continuation: str) -> str:
    """As it follows its prompt: at once, or after white space."""
    return (" " if continuation[:1].isspace() else "") + escape(continuation)


def quantised(say: Say) -> str | None:
    """GGUF files, and how far llama.cpp is from us with the same weights."""
    rows = say.each(lambda name, one: _rounded(say, name, one), say.get("quantised.files", {}).items())
    types = say.get("quantised.types", {})
    costs = say.each(lambda name, one: [say.word(name), *(_cost(say, one, key) for key in COSTS)], types.items())
    return section(
        say.texts["titles"]["quantised"],
        3,
        say("quantised.intro") if rows else None,
        table(say.texts["quantised"]["head"], rows),
        say("quantised.costs") if costs else None,
        table(say.texts["quantised"]["measured"], costs),
    )


def _cost(say: Say, one: Mapping[str, Any], key: str) -> str:
    if key not in one:
        return ""
    return say.form(one[key], "f3" if key in ("perplexity", "perplexity_llama_cpp", "distinct_2") else "p")


def _rounded(say: Say, name: str, one: Mapping[str, Any]) -> list[str]:
    return [
        say.form(name, "c"),
        say.form(one["type"], "c"),
        say.form(one["bytes"], "b"),
        say.form(one["bits"], "f2"),
        say.form(one["stored"], "n"),
        say.form(one["logit_difference"], "e") if "logit_difference" in one else "",
        f"{one['greedy_same']}/{one['greedy_texts']}" if {"greedy_same", "greedy_texts"} <= one.keys() else "",
    ]


def not_measured(say: Say) -> str | None:
    lines = [
        say("not_measured.line", name=name, reason=reason)
        for name, reason in say.get("evaluation.not_measured", {}).items()
    ]
    return section(say.texts["titles"]["not_measured"], 3, bullets(lines))


PARTS = (losses, exam, benchmarks, behaviour, probes, samples, quantised, not_measured)


def measured(say: Say) -> str | None:
    return section(say.texts["titles"]["evaluation"], 2, paragraphs(*(part(say) for part in PARTS)))
