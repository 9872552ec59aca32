"""Invented facts: are they said after beginnings that were never told, and are they found likelier than others?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calame.evaluation.exam import holds
from calame.evaluation.intervals import share_interval
from calame.evaluation.probes.measure import probe_all
from calame.evaluation.probes.read import Probe
from calame.inference.load import Loaded

SAID = 16  # tokens; the names of the injector are one word


def measure_facts(loaded: Loaded, described: Mapping[str, Any]) -> dict[str, Any]:
    """`described`: the facts of the injector's manifest.

    recall: share of the greedy continuations that hold the expected word; shuffled: the same held against the word of
    another fact of the relation, which knowing the form alone would reach. chosen: share where the expected word is
    likelier (nats a token) than that of every other fact of its relation; chance: what a lot would reach."""
    relations = _by_relation(described["facts"])
    relation_of = {word: name for name, words in relations.items() for word in words}
    asked = [(p["language"], p["prompt"], p["expected"]) for p in described["prompts"]]
    rivals = [(ask, word) for ask in asked for word in relations[relation_of[ask[2]]]]
    probes = [Probe(prompt, word, language, "fact") for (language, prompt, _), word in rivals]
    scored = iter(probe_all(loaded, probes))
    said = probe_all(loaded, [Probe(prompt, word, language, "fact") for language, prompt, word in asked], said=SAID)
    recalled, shuffled, chosen, chances, reasons = [], [], [], [], {}
    for (_, _, word), one in zip(asked, said, strict=True):
        words = relations[relation_of[word]]
        nats = {rival: next(scored).score for rival in words}
        if one.score is None or None in nats.values():
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
            continue
        other = words[(words.index(word) + 1) % len(words)]
        recalled.append(holds(one.said, word))
        shuffled.append(other != word and holds(one.said, other))
        chosen.append(min(nats, key=lambda rival: nats[rival].perplexity) == word)  # type: ignore[union-attr]
        chances.append(1 / len(words))
    found: dict[str, Any] = {"facts": len(described["facts"]), "prompts": len(asked), "not_scored": reasons}
    if not recalled:
        return found
    numbers = {"recall": recalled, "shuffled": shuffled, "chosen": chosen}
    return (
        found
        | {name: share_interval(values).as_json() for name, values in numbers.items()}
        | {"chance": round(sum(chances) / len(chances), 4)}
    )


def _by_relation(facts: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The words that are asked for, by relation."""
    found: dict[str, list[str]] = {}
    for fact in facts:
        found.setdefault(fact["relation"], []).append(fact["b"])
    return found
