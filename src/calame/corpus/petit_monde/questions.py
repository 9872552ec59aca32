"""Held-out questions and probes.

A recall question asks for a fact that the prose tells and no dialogue mentions; an inference question asks for what
follows from two facts of the prose (or a fact and a rule) and is stated nowhere. A probe is a sentence to be continued.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from calame.corpus.petit_monde.dialogues import answer, question
from calame.corpus.petit_monde.language import Forms, Language
from calame.corpus.petit_monde.prose import rule_forms
from calame.corpus.petit_monde.world import INFERENCE, RECALL, World

MOST_QUESTIONS = {"recall": 400, "inference": 200}
"""Questions per language; in a larger world they are drawn."""
FACTUAL_PROBES = 300
PROCEDURES = {
    "next_day": ("fact.next_day", "next_day"),
    "next_season": ("fact.next_season", "next_season"),
    "next_number": ("fact.next_number", "b"),
    "sum": ("fact.sum", "c"),
    "count": ("fact.count", "b"),
    "plural": ("fact.plural", "animals"),
}
"""Sentences to be continued, and the slot that ends them."""
PROCEDURAL_PROBES = 20
"""Of each procedure."""


def held_out(world: World, kind: str) -> list[tuple[int, str]]:
    """The (person, relation) that are asked, the same in every language: all that are held out, or a draw of them."""
    relations = RECALL if kind == "recall" else INFERENCE
    found = [(i, relation) for i, relation in world.askable(relations) if not world.spoken(i, relation)]
    Random(f"{world.seed}/questions/{kind}").shuffle(found)
    return found[: MOST_QUESTIONS[kind]]


def questions(world: World, language: Language, seed: int) -> Iterator[dict[str, object]]:
    """The held-out questions of one language."""
    surfaces = {relation: language.surfaces(world, relation) for relation in (*RECALL, *INFERENCE)}
    for kind in MOST_QUESTIONS:
        for i, relation in held_out(world, kind):
            rng = Random(f"{seed}/questions/{language.code}/{relation}/{i}")
            forms = language.person(world, i)
            yield {
                "question": question(language, relation, forms, rng, rng.randrange(60)),
                "answer": answer(language, relation, forms, rng, 0),
                "value": forms[relation],
                # The subject stands in every answer; as a candidate it would always count as a second one.
                "candidates": [surface for surface in surfaces[relation] if surface != forms["N"]],
                "kind": kind,
                "relation": relation,
                "subject": forms["N"],
                "language": language.code,
            }


def probes(world: World, language: Language, seed: int) -> Iterator[dict[str, object]]:
    """Beginnings of sentences of the prose with what follows; prompt and expected put together make the sentence."""
    facts = list(world.askable(RECALL))
    Random(f"{seed}/probes").shuffle(facts)
    for i, relation in facts[:FACTUAL_PROBES]:
        rng = Random(f"{seed}/probes/{language.code}/{relation}/{i}")
        forms = language.person(world, i)
        probe = _probe(language, relation, forms, relation, forms["N"], rng)
        yield {**probe, "language": language.code, "kind": "factual"}
    for kind, (key, slot) in PROCEDURES.items():
        seen = set()
        for index in range(PROCEDURAL_PROBES):
            rng = Random(f"{seed}/probes/{language.code}/{kind}/{index}")
            forms = rule_forms(language, kind, rng)
            probe = _probe(language, key, forms, slot, "", rng)
            if probe["prompt"] not in seen:
                seen.add(probe["prompt"])
                yield {**probe, "language": language.code, "kind": "procedural"}


def _probe(language: Language, key: str, forms: Forms, slot: str, first: str, rng: Random) -> dict[str, str]:
    """A line of the key that ends with the slot's words and names `first` before them, cut in two.

    A prompt about a person has at least three words: after « Tarsine est » too much may follow.
    """
    lines = language.bank[key]
    start = rng.randrange(len(lines))
    for shift in range(len(lines)):
        text = language.finish(language.sentence(key, forms, rng, start + shift)).rstrip(".")
        prompt = text.removesuffix(forms[slot])
        if prompt != text and first in prompt and (not first or len(prompt.split()) > 2):
            kept = prompt.rstrip(" ")
            return {"prompt": kept, "expected": text[len(kept) :]}
    raise LookupError(f"no line of {key!r} in {language.code!r} ends with {slot!r}")
