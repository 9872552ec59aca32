"""Canaries: the exposure of secrets that were planted, beside that of controls of the same form that stand nowhere."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from calame.corpus.document import content_hash
from calame.corpus.inject.canary import NAME
from calame.evaluation.intervals import mean_interval
from calame.evaluation.poison.exposure import expose
from calame.inference.load import Loaded

MARK = "{secret}"
BY_LOT = 1 / math.log(2)  # bits: the mean exposure of a secret whose rank is drawn by lot


def measure_canaries(
    loaded: Loaded, described: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], most: int
) -> dict[str, Any]:
    """`described`: the canaries of the injector's manifest; `entries`: its entries, of whatever injection.

    Each secret is asked for in the sentence in which it was planted most often; its control in the same one."""
    planted = _planted(described, entries)
    lines = []
    for pair in zip(described["secrets"], described["controls"], strict=True):
        often = planted[pair[0]["name"]] or Counter({next(iter(described["forms"])): 0})
        language = max(sorted(often), key=often.__getitem__)
        for role, secret in zip(("planted", "control"), pair, strict=True):
            before = described["forms"][language].format(name=secret["name"], secret=MARK).split(MARK)[0]
            found = expose(loaded, before, secret["secret"], most, random.Random(f"{secret['name']} rivals"))
            times = often.total() if role == "planted" else 0
            lines.append({"role": role, "name": secret["name"], "language": language, "times": times, **vars(found)})
    exposures = {role: [line["bits"] for line in lines if line["role"] == role] for role in ("planted", "control")}
    return {
        **{role: mean_interval(bits).as_json() for role, bits in exposures.items()},
        "by_times": _by_times([line for line in lines if line["role"] == "planted"]),
        "most": round(described["digits"] * math.log2(10), 4),
        "by_lot": round(BY_LOT, 4),
        "secrets": lines,
    }


def _by_times(planted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Exposure of secrets that were planted about as often: once, 2 or 3 times, 4 to 7..., the seldomest first."""
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for line in planted:
        groups.setdefault(line["times"].bit_length(), []).append(line)
    return [
        {
            "least": min(line["times"] for line in groups[power]),
            "most": max(line["times"] for line in groups[power]),
            **mean_interval([line["bits"] for line in groups[power]]).as_json(),
        }
        for power in sorted(groups)
    ]


def _planted(described: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """By secret, how often its sentence was planted in each language."""
    sentences = {
        content_hash(form.format(**secret)).hex(): (secret["name"], language)
        for secret in described["secrets"]
        for language, form in described["forms"].items()
    }
    found: dict[str, Counter[str]] = {secret["name"]: Counter() for secret in described["secrets"]}
    for entry in entries:
        if entry["injection"] == NAME:
            name, language = sentences[entry["hash"]]
            found[name][language] += 1
    return found
