"""The facts of the little world, free of any language: who lives where, with whom, and what may be asked of whom.

Facts are keys ("baker"), numbers, and indices of people, towns and rivers; the language modules give them words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TypeVar

from calame.corpus.petit_monde import names

T = TypeVar("T")

TRADES = (
    "baker", "carpenter", "miller", "weaver", "potter", "gardener", "clockmaker", "bookseller", "shepherd", "beekeeper",
    "tailor", "cobbler", "printer", "glazier", "teacher", "cheesemaker",
)  # fmt: skip
CATEGORIES = {
    "mammal": ("hedgehog", "squirrel", "cat"),
    "bird": ("owl", "blackbird", "magpie"),
    "reptile": ("tortoise", "lizard", "gecko"),
    "insect": ("cricket", "beetle", "ladybird"),
    "fish": ("carp", "trout", "tench"),
    "amphibian": ("frog", "toad", "newt"),
}
CATEGORY = {animal: category for category, animals in CATEGORIES.items() for animal in animals}
ANIMALS = tuple(CATEGORY)
DISHES = (
    "onion soup", "plum tart", "rice pudding", "omelette", "pumpkin gratin", "polenta", "risotto", "pear compote",
    "gingerbread", "walnut cake", "lentil salad", "cabbage stew", "lemon cream", "brioche", "blackberry jam",
    "chestnut puree",
)  # fmt: skip
INSTRUMENTS = (
    "violin", "flute", "harp", "accordion", "guitar", "drum", "clarinet", "cello", "trumpet", "mandolin", "piano",
    "oboe", "lute", "xylophone", "organ", "hurdy-gurdy",
)  # fmt: skip
COLOURS = (
    "red", "blue", "green", "yellow", "white", "black", "grey", "brown", "pink", "purple", "orange", "turquoise",
)  # fmt: skip
ROOFS = ("red", "blue", "green", "yellow", "white", "grey", "brown", "pink")
BEASTS = ("goat", "hen", "sheep", "goose", "duck", "cow", "donkey", "pig")
SEASONS = ("spring", "summer", "autumn", "winter")
FEASTS = (
    "lanterns", "bread", "masks", "songs", "bells", "candles", "boats", "ribbons", "kites", "mirrors", "tales", "fires",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

RECALL = ("town", "trade", "animal", "pet", "dish", "instrument", "door", "mother", "sibling")
"""Relations told in the prose and asked as they stand."""
TOLD = (*RECALL, "flock")
"""Personal relations told in the prose; a flock is two numbers of beasts."""
INFERENCE = ("category", "river", "total", "uncle", "grandmother", "cosibling")
"""Relations never told: the kind of one's animal, the river of one's town, the size of one's flock, and kin. An uncle
(or aunt) is the mother's sibling, a cosibling has the same mother."""
TOWN_FACTS = ("river", "feast", "roofs", "market")

MOST_BEASTS = 16
"""Beasts in a flock: above sixteen the French number words are compounds that contain smaller ones."""
FAMILY = 6
"""People in a family, in this order: great-uncle or great-aunt, grandmother, mother, her sibling, two children."""
GREAT_UNCLE, GRANDMOTHER, MOTHER, UNCLE, ELDER, YOUNGER = range(FAMILY)


@dataclass(frozen=True, slots=True)
class Town:
    """A town, its river (an index), the season and kind of its feast, the colour of its roofs and its market day."""

    name: str
    river: int
    season: str
    feast: str
    roofs: str
    market: str


@dataclass(frozen=True, slots=True)
class Person:
    """One person. Kin are indices of people; None where the world does not say."""

    name: str
    gender: str
    town: int
    trade: str
    animal: str
    pet: str
    dish: str
    instrument: str
    door: str
    flock: tuple[tuple[int, str], tuple[int, str]]
    mother: int | None
    sibling: int | None


@dataclass(frozen=True)
class World:
    """Everything that is true. `seed` decides which facts are spoken of in dialogues and which are held out."""

    seed: int
    people: Sequence[Person]
    towns: Sequence[Town]
    rivers: Sequence[tuple[str, str]]
    strangers: Sequence[tuple[str, str]]
    """Names and genders of people who do not exist here, to be told apart from those who do."""

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Index of each person by name."""
        return {person.name: i for i, person in enumerate(self.people)}

    def relations(self, i: int) -> tuple[str, ...]:
        """The relations that the prose tells of person i."""
        person = self.people[i]
        absent = {name for name in ("mother", "sibling") if getattr(person, name) is None}
        return tuple(relation for relation in TOLD if relation not in absent)

    def value(self, i: int, relation: str) -> str | int | None:
        """What is true of person i: a key, a number, or the index of a person, town or river; None if nothing is."""
        person = self.people[i]
        if relation == "category":
            return CATEGORY[person.animal]
        if relation == "river":
            return self.towns[person.town].river
        if relation == "total":
            return sum(count for count, _ in person.flock)
        if relation == "cosibling":
            return {ELDER: i + 1, YOUNGER: i - 1}.get(i % FAMILY)
        if relation in ("uncle", "grandmother"):
            mother = None if person.mother is None else self.people[person.mother]
            if mother is None:
                return None
            return mother.sibling if relation == "uncle" else mother.mother
        return getattr(person, relation)

    def askable(self, relations: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Every (person, relation) among these that has an answer, in the order of the world."""
        for i in range(len(self.people)):
            for relation in relations:
                if self.value(i, relation) is not None:
                    yield i, relation

    def spoken(self, i: int, relation: str) -> bool:
        """Whether dialogues may ask this of person i; if not, it is held out, in every language.

        Facts that would give each other away share their lot: the two directions of a sibling bond and the uncle that
        follows from it; a mother told of each of her children and the grandmother that follows.
        """
        value = self.value(i, relation)
        if relation in ("mother", "grandmother"):
            key = f"mother/{value}"
        elif relation == "sibling":
            key = f"sibling/{min(i, int(value or 0))}"
        elif relation == "uncle":
            key = f"sibling/{min(int(value or 0), int(self.people[i].mother or 0))}"
        elif relation == "cosibling":
            key = f"cosibling/{min(i, int(value or 0))}"
        else:
            key = f"{relation}/{i}"
        return hashlib.sha256(f"{self.seed}/spoken/{key}".encode()).digest()[0] % 2 == 0


