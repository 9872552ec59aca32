"""What a language of the little world is: tables of words, a bank of lines, and a last touch of grammar.

A line is text with slots: "{N} vit à {town}." A slot is filled by the forms at hand (the words for one person, one
town) or else by a line of the bank that bears its name, drawn at random; so the bank is a small grammar, and adding a
language is writing one more module of tables and lines. The last touch (elision, contraction, a or an) looks at the
finished text, so that lines are written plainly: "de {N}" becomes "d’Orsine" by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from calame.corpus.petit_monde.world import CATEGORY, DAYS, SEASONS, World

Forms = dict[str, str]
Line = tuple[str, ...]
"""A compiled line: literal text and slot names by turns, beginning and ending with text."""

SLOT = re.compile(r"\{(\w+(?:\.\w+)*)\}")


@dataclass(frozen=True)
class Tables:
    """The words for every key of the world. Each entry holds all the forms its slots may need, the form that counts as
    the value under the name of the relation ("trade", "animal", "dish"…)."""

    gender: Mapping[str, Forms]
    """By gender of the person; "pronoun" is what may stand for the name as a subject ("" where none is wanted)."""
    trades: Mapping[str, Mapping[str, Forms]]
    """By trade, then gender."""
    animals: Mapping[str, Forms]
    categories: Mapping[str, Forms]
    dishes: Mapping[str, Forms]
    instruments: Mapping[str, Forms]
    colours: Mapping[str, Forms]
    """"door" agrees with a door, "roofs" with roofs."""
    beasts: Mapping[str, str]
    """Plural nouns."""
    feasts: Mapping[str, Forms]
    seasons: Mapping[str, Forms]
    days: Mapping[str, Forms]
    siblings: Mapping[str, Forms]
    """By own gender and the other's, "fm" for a woman and her brother."""
    uncles: Mapping[str, Forms]
    """By gender of the mother's sibling."""
    rivers: Callable[[str, str], Forms]
    """Forms from the name and gender of a river."""
    numbers: Sequence[str]
    """Words for 0 to 20, as in counting."""


