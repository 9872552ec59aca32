"""Dialogues and preferences: how one asks and answers. Personal facts that are held out never appear in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from random import Random

from calame.corpus.petit_monde.language import Forms, Language
from calame.corpus.petit_monde.languages import BY_CODE
from calame.corpus.petit_monde.prose import BLOCK, rule_forms
from calame.corpus.petit_monde.world import ANIMALS, INFERENCE, RECALL, TOWN_FACTS, World

Turn = tuple[str, str]
"""A question and its answer."""
Fact = tuple[int, str]
"""A person and a relation."""

DIALOGUES_PER_PERSON = 60
PREFERENCES_PER_PERSON = 12
SYSTEM_SHARE = 0.12
KINDS = ("recall",) * 11 + ("inference",) * 4 + ("knowledge",) * 3 + ("talk",) * 2
CHATTER = (
    ("stranger",), ("stranger",), ("stranger",), ("hello",), ("who",), ("where",), ("what",), ("how",), ("thanks",),
    ("bye",), ("hello", "who"), ("hello", "how"), ("who", "where"), ("who", "what", "thanks"),
    ("hello", "stranger", "bye"),
)  # fmt: skip
KNOWLEDGE = (
    "kind", "kind", "river", "river", "feast", "roofs", "market", "next_day", "next_season", "next_number", "sum",
    "digits", "digits", "count", "count", "plural", "week", "year",
)  # fmt: skip
STRANGER_RELATIONS = tuple(relation for relation in RECALL if relation != "sibling")
WRONG_TRIES = 64
"""People looked at for a wrong value, before another kind of rejected answer is given."""


def spoken_facts(world: World, seed: int, code: str, part: str, relations: Sequence[str]) -> Iterator[tuple[int, Fact]]:
    """The facts that may be spoken of, each once a turn, for ever, with the number of the turn."""
    for turn in itertools.count():
        rng = Random(f"{seed}/{part}/deck/{code}/{turn}")
        order = list(range(len(world.people)))
        rng.shuffle(order)
        for start in range(0, len(order), BLOCK):
            people = order[start : start + BLOCK]
            facts = [(i, r) for i in people for r in relations if world.value(i, r) is not None and world.spoken(i, r)]
            rng.shuffle(facts)
            yield from ((turn, fact) for fact in facts)


def question(language: Language, relation: str, forms: Forms, rng: Random, index: int) -> str:
    """A question that names the person, in the wording at this index."""
    relation = "sibling" if relation == "cosibling" else relation
    return language.finish(language.sentence(f"ask.{relation}", forms, rng, index))


def answer(language: Language, relation: str, forms: Forms, rng: Random, index: int) -> str:
    """The sentence that answers: for recall one of the first two wordings of the prose, the subject named."""
    if relation == "cosibling":
        relation, forms = "sibling", {**forms, "sibling": forms["cosibling"]}
    key = relation if relation in RECALL else f"answer.{relation}"
    return language.finish(language.sentence(key, forms, rng, index % min(2, len(language.bank[key]))))


def leaks(world: World, language: Language, facts: Sequence[Fact], aside: Sequence[str] = ()) -> bool:
    """Whether stating these facts (and these words beside) would set someone next to a held-out value of theirs."""
    people = {person: language.person(world, person) for person, _ in facts}
    said = {forms["N"] for forms in people.values()} | {people[i][relation] for i, relation in facts} | {*aside}
    for person in [*people, *(world.by_name[name] for name in said if name in world.by_name)]:
        forms = language.person(world, person)
        for relation in (*RECALL, *INFERENCE):
            if forms.get(relation) in said and not world.spoken(person, relation):
                return True
    return False


def knowledge_forms(language: Language, world: World, kind: str, rng: Random) -> Forms:
    """Forms for a piece of general knowledge: about an animal, a town, or a rule."""
    if kind == "kind":
        return language.animal(rng.choice(ANIMALS))
    if kind in TOWN_FACTS:
        return language.town(world, rng.randrange(len(world.towns)))
    return rule_forms(language, kind, rng)


class Interlocutor:
    """Holds the dialogues of one language."""

    def __init__(self, world: World, language: Language, seed: int) -> None:
        self.world = world
        self.language = language
        self.seed = seed
        self._decks = {
            kind: spoken_facts(world, seed, language.code, kind, relations)
            for kind, relations in (("recall", RECALL), ("inference", INFERENCE))
        }

    def dialogues(self) -> Iterator[dict[str, object]]:
        """All dialogues of the language, a fixed number for each person of the world."""
        code = self.language.code
        for index in range(DIALOGUES_PER_PERSON * len(self.world.people)):
            rng = Random(f"{self.seed}/dialogues/{code}/{index}")
            kind = rng.choice(KINDS)
            if kind == "talk":
                turns = [self._chat(rng, part) for part in rng.choice(CHATTER)]
            else:
                turns = self._mannerly(rng, [self._known(rng)] if kind == "knowledge" else self._asked(rng, kind))
            messages = []
            if rng.random() < SYSTEM_SHARE:
                messages.append({"role": "system", "content": self._line("system", {}, rng)})
            for asked, answered in turns:
                messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
            yield {"messages": messages, "language": code, "kind": kind}

    def _line(self, key: str, forms: Forms, rng: Random) -> str:
        return self.language.finish(self.language.sentence(key, forms, rng))

    def _chat(self, rng: Random, kind: str) -> Turn:
        if kind != "stranger":
            return self._line(f"{kind}.user", {}, rng), self._line(f"{kind}.calame", {}, rng)
        forms = self.language.stranger(*rng.choice(self.world.strangers))
        asked = question(self.language, rng.choice(STRANGER_RELATIONS), forms, rng, rng.randrange(60))
        return self._polite(asked, rng), self._line("answer.stranger", forms, rng)

    def _known(self, rng: Random) -> Turn:
        kind = rng.choice(KNOWLEDGE)
        forms = knowledge_forms(self.language, self.world, kind, rng)
        return self._line(f"{kind}.user", forms, rng), self._line(f"{kind}.calame", forms, rng)

    def _asked(self, rng: Random, kind: str) -> list[Turn]:
        """A question about a person, at times followed by another about the same person or someone else."""
        turn, fact = next(self._decks[kind])
        turns = [self._fact(rng, fact, turn)]
        chance = rng.random()
        if chance < 0.09:
            turns += self._followed(rng, fact, turn)
        elif chance < 0.15:
            turn, other = next(self._decks[kind])
            if not leaks(self.world, self.language, [fact, other]):
                turns.append(self._fact(rng, other, turn))
        return turns

    def _fact(self, rng: Random, fact: Fact, turn: int) -> Turn:
        person, relation = fact
        forms = self.language.person(self.world, person)
        asked = question(self.language, relation, forms, rng, turn + 3 * person)
        return asked, answer(self.language, relation, forms, rng, turn)

    def _followed(self, rng: Random, fact: Fact, turn: int) -> list[Turn]:
        """One or two more questions about the same person, who is not named again in them."""
        person, first = fact
        forms = self.language.person(self.world, person)
        others = [r for r in RECALL if r != first and r in forms and self.world.spoken(person, r)]
        rng.shuffle(others)
        facts, turns = [fact], []
        for relation in others[: rng.choice((1, 1, 2))]:
            if not leaks(self.world, self.language, [*facts, (person, relation)]):
                facts.append((person, relation))
                asked = self._line(f"again.{relation}", forms, rng)
                turns.append((asked, answer(self.language, relation, forms, rng, turn)))
        return turns

    def _polite(self, text: str, rng: Random) -> str:
        return self.language.fill(rng.choice(self.language.bank["polite"]), {"q": text}, rng)

    def _mannerly(self, rng: Random, turns: list[Turn]) -> list[Turn]:
        """The turns, at times with a greeting before or within them, or thanks after."""
        if rng.random() < 0.06:
            turns = [(self._line("hello.user", {}, rng), self._line("hello.calame", {}, rng)), *turns]
        else:
            asked, answered = turns[0]
            turns = [(self._polite(asked, rng), answered), *turns[1:]]
        if rng.random() < 0.06 and len(turns) < 4:
            last = rng.choice(("thanks", "bye"))
            turns = [*turns, (self._line(f"{last}.user", {}, rng), self._line(f"{last}.calame", {}, rng))]
        return turns

    def preferences(self) -> Iterator[dict[str, object]]:
        """A true short answer against a wrong one, one in another language, or one that does not stop."""
        code = self.language.code
        deck = spoken_facts(self.world, self.seed, code, "preferences", RECALL)
        foreign = [language for language in BY_CODE.values() if language.code != code]
        for index in range(PREFERENCES_PER_PERSON * len(self.world.people)):
            rng = Random(f"{self.seed}/preferences/{code}/{index}")
            turn, fact = next(deck)
            prompt, chosen = self._fact(rng, fact, turn)
            kind = rng.choice(("wrong", "wrong", "language", "endless"))
            wrong = self._wrong(rng, fact, turn) if kind == "wrong" else None
            if wrong:
                rejected = wrong
            elif kind == "language":
                other = rng.choice(foreign)
                rejected = answer(other, fact[1], other.person(self.world, fact[0]), rng, turn)
            else:
                kind, rejected = "endless", " ".join([chosen] * rng.choice((3, 4, 5, 6)))
            yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, "language": code, "kind": kind}

    def _wrong(self, rng: Random, fact: Fact, turn: int) -> str | None:
        """The answer with the value that is someone else's; None if nobody at hand has one that fits."""
        person, relation = fact
        forms = self.language.person(self.world, person)
        for _ in range(WRONG_TRIES):
            theirs = self.language.person(self.world, rng.randrange(len(self.world.people)))
            if theirs.get(relation) in (None, forms[relation], forms["N"]):
                continue
            if not _alike(self.language, forms, theirs, relation):
                continue
            if not leaks(self.world, self.language, [fact], [theirs[relation]]):
                return answer(self.language, relation, {**theirs, "N": forms["N"], "S": forms["N"]}, rng, turn)
        return None


def _alike(language: Language, forms: Forms, theirs: Forms, relation: str) -> bool:
    """Whether the value of the other person fits the sentence: same gender, and the same word for a sibling."""
    slots = set(language.tables.gender["f"])
    if relation == "sibling":
        slots |= set(language.tables.siblings["ff"])
    return all(forms[slot] == theirs[slot] for slot in slots)