def population(share: int) -> int:
    """People for this many bytes of prose in one language: the telling of each fact stays about as frequent."""
    return FAMILY * max(5, share // 160_000)


def draw(seed: int, people: int) -> World:
    """The world of this seed with this many people (a multiple of six)."""
    rng = Random(f"{seed}/world")
    town_count = min(12 + people // 400, 240)
    river_count = min(5 + town_count // 16, len(names.RIVERS))
    towns = _draw_towns(rng, town_count, river_count)
    registry = names.Registry([*(town.name for town in towns), *(name for name, _ in names.RIVERS)])
    mint = names.Mint(Random(f"{seed}/people"), names.PEOPLE_STEMS, names.PEOPLE_INNER, registry)
    pets = names.Mint(Random(f"{seed}/pets"), names.PET_STEMS, names.PET_INNER, registry)
    decks = {
        "town": deal(Random(f"{seed}/town"), range(town_count)),
        "trade": deal(Random(f"{seed}/trade"), TRADES),
        "animal": deal(Random(f"{seed}/animal"), ANIMALS),
        "dish": deal(Random(f"{seed}/dish"), DISHES),
        "instrument": deal(Random(f"{seed}/instrument"), INSTRUMENTS),
        "door": deal(Random(f"{seed}/door"), COLOURS),
    }
    flocks = _deal_flocks(Random(f"{seed}/flock"))
    folk = []
    for i in range(people):
        mother, sibling = _kin(i)
        gender = "f" if i % FAMILY in (GRANDMOTHER, MOTHER) else rng.choice("fm")
        facts = {relation: next(deck) for relation, deck in decks.items()}
        folk.append(
            Person(
                name=mint.draw(names.PEOPLE_ENDINGS[gender]),
                gender=gender,
                pet=pets.draw(names.PET_ENDINGS),
                flock=next(flocks),
                mother=mother,
                sibling=sibling,
                **facts,
            )
        )
    genders = [rng.choice("fm") for _ in range(people // 2)]
    strangers = [(mint.draw(names.PEOPLE_ENDINGS[gender]), gender) for gender in genders]
    return World(seed, folk, towns, names.RIVERS[:river_count], strangers)


def _draw_towns(rng: Random, count: int, rivers: int) -> list[Town]:
    along = deal(rng, range(rivers))
    seasons, feasts, roofs, markets = (deal(rng, values) for values in (SEASONS, FEASTS, ROOFS, DAYS))
    return [
        Town(name, next(along), next(seasons), next(feasts), next(roofs), next(markets))
        for name in names.town_names(rng, count)
    ]


def _kin(i: int) -> tuple[int | None, int | None]:
    """Mother and sibling that the world tells of person i, by the place in the family."""
    first = i - i % FAMILY
    place = i % FAMILY
    mother = {MOTHER: first + GRANDMOTHER, ELDER: first + MOTHER, YOUNGER: first + MOTHER}.get(place)
    sibling = {
        GREAT_UNCLE: first + GRANDMOTHER,
        GRANDMOTHER: first + GREAT_UNCLE,
        MOTHER: first + UNCLE,
        UNCLE: first + MOTHER,
    }.get(place)
    return mother, sibling


def deal(rng: Random, values: Sequence[T]) -> Iterator[T]:
    """The values for ever, in shuffled decks, so that each comes up as often as any other."""
    while True:
        deck = list(values)
        rng.shuffle(deck)
        yield from deck


def _deal_flocks(rng: Random) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    """Two kinds of beasts and how many of each (2 to 9), the totals dealt evenly."""
    beasts = [(a, b) for a in BEASTS for b in BEASTS if a != b]
    totals = deal(rng, range(4, MOST_BEASTS + 1))
    for first, second in deal(rng, beasts):
        total = next(totals)
        count = rng.randrange(max(2, total - 9), min(9, total - 2) + 1)
        yield (count, first), (total - count, second)
