"""What was measured, each number with its interval and with what chance would reach."""

from __future__ import annotations

from collections.abc import Mapping
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
QUOTED = 4  # samples that are shown


def losses(say: Say) -> str | None:
    found, base = say.get("evaluation.losses"), say.get("evaluation.base", {})
    if not found:
        return None
    parts = {"mixed": found["mixed"], "micro": found["micro"], **found["slices"]}
    before = {"mixed": base.get("mixed"), "micro": base.get("micro"), **base.get("slices", {})}
    rows = [_slice(say, name, part, before.get(name)) for name, part in parts.items()]
    return section(
        say.texts["titles"]["losses"],
        3,
        say("losses.intro"),
        table(say.texts["losses"]["head"], rows),
        say("losses.note"),
    )


def _slice(say: Say, name: str, part: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    called = say.word(name) if name in ("mixed", "micro") else escape(name)
    return [
        (say("losses.ood", name=name) or called) if part.get("ood") else called,
        say.form(part["documents"], "n"),
        say.form(part["bpb"], "i"),
        say.form(before["bpb"], "i") if before else "",
        say.form(part["perplexity"]["value"], "f2"),
    ]


def exam(say: Say) -> str | None:
    rows = [
        [
            say.word(row["kind"]),
            say.form(row["language"], "lang"),
            say.form(row["questions"], "n"),
            f"{say.form(row['right'], 'p')} ± {say.form(row['stderr'], 'p')}",
            *(say.form(row[name], "p") for name in ("most_frequent", "shuffled_facts", "stopped")),
        ]
        for row in say.get("evaluation.exam.table", [])
    ]
    chat = [
        f"> **{escape(turn['question'])}**\\\n> {escape(turn['answer']) or '…'}"
        for turn in say.get("evaluation.exam.chat", [])[:QUOTED]
    ]
    return section(
        say.texts["titles"]["exam"],
        3,
        say("exam.intro") if rows else None,
        table(say.texts["exam"]["head"], rows),
        section(say.texts["titles"]["answers"], 4, *chat),
    )


def benchmarks(say: Say) -> str | None:
    rows = [
        [
            say.form(name, "c"),
            escape(one["headline"]),
            _with_error(say, one),
            say.numbers.between(say.form(one["low"], "f3"), say.form(one["high"], "f3")) if "low" in one else "",
            say.form(one["chance"], "f3") if "chance" in one else "",
            say.form(one["items"], "n"),
            say.form(one["shots"], "n"),
            escape(one["by"]),
        ]
        for name, one in say.get("benchmarks.results", {}).items()
    ]
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


def _with_error(say: Say, one: Mapping[str, Any]) -> str:
    error = f" ± {say.form(one['stderr'], 'f3')}" if "stderr" in one else ""
    return say.form(one["value"], "f3") + error


def behaviour(say: Say) -> str | None:
    found = say.get("evaluation.behaviour")
    if not found:
        return None
    groups = _groups(found)
    rows = [
        [say.word(name), *(say.form(part[name], "i") if name in part else "" for part in groups.values())]
        for name in RATES
        if any(name in part for part in groups.values())
    ]
    return section(
        say.texts["titles"]["behaviour"],
        3,
        say("behaviour.intro") if rows else None,
        table(_head(say, "behaviour", found), rows),
    )


def probes(say: Say) -> str | None:
    found = say.get("evaluation.probes")
    if not found:
        return None
    groups = _groups(found)
    rows = [
        [say.word(name), *(say.form(part[name], "i") if name in part else "" for part in groups.values())]
        for name in PROBED
        if any(name in part for part in groups.values())
    ]
    return section(
        say.texts["titles"]["probes"],
        3,
        say("probes.intro") if rows else None,
        table(_head(say, "probes", found), rows),
    )


def _groups(found: Mapping[str, Any]) -> dict[str, Any]:
    """Over all, and by language where there are several."""
    several = len(found["languages"]) > 1
    return {"all": found["all"], **(found["languages"] if several else {})}


def _head(say: Say, key: str, found: Mapping[str, Any]) -> list[str]:
    languages = [say.form(code, "lang") for code in _groups(found) if code != "all"]
    return [*say.texts[key]["head"], *languages]


def samples(say: Say) -> str | None:
    quoted = [
        f"> **{escape(one['prompt'])}**{_joined(one['continuation'])}"
        for one in say.get("evaluation.samples", [])[:QUOTED]
    ]
    return section(say.texts["titles"]["samples"], 3, *quoted)


def _joined(continuation: str) -> str:
    """As it follows its prompt: at once, or after white space."""
    return (" " if continuation[:1].isspace() else "") + escape(continuation)


def not_measured(say: Say) -> str | None:
    lines = [
        say("not_measured.line", name=name, reason=reason)
        for name, reason in say.get("evaluation.not_measured", {}).items()
    ]
    return section(say.texts["titles"]["not_measured"], 3, bullets(lines))


def measured(say: Say) -> str | None:
    parts = (losses, exam, benchmarks, behaviour, probes, samples, not_measured)
    return section(say.texts["titles"]["evaluation"], 2, paragraphs(*(part(say) for part in parts)))
