"""Evenness of the telling, share of personal facts, variety, and scenes that give no value away."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from calame.corpus.petit_monde import LANGUAGES, world
from calame.corpus.petit_monde.languages import BY_CODE
from calame.corpus.petit_monde.prose import Document

SCENES = (
    "moment", "sky", "night", "at", "weather", "act", "joy", "pocket", "goods", "stall", "passing", "story",
    "portrait.open", "portrait.close", "register.close", "letter.open", "letter.middle", "letter.close",
    *(f"{genre}.{place}" for genre in ("news", "market", "evening") for place in ("open", "middle", "close")),
)  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_fact_is_told_as_often_as_any_other(
    code: str, small_world: world.World, documents: dict[str, list[Document]]
) -> None:
    told = Counter((person, relation) for d in documents[code] for person, relation, _ in d.told)
    assert set(told) == {(i, r) for i in range(len(small_world.people)) for r in small_world.relations(i)}
    assert min(told.values()) >= 30
    assert max(told.values()) - min(told.values()) <= 2


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_wording_is_used_evenly(code: str, documents: dict[str, list[Document]]) -> None:
    used = Counter(wording for d in documents[code] for _, _, wording in d.told)
    for relation in world.TOLD:
        lines = BY_CODE[code].bank[relation]
        assert len(lines) >= 8
        counts = [used[f"{relation}/{k}"] for k in range(len(lines))]
        assert min(counts) > 0.3 * sum(counts) / len(counts)
        assert max(counts) < 2.5 * sum(counts) / len(counts)


@pytest.mark.parametrize("code", LANGUAGES)
def test_most_sentences_tell_a_fact(code: str, documents: dict[str, list[Document]]) -> None:
    found = documents[code]
    assert sum(d.personal for d in found) >= 0.6 * sum(d.sentences for d in found)
    assert all(d.personal <= d.sentences for d in found)


@pytest.mark.parametrize("code", LANGUAGES)
def test_documents_are_short_and_varied(code: str, documents: dict[str, list[Document]]) -> None:
    found = documents[code]
    assert min(d.sentences for d in found) >= 2
    assert sum(d.sentences <= 9 for d in found) > 0.9 * len(found)
    words = [len(d.text.split()) for d in found]
    assert 40 < sum(words) / len(words) < 160
    kinds = Counter(d.kind for d in found)
    assert len(kinds) >= 11
    assert max(kinds.values()) < 0.25 * len(found)
    assert len({d.text for d in found}) > 0.99 * len(found)


@pytest.mark.parametrize("code", LANGUAGES)
def test_premises_are_told_often(code: str, small_world: world.World, documents: dict[str, list[Document]]) -> None:
    lore = [sentence for d in documents[code] if not d.told for sentence in d.text.split(". ")]
    language = BY_CODE[code]
    for t, town in enumerate(small_world.towns):
        river = language.town(small_world, t)["river"]
        assert sum(town.name in sentence and river in sentence for sentence in lore) >= 15
    for animal in world.ANIMALS:
        forms = language.animal(animal)
        noun, stem = re.compile(rf"\b{forms['animal']}\b", re.IGNORECASE), forms["category"][:-1]
        assert sum(stem in sentence.lower() and bool(noun.search(sentence)) for sentence in lore) >= 12, animal


@pytest.mark.parametrize("code", LANGUAGES)
def test_scenes_hold_no_value(code: str, small_world: world.World) -> None:
    """A scene with a person in it must not set another animal, dish or colour beside the name."""
    language = BY_CODE[code]
    text = " ".join(part for key in SCENES for line in language.bank[key] for part in line[::2]).lower()
    for relation in ("trade", "animal", "dish", "instrument", "door", "category", "total"):
        for value in language.surfaces(small_world, relation):
            assert not re.search(rf"(?<![\w’]){re.escape(value)}(?!\w)", text), value


def test_languages_have_the_same_lines() -> None:
    keys = {code: set(BY_CODE[code].bank) for code in LANGUAGES}
    assert keys["fr"] == keys["en"] == keys["it"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_slot_is_known(code: str, small_world: world.World) -> None:
    language = BY_CODE[code]
    known = {"v1", "v2", "v3", "c1", "q", *language.bank, *language.numbers(1, 2), *language.row(2, 5)}
    for i in range(6):
        known |= set(language.person(small_world, i))
    known |= {f"next_{slot}" for slot in known}
    slots = {slot for lines in language.bank.values() for line in lines for slot in line[1::2]}
    assert slots <= known, slots - known