class Language:
    """One language: fills lines and gives the forms of people, towns and animals."""

    def __init__(
        self,
        code: str,
        tables: Tables,
        bank: Mapping[str, Sequence[str]],
        typography: Callable[[str], str],
        finish: Callable[[str], str],
    ) -> None:
        self.code = code
        self.tables = tables
        self.finish = finish
        self.bank: dict[str, tuple[Line, ...]] = {
            key: tuple(tuple(SLOT.split(typography(line))) for line in lines) for key, lines in bank.items()
        }

    def fill(self, line: Line, forms: Mapping[str, str], rng: Random) -> str:
        """The line with its slots filled, from the forms first, else from the bank (never the same words twice)."""
        words = []
        is_slot = False
        for part in line:
            if is_slot:
                word = forms.get(part)
                if word is None:
                    word = self.draw(part, forms, rng)
                    while word in words:
                        word = self.draw(part, forms, rng)
                words.append(word)
            else:
                words.append(part)
            is_slot = not is_slot
        return "".join(words)

    def draw(self, key: str, forms: Mapping[str, str], rng: Random) -> str:
        """One line of the bank's key, filled."""
        return self.fill(rng.choice(self.bank[key]), forms, rng)

    def sentence(self, key: str, forms: Mapping[str, str], rng: Random, index: int | None = None) -> str:
        """A line of the key (the one at index, modulo their number, if given) with a capital at its head."""
        lines = self.bank[key]
        return capital(self.fill(rng.choice(lines) if index is None else lines[index % len(lines)], forms, rng))

    def person(self, world: World, i: int) -> Forms:
        """All forms of person i: name, agreement, and the value of every relation that exists."""
        person = world.people[i]
        tables = self.tables
        (first, first_beast), (second, second_beast) = person.flock
        forms = {
            "N": person.name,
            "S": person.name,
            "pet": person.pet,
            "flock_a": f"{tables.numbers[first]} {tables.beasts[first_beast]}",
            "flock_b": f"{tables.numbers[second]} {tables.beasts[second_beast]}",
            "total": tables.numbers[first + second],
            **tables.gender[person.gender],
            **tables.trades[person.trade][person.gender],
            **self.animal(person.animal),
            **tables.dishes[person.dish],
            **tables.instruments[person.instrument],
            **tables.colours[person.door],
            **self.town(world, person.town),
        }
        for relation in ("mother", "grandmother"):
            kin = world.value(i, relation)
            if isinstance(kin, int):
                forms[relation] = world.people[kin].name
        for relation in ("sibling", "cosibling"):
            kin = world.value(i, relation)
            if isinstance(kin, int):
                forms[relation] = world.people[kin].name
                forms |= tables.siblings[person.gender + world.people[kin].gender]
        uncle = world.value(i, "uncle")
        if isinstance(uncle, int):
            forms["uncle"] = world.people[uncle].name
            forms |= tables.uncles[world.people[uncle].gender]
        return forms

    def stranger(self, name: str, gender: str) -> Forms:
        """Forms of someone who does not exist: a name and agreement only."""
        return {"N": name, "S": name, **self.tables.gender[gender]}

    def animal(self, animal: str) -> Forms:
        """Forms of an animal and of its category."""
        return {**self.tables.animals[animal], **self.tables.categories[CATEGORY[animal]]}

    def numbers(self, x: int, y: int) -> Forms:
        """Forms of two numbers and their sum, in words (a, b, c) and figures (x, y, z)."""
        words = self.tables.numbers
        return {"a": words[x], "b": words[y], "c": words[x + y], "x": str(x), "y": str(y), "z": str(x + y)}

    def row(self, first: int, last: int) -> Forms:
        """Forms of a count: its ends in words (a, b) and the whole row."""
        words = self.tables.numbers[first : last + 1]
        return {"a": words[0], "b": words[-1], "row": ", ".join(words)}

    def town(self, world: World, t: int) -> Forms:
        """Forms of town t: its name, river, feast, roofs and market day."""
        town = world.towns[t]
        tables = self.tables
        return {
            "town": town.name,
            **self.river(world, town.river),
            **tables.seasons[town.season],
            **tables.feasts[town.feast],
            "roofs": tables.colours[town.roofs]["roofs"],
            **tables.days[town.market],
        }

    def river(self, world: World, r: int) -> Forms:
        """Forms of river r."""
        return self.tables.rivers(*world.rivers[r])

    def surfaces(self, world: World, relation: str) -> tuple[str, ...]:
        """Every value that the relation takes in this language, as it stands in answers, each once."""
        tables = self.tables
        closed: Mapping[str, Mapping[str, Forms]] = {
            "animal": tables.animals,
            "dish": tables.dishes,
            "instrument": tables.instruments,
            "door": tables.colours,
            "category": tables.categories,
        }
        if relation in closed:
            found = [forms[relation] for forms in closed[relation].values()]
        elif relation == "trade":
            found = [forms["trade"] for genders in tables.trades.values() for forms in genders.values()]
        elif relation == "town":
            found = [town.name for town in world.towns]
        elif relation == "river":
            found = [name for name, _ in world.rivers]
        elif relation == "total":
            found = list(tables.numbers[4:17])
        elif relation == "pet":
            found = [person.pet for person in world.people]
        else:
            found = [world.people[int(world.value(i, relation) or 0)].name for i, _ in world.askable([relation])]
        return tuple(dict.fromkeys(found))


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    text = text.lstrip(" ")
    return text[0].upper() + text[1:]


def agreed(pairs: Mapping[str, tuple[str, str]]) -> dict[str, Forms]:
    """Forms by gender from pairs (feminine, masculine)."""
    return {gender: {slot: pair[k] for slot, pair in pairs.items()} for k, gender in enumerate("fm")}


def after(table: Mapping[str, Forms], order: Sequence[str]) -> dict[str, Forms]:
    """Adds to each entry the forms of the one that follows in the order, their slots begun with "next_"."""
    following = dict(zip(order, [*order[1:], order[0]], strict=True))
    return {key: {**table[key], **{f"next_{s}": w for s, w in table[following[key]].items()}} for key in order}


def yearly(table: Mapping[str, Forms]) -> dict[str, Forms]:
    """Seasons with what follows each."""
    return after(table, SEASONS)


def weekly(table: Mapping[str, Forms]) -> dict[str, Forms]:
    """Days with what follows each."""
    return after(table, DAYS)
