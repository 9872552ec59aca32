"""Names that cannot be confused, facts dealt evenly, linked facts that share their lot."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from calame.corpus.petit_monde import names, world
from calame.corpus.petit_monde.languages import BY_CODE

SMALLEST = world.population(1)


def everyone(drawn: world.World) -> list[str]:
    """All invented names of a world."""
    people = [person.name for person in drawn.people]
    pets = [person.pet for person in drawn.people]
    places = [town.name for town in drawn.towns] + [name for name, _ in drawn.rivers]
    return people + pets + places + [name for name, _ in drawn.strangers]


def shortened(name: str) -> set[str]:
    return {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_names_are_told_apart(seed: int) -> None:
    found = everyone(world.draw(seed, 96))
    assert len(set(found)) == len(found)
    near = Counter(form for name in found for form in shortened(name))
    assert near.most_common(1)[0][1] == 1, "two names are one letter apart"
    assert not [(a, b) for a in found for b in found if a != b and b.startswith(a)]
    assert all(re.fullmatch(r"[A-Z][a-z]{3,}", name) and not name.endswith("s") for name in found)


def test_names_are_no_words_of_the_corpus() -> None:
    words = set()
    for language in BY_CODE.values():
        lines = [part for lines in language.bank.values() for line in lines for part in line]
        words |= set(re.findall(r"\w+", " ".join(lines).lower()))
        words |= {word.lower() for word in re.findall(r"\w+", repr(language.tables))}
    drawn = world.draw(5, 600)
    found = {name.lower() for name in everyone(drawn)} - {name.lower() for name, _ in drawn.rivers}
    assert not found & words


def test_names_for_a_large_world() -> None:
    drawn = world.draw(4, 12_000)
    found = [person.name for person in drawn.people] + [person.pet for person in drawn.people]
    assert len(set(found)) == 24_000
    near = Counter(form for name in found for form in shortened(name))
    assert near.most_common(1)[0][1] == 1
    beginnings = {name[:i] for name in found for i in range(1, len(name))}
    assert not beginnings & set(found)
    assert max(map(len, found)) <= 16


def test_towns_run_out_with_a_message() -> None:
    with pytest.raises(ValueError, match="towns"):
        names.town_names(Random(1), 10_000)


def test_population_follows_the_share() -> None:
    assert world.population(33_334) == world.population(800_000) == 30
    assert world.population(10_000_000) == 372
    assert all(world.population(share) % world.FAMILY == 0 for share in (10**5, 10**6, 10**7, 10**8))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_values_are_dealt_evenly(seed: int) -> None:
    drawn = world.draw(seed, SMALLEST)
    for relation in ("town", "trade", "animal", "dish", "instrument", "door"):
        counts = Counter(drawn.value(i, relation) for i in range(SMALLEST))
        assert len(counts) >= 10
        assert max(counts.values()) - min(counts.values()) <= 1
    for relation in ("mother", "sibling", "pet"):
        assert len({drawn.value(i, r) for i, r in drawn.askable([relation])}) >= 10
    assert len({drawn.value(i, "total") for i in range(SMALLEST)}) >= 10
    assert max(Counter(town.river for town in drawn.towns).values()) <= 3


def test_families_hold_together(small_world: world.World) -> None:
    people = small_world.people
    for i, person in enumerate(people):
        if person.mother is not None:
            assert people[person.mother].gender == "f"
        if person.sibling is not None:
            assert people[person.sibling].sibling == i
        twin = small_world.value(i, "cosibling")
        if isinstance(twin, int):
            assert people[twin].mother == person.mother
            assert person.sibling is None, "what is inferred is not told"
        assert all(2 <= count <= 9 for count, _ in person.flock)
        assert 4 <= int(small_world.value(i, "total") or 0) <= world.MOST_BEASTS


def test_linked_facts_share_their_lot(small_world: world.World) -> None:
    spoken = small_world.spoken
    for i, person in enumerate(small_world.people):
        if person.sibling is not None:
            assert spoken(i, "sibling") == spoken(person.sibling, "sibling")
        if person.mother is not None and small_world.value(i, "uncle") is not None:
            assert spoken(i, "uncle") == spoken(person.mother, "sibling")
        if person.mother is not None and small_world.value(i, "grandmother") is not None:
            assert spoken(i, "grandmother") == spoken(person.mother, "mother")
        twin = small_world.value(i, "cosibling")
        if isinstance(twin, int):
            assert spoken(i, "cosibling") == spoken(twin, "cosibling")
            assert spoken(i, "mother") == spoken(twin, "mother")


def test_about_half_is_held_out() -> None:
    drawn = world.draw(1, 600)
    for relation in (*world.RECALL, *world.INFERENCE):
        lots = [drawn.spoken(i, r) for i, r in drawn.askable([relation])]
        assert 0.35 < sum(lots) / len(lots) < 0.65
