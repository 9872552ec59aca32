"""The prose: short documents in which the facts of the world are told, each as often as any other.

Facts are dealt in turns. In one turn every fact of every person is told once; a person's facts are cut into small
chunks, the chunks of a block of people are shuffled, and each document takes the next chunk or few. One relation of
each block is set aside in every turn and told in registers. The wording moves on with the turn, so that a fact meets
all of its wordings in time.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from calame.corpus.petit_monde.language import Forms, Language, capital
from calame.corpus.petit_monde.world import ANIMALS, DAYS, SEASONS, TOLD, TOWN_FACTS, World, deal

BLOCK = 48
"""People whose chunks are shuffled together."""
CHUNK_SIZES = (2, 2, 3, 3, 4, 5)
"""Facts in a chunk; one more rather than leave a single one over."""
ROLL = 5
"""People in a register, about."""
LORE_SHARE = 0.13
"""Share of documents about the world at large: no person appears in them."""
STORY_SHARE = 0.25
"""Share of stories among the documents about a single person."""
PRONOUN_SHARE = 0.4
"""How often a pronoun stands for the name where it could."""
LORE = ("kinds", "kinds", "towns", "towns", "walk", "walk", "almanac", "lesson", "lesson", "weather")
"""Documents about the world at large, the more important ones named twice."""
EXERCISES = ("next_day", "next_season", "next_number", "sum", "sum", "count", "plural", "small", "week", "year")
"""What is recited in a lesson."""
GATHERING = ("news", "market", "evening", "letter")
"""Genres in which several people appear."""
THIRD_PARTY = frozenset({"mother", "sibling", "pet"})
"""Relations that bring in someone else: a pronoun after them would be unclear."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some relations of one person, to be told together."""

    turn: int
    person: int
    relations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roll:
    """One relation of several people, to be told in a register."""

    turn: int
    relation: str
    people: tuple[int, ...]


@dataclass(slots=True)
class Document:
    """A document and what it tells: `told` holds (person, relation, wording) for every telling of a personal fact."""

    kind: str
    text: str = ""
    sentences: int = 0
    personal: int = 0
    """Sentences that state at least one personal fact."""
    told: list[tuple[int, str, str]] = field(default_factory=list)


def dealt(world: World, seed: int, code: str) -> Iterator[Chunk | Roll]:
    """Every personal fact once a turn, for ever, in chunks and rolls."""
    for turn in itertools.count():
        rng = Random(f"{seed}/deck/{code}/{turn}")
        order = list(range(len(world.people)))
        rng.shuffle(order)
        for number, start in enumerate(range(0, len(order), BLOCK)):
            aside = TOLD[(turn + number) % len(TOLD)]
            yield from _block(world, rng, turn, order[start : start + BLOCK], aside)


