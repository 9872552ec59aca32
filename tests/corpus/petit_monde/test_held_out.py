"""The held-out contract: what is asked at the end was never asked before, and the prose alone gives it away."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from random import Random

import pytest

from calame.corpus.petit_monde import LANGUAGES, MINIMUM_SIZE, rows, world
from calame.corpus.petit_monde.language import Forms
from calame.corpus.petit_monde.languages import BY_CODE
from calame.corpus.petit_monde.prose import Document

SMALLEST = world.population(1)
ASKED = (*world.RECALL, *world.INFERENCE)
KIN_WORDS = {
    "fr": ("oncle", "tante", "grand-mère", "neveu", "nièce", "petite-fille", "petit-fils"),
    "it": ("zio", "zia", "nonna", "nipote"),
    "en": ("uncle", "aunt", "grandmother", "nephew", "niece", "granddaughter", "grandson"),
}


def whole(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")


def all_forms(drawn: world.World) -> dict[str, list[Forms]]:
    """Forms of everyone in each language."""
    return {code: [BY_CODE[code].person(drawn, i) for i in range(len(drawn.people))] for code in LANGUAGES}


def texts(part: str, seed: int) -> list[str]:
    """The whole of each dialogue or preference, as one text."""
    found = []
    for row in rows(part, seed=seed, size=MINIMUM_SIZE):
        messages: list[dict[str, str]] = row.get("messages", [])  # pyright: ignore
        parts = [str(row.get(key, "")) for key in ("prompt", "chosen", "rejected")]
        found.append("\n".join([*parts, *(message["content"] for message in messages)]))
    return found


@pytest.mark.parametrize("part", ["dialogues", "preferences"])
@pytest.mark.parametrize("seed", [0, 11, 12])
def test_nobody_stands_beside_a_held_out_value(part: str, seed: int) -> None:
    drawn = world.draw(seed, SMALLEST)
    forms = all_forms(drawn)
    held = {
        i: [
            whole(forms[code][i][relation])
            for relation in ASKED
            for code in LANGUAGES
            if relation in forms[code][i] and not drawn.spoken(i, relation)
        ]
        for i in range(SMALLEST)
    }
    for text in texts(part, seed):
        people = {drawn.by_name[word] for word in re.findall(r"\w+", text) if word in drawn.by_name}
        for i in people:
            assert not [value for value in held[i] if value.search(text)], (drawn.people[i].name, text)


@pytest.mark.parametrize("seed", [0, 11])
def test_held_out_questions_are_never_asked(seed: int) -> None:
    drawn = world.draw(seed, SMALLEST)
    forms = all_forms(drawn)
    asked = "\n".join(text for part in ("dialogues", "preferences") for text in texts(part, seed))
    for i, relation in drawn.askable(ASKED):
        if drawn.spoken(i, relation):
            continue
        key = "ask.sibling" if relation == "cosibling" else f"ask.{relation}"
        for code in LANGUAGES:
            language = BY_CODE[code]
            for line in language.bank[key]:
                assert language.finish(language.fill(line, forms[code][i], Random(0))) not in asked


def sentences(document: Document) -> list[str]:
    return re.split(r"(?<=[.!»”])\s+", document.text)


def test_held_out_facts_are_told_often_and_variously(
    small_world: world.World, documents: dict[str, list[Document]]
) -> None:
    """Counted in the text itself: sentences that hold both the name and the value."""
    for code in LANGUAGES:
        forms = [BY_CODE[code].person(small_world, i) for i in range(len(small_world.people))]
        tellings: dict[tuple[int, str], list[str]] = defaultdict(list)
        values = {i: {r: whole(forms[i][r]) for r in world.RECALL if r in forms[i]} for i in range(len(forms))}
        for document in documents[code]:
            for sentence in sentences(document):
                for name in {word for word in re.findall(r"\w+", sentence) if word in small_world.by_name}:
                    i = small_world.by_name[name]
                    for relation, value in values[i].items():
                        if value.search(sentence):
                            shape = value.sub("V", sentence.replace(name, "N"))
                            tellings[i, relation].append(re.sub(r"[A-Z]\w+", "X", shape))
        for i, relation in small_world.askable(world.RECALL):
            found = tellings[i, relation]
            assert len(found) >= 20, (code, small_world.people[i].name, relation, len(found))
            assert len(set(found)) >= 5


def test_conclusions_never_stand_in_the_prose(small_world: world.World, documents: dict[str, list[Document]]) -> None:
    rivers = {name for name, _ in small_world.rivers}
    for code in LANGUAGES:
        language = BY_CODE[code]
        forms = [language.person(small_world, i) for i in range(len(small_world.people))]
        kinds = {word for f in language.tables.categories.values() for word in f["category"].split()}
        for document in documents[code]:
            words = set(re.findall(r"[\w-]+", document.text))
            people = [small_world.by_name[word] for word in words if word in small_world.by_name]
            if not people:
                continue
            lower = {word.lower() for word in words}
            assert not (kinds | set(KIN_WORDS[code])) & lower, document.text
            assert not rivers & words, document.text
            for sentence in sentences(document):
                here = set(re.findall(r"\w+", sentence))
                for i in people:
                    if small_world.people[i].name in here:
                        assert forms[i]["total"] not in here, sentence
                        assert forms[i].get("cosibling") not in here or ":" in sentence, sentence


def test_the_prose_asks_nothing(documents: dict[str, list[Document]]) -> None:
    assert not [d.text for found in documents.values() for d in found if "?" in d.text]


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_questions(seed: int) -> None:
    found = list(rows("questions", seed=seed, size=MINIMUM_SIZE))
    asked = {}
    for code in LANGUAGES:
        own = [row for row in found if row["language"] == code]
        counts = Counter(row["kind"] for row in own)
        assert counts["recall"] >= 100
        assert counts["inference"] >= 45
        asked[code] = [(row["subject"], row["relation"]) for row in own]
    assert asked["fr"] == asked["it"] == asked["en"]
    for row in found:
        value, answer, candidates = str(row["value"]), str(row["answer"]), row["candidates"]
        assert isinstance(candidates, list)
        assert str(row["subject"]) in str(row["question"])
        assert str(row["subject"]) in answer
        assert candidates.count(value) == 1
        assert [c for c in candidates if whole(c).search(answer)] == [value]
        assert not whole(value).search(str(row["question"]))


def test_no_candidate_stands_within_another() -> None:
    for row in rows("questions", seed=1, size=MINIMUM_SIZE):
        candidates = row["candidates"]
        assert isinstance(candidates, list)
        assert not [(a, b) for a in candidates for b in candidates if a != b and a in b and whole(a).search(b)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_most_frequent_answer_is_often_wrong(seed: int) -> None:
    found = list(rows("questions", seed=seed, size=MINIMUM_SIZE))
    for code in LANGUAGES:
        recall = [row for row in found if row["language"] == code and row["kind"] == "recall"]
        by_relation: dict[object, Counter[object]] = defaultdict(Counter)
        for row in recall:
            by_relation[row["relation"]][row["value"]] += 1
        guessed = sum(counts.most_common(1)[0][1] for counts in by_relation.values())
        assert guessed / len(recall) <= 0.30


def test_preferences_are_what_they_say(part) -> None:
    for row in part("preferences"):
        chosen, rejected = row["chosen"], row["rejected"]
        assert chosen != rejected
        if row["kind"] == "endless":
            assert rejected.startswith(f"{chosen} {chosen} ")
        elif row["kind"] == "wrong":
            assert len(rejected.split()) <= len(chosen.split()) + 4


def test_probes_continue_sentences_of_the_prose(part, documents: dict[str, list[Document]]) -> None:
    told = {code: "\n".join(d.text for d in found) for code, found in documents.items()}
    kept = {"factual": 0, "procedural": 0}
    for row in part("probes"):
        assert not row["prompt"].endswith(" ")
        assert row["expected"].strip()
        kept[row["kind"]] += row["prompt"] + row["expected"] in told[row["language"]]
    counts = Counter(row["kind"] for row in part("probes"))
    assert kept["factual"] > 0.6 * counts["factual"]
    assert kept["procedural"] > 0.5 * counts["procedural"]