def _block(world: World, rng: Random, turn: int, people: list[int], aside: str) -> list[Chunk | Roll]:
    """The chunks of these people, and the rolls of the relation set aside, shuffled together."""
    found: list[Chunk | Roll] = []
    rolled = []
    for person in people:
        relations = [relation for relation in world.relations(person) if relation != aside]
        if len(relations) < len(world.relations(person)):
            rolled.append(person)
        rng.shuffle(relations)
        while relations:
            size = rng.choice(CHUNK_SIZES)
            if len(relations) == size + 1:
                size += 1
            found.append(Chunk(turn, person, tuple(relations[:size])))
            del relations[:size]
    rolls = max(1, len(rolled) // ROLL)
    found += [Roll(turn, aside, tuple(rolled[k::rolls])) for k in range(rolls)]
    rng.shuffle(found)
    return found


def rule_forms(language: Language, kind: str, rng: Random) -> Forms:
    """Forms for a sentence about numbers, days, seasons or the plural of a noun."""
    if kind in ("plural", "small"):
        return language.animal(rng.choice(ANIMALS))
    if kind == "next_day":
        return language.tables.days[rng.choice(DAYS)]
    if kind == "next_season":
        return language.tables.seasons[rng.choice(SEASONS)]
    if kind == "next_number":
        forms = language.numbers(rng.randrange(1, 16), 1)
        return {**forms, "b": forms["c"]}
    if kind in ("sum", "digits"):
        return language.numbers(rng.randrange(1, 11), rng.randrange(1, 11))
    if kind == "count":
        first = rng.randrange(2, 10)
        return language.row(first, first + rng.randrange(3, 7))
    return {}


class Writer:
    """Writes the documents of one language, in their order, without end."""

    def __init__(self, world: World, language: Language, seed: int) -> None:
        self.world = world
        self.language = language
        self.seed = seed
        self._chunks = dealt(world, seed, language.code)
        self._rolls: deque[Roll] = deque()
        rng = Random(f"{seed}/lore/{language.code}")
        self._animals = deal(rng, ANIMALS)
        self._town_deck = deal(rng, range(len(world.towns)))
        self._rivers = deal(rng, range(len(world.rivers)))
        self._seasons = deal(rng, SEASONS)

    def documents(self) -> Iterator[Document]:
        """The documents, for ever. Each draws from its own generator; the facts come from the deck."""
        for index in itertools.count():
            rng = Random(f"{self.seed}/prose/{self.language.code}/{index}")
            yield self._lore(rng) if rng.random() < LORE_SHARE else self._personal(rng)

    # People

    def _personal(self, rng: Random) -> Document:
        if self._rolls:
            return self._register(rng, self._rolls.popleft())
        chunks = [self._next()]
        while sum(len(chunk.relations) for chunk in chunks) < 4 or (1 < len(chunks) < 4 and rng.random() < 0.15):
            chunks.append(self._next())
        if len(chunks) > 1:
            return self._gathering(rng, chunks)
        return self._story(rng, chunks[0]) if rng.random() < STORY_SHARE else self._portrait(rng, chunks[0])

    def _next(self) -> Chunk:
        """The next chunk; rolls met on the way wait for the next documents."""
        while isinstance(part := next(self._chunks), Roll):
            self._rolls.append(part)
        return part

    def _tell(self, rng: Random, chunk: Chunk, forms: Forms, document: Document) -> list[str]:
        """The facts of the chunk, in sentences of one to three facts, noted in the document."""
        told = []
        clear = False
        relations = list(chunk.relations)
        while relations:
            group = relations[: rng.choice((1, 1, 1, 1, 2, 2, 3))]
            if "flock" in group:  # a flock, itself two things, stands alone
                group = group[: max(1, group.index("flock"))]
            del relations[: len(group)]
            forms["S"] = forms["pronoun"] if clear and rng.random() < PRONOUN_SHARE else forms["N"]
            sentence = self._sentence(rng, chunk, group, forms, document)
            told.append(sentence)
            # After « La porte de Tarsine est verte », « elle » would be the door.
            subject = forms["N"] not in sentence or sentence.startswith((f"{forms['N']} ", f"{forms['N']}, "))
            clear = subject and THIRD_PARTY.isdisjoint(group)
        document.personal += len(told)
        return told

    def _sentence(self, rng: Random, chunk: Chunk, group: list[str], forms: Forms, document: Document) -> str:
        """One sentence that states the relations of the group."""
        if len(group) == 1:
            return self._fact(rng, chunk, group[0], "", forms, document)
        if rng.random() < 0.4:
            kinds = [".clause", *[".verb"] * (len(group) - 1)]
            frame = "join.clause" if len(group) == 2 else "join.clause.two"
        else:
            kinds = [".verb"] * len(group)
            pronoun = group[0] not in THIRD_PARTY and rng.random() < 0.5
            frame = "join.three" if len(group) == 3 else "join.pronoun" if pronoun else "join.verbs"
        for k, (relation, kind) in enumerate(zip(group, kinds, strict=True), 1):
            slot = "c1" if kind == ".clause" else f"v{k}"
            forms[slot] = self._fact(rng, chunk, relation, kind, forms, document)
        return self.language.sentence(frame, forms, rng)

    def _fact(self, rng: Random, chunk: Chunk, relation: str, kind: str, forms: Forms, document: Document) -> str:
        """One wording of a fact: a sentence, or (kind .verb or .clause) a part of one."""
        lines = self.language.bank[relation + kind]
        index = (chunk.turn + 5 * chunk.person + 7 * TOLD.index(relation)) % len(lines)
        document.told.append((chunk.person, relation, f"{relation}{kind}/{index}"))
        text = self.language.fill(lines[index], forms, rng)
        return text if kind else capital(text)

    def _portrait(self, rng: Random, chunk: Chunk) -> Document:
        document = Document("portrait")
        forms = self.language.person(self.world, chunk.person)
        lines = []
        if rng.random() < 0.45:
            lines.append(self.language.sentence("portrait.open", forms, rng))
        lines += self._tell(rng, chunk, forms, document)
        if rng.random() < 0.4 or len(lines) < 2:
            lines.append(self.language.sentence("portrait.close", forms, rng))
        return self._close(document, [lines])

    def _story(self, rng: Random, chunk: Chunk) -> Document:
        """Who it is about, then what happens."""
        document = Document("story")
        forms = self.language.person(self.world, chunk.person)
        lines = self._tell(rng, chunk, forms, document)
        story = self.language.draw("story", forms, rng)
        return self._close(document, [lines, [capital(sentence) for sentence in story.split(" | ")]])

    def _gathering(self, rng: Random, chunks: list[Chunk]) -> Document:
        """Several people in the talk of a town, at market, at the fireside or in a letter."""
        kind = rng.choice(GATHERING)
        document = Document(kind)
        said = []
        for number, chunk in enumerate(chunks):
            forms = self.language.person(self.world, chunk.person)
            if number and rng.random() < 0.35:
                said.append(self.language.sentence(rng.choice((f"{kind}.middle", "passing")), forms, rng))
            said += self._tell(rng, chunk, forms, document)
        forms = {}
        opening = self.language.sentence(f"{kind}.open", forms, rng)
        closing = self.language.sentence(f"{kind}.close", forms, rng)
        if kind == "letter":
            return self._letter(rng, document, [opening, *said], closing, {chunk.person for chunk in chunks})
        lines = [opening, *said] if rng.random() < 0.8 else said
        if rng.random() < 0.5:
            lines.append(closing)
        return self._close(document, [lines])

    def _letter(self, rng: Random, document: Document, lines: list[str], closing: str, absent: set[int]) -> Document:
        """A letter between two people of whom it does not speak."""
        people = self.world.people
        absent |= {kin for i in absent for kin in (people[i].mother, people[i].sibling) if kin is not None}
        pair = []
        while len(pair) < 2:
            person = rng.randrange(len(people))
            if person not in absent and person not in pair:
                pair.append(person)
        reader, sender = (self.language.person(self.world, person) for person in pair)
        greeting = self.language.sentence("letter.greeting", reader, rng)
        signature = self.language.sentence("letter.sign", sender, rng)
        document = self._close(document, [[greeting], lines, [closing], [signature]])
        document.sentences -= 2
        return document

    def _register(self, rng: Random, roll: Roll) -> Document:
        """A list: a title, an entry a line, and perhaps a last word."""
        document = Document("register")
        lines = [self.language.sentence(f"title.{roll.relation}", {}, rng)]
        entries = self.language.bank[f"entry.{roll.relation}"]
        index = rng.randrange(len(entries))
        for person in roll.people:
            forms = self.language.person(self.world, person)
            document.told.append((person, roll.relation, f"{roll.relation}.entry/{index}"))
            lines.append(capital(self.language.fill(entries[index], forms, rng)))
        document.personal = len(roll.people)
        if rng.random() < 0.4 or len(lines) == 2:
            lines.append(self.language.sentence("register.close", {}, rng))
        return self._close(document, [lines], "\n")

    # The world at large

    def _lore(self, rng: Random) -> Document:
        """A document in which no person appears."""
        kind = rng.choice(LORE)
        lines = {
            "kinds": self._kinds,
            "towns": self._towns,
            "walk": self._walk,
            "almanac": self._almanac,
            "lesson": self._lesson,
            "weather": self._weather,
        }[kind](rng)
        return self._close(Document("rules" if kind in ("kinds", "towns") else kind), [lines])

    def _kinds(self, rng: Random) -> list[str]:
        lines = [self.language.sentence("rules.kinds", {}, rng)]
        for _ in range(rng.choice((4, 5, 6))):
            lines.append(self.language.sentence("fact.kind", self.language.animal(next(self._animals)), rng))
        return lines

    def _towns_of(self, rng: Random, towns: list[int], fact: str) -> list[str]:
        return [self.language.sentence(f"fact.{fact}", self.language.town(self.world, t), rng) for t in towns]

    def _towns(self, rng: Random) -> list[str]:
        lines = [self.language.sentence("rules.towns", {}, rng)]
        for t in itertools.islice(self._town_deck, 2):
            facts = ["river", *(fact for fact in TOWN_FACTS if fact != "river" and rng.random() < 0.7)]
            rng.shuffle(facts)
            for fact in facts:
                lines += self._towns_of(rng, [t], fact)
        return lines[:8]

    def _walk(self, rng: Random) -> list[str]:
        river = next(self._rivers)
        forms = self.language.river(self.world, river)
        towns = [t for t, town in enumerate(self.world.towns) if town.river == river]
        rng.shuffle(towns)
        lines = [self.language.sentence("walk.open", forms, rng)]
        for line in self._towns_of(rng, towns[:3], "river"):
            lines += [line, self.language.sentence("walk.line", forms, rng)] if rng.random() < 0.5 else [line]
        return [*lines, self.language.sentence("walk.close", forms, rng)]

    def _almanac(self, rng: Random) -> list[str]:
        season = next(self._seasons)
        forms = self.language.tables.seasons[season]
        towns = [t for t, town in enumerate(self.world.towns) if town.season == season]
        rng.shuffle(towns)
        lines = [self.language.sentence("almanac.open", forms, rng)]
        for _ in range(2):
            line = self.language.sentence(f"almanac.{season}", forms, rng)
            if line not in lines:
                lines.append(line)
        lines += self._towns_of(rng, towns[:2], "feast")
        if rng.random() < 0.6:
            lines.append(self.language.sentence("fact.next_season", forms, rng))
        return lines

    def _lesson(self, rng: Random) -> list[str]:
        kinds = list(EXERCISES)
        rng.shuffle(kinds)
        lines = [self.language.sentence("lesson.open", {}, rng)]
        for kind in kinds[: rng.choice((3, 4, 5))]:
            lines.append(self.language.sentence(f"fact.{kind}", rule_forms(self.language, kind, rng), rng))
        return [*lines, self.language.sentence("lesson.close", {}, rng)]

    def _weather(self, rng: Random) -> list[str]:
        """Three moments of a day, in their order, each with a sky of its own."""
        language = self.language
        moments, skies = ([language.fill(line, {}, rng) for line in language.bank[key]] for key in ("at", "sky"))
        chosen = list(range(len(moments)))
        rng.shuffle(chosen)
        lines, seen, shift = [], "", rng.randrange(3)
        for n, k in enumerate(sorted(chosen[:3]), shift):
            line = language.sentence("weather", {"at": moments[k]}, rng, n)
            while any(sky in seen and sky in line.lower() for sky in skies):
                line = language.sentence("weather", {"at": moments[k]}, rng, n)
            lines.append(line)
            seen += line.lower()
        return [*lines, language.sentence("weather.close", {}, rng)]

    def _close(self, document: Document, paragraphs: list[list[str]], glue: str = " ") -> Document:
        """Joins the sentences and gives the text its last touch."""
        document.sentences = sum(len(lines) for lines in paragraphs)
        document.text = self.language.finish("\n\n".join(glue.join(lines) for lines in paragraphs))
        return document
