"""Conversations out of one's own text: a sentence of a document, and those that follow it, in the same document."""

from __future__ import annotations

from dataclasses import replace

from pytest import mark

from calame.corpus.document import Document
from calame.recipe.tuning import Conversations
from calame.tuning.messages import Conversation, fault_of
from calame.tuning.own_text import (
    ANSWER,
    BEGINNING,
    PER_DOCUMENT,
    REQUESTS,
    SENTENCE_END,
    SENTENCES_EACH,
    from_own_text,
)


def made_of(
    documents: list[Document], seed: int = 1, limit: int | None = None, requests: tuple[str, ...] = ("continue",)
) -> list[Conversation]:
    keys = Conversations.model_validate({"from": "own-text", "limit": limit, "requests": list(requests)})
    return list(from_own_text(documents, keys, seed))


def documents(language: str = "fr", number: int = 20) -> list[Document]:
    def sentences(k: int) -> list[str]:
        return [f"Phrase {i} du texte {k}, qui raconte la mer et la lune." for i in range(12)]

    return [Document(" ".join(sentences(k)), "a", str(k), language) for k in range(number)]


@mark.parametrize("language", ("fr", "it", "en", "de"))
def test_the_answer_is_what_follows_in_the_text(language: str) -> None:
    made = made_of(documents(language))
    assert 20 < len(made) <= 20 * PER_DOCUMENT[0]
    known = {document.text for document in documents(language)}
    for conversation in made:
        asked, answered = conversation.messages
        assert fault_of(conversation.messages) == ""
        assert (asked["role"], answered["role"]) == ("user", "assistant")
        requests = sorted(REQUESTS["continue"].get(language, REQUESTS["continue"]["en"]), key=len, reverse=True)
        request = next(words for words in requests if asked["content"].startswith(words.removesuffix("{}")))
        beginning = asked["content"].removeprefix(request.removesuffix("{}"))
        assert any(f"{beginning} {answered['content']}" in text for text in known)
        assert BEGINNING[0] <= len(beginning) <= BEGINNING[1]
        assert ANSWER[0] <= len(answered["content"]) <= ANSWER[1]


def test_requests_beginnings_and_lengths_vary() -> None:
    made = made_of(documents())
    assert len({conversation.messages[0]["content"] for conversation in made}) > 0.8 * len(made)
    assert {conversation.messages[1]["content"].count("Phrase") for conversation in made} == {1, 2, 3}


def test_it_is_the_same_for_a_seed() -> None:
    first = made_of(documents())
    assert first == made_of(documents())
    assert first != made_of(documents(), 2)


def test_a_long_document_gives_more_but_not_without_end() -> None:
    sentences = [f"Phrase {i} du long texte, qui raconte la mer et la lune." for i in range(1000)]
    made = [len(made_of([Document(" ".join(sentences[:n]), "a", "g", "fr")])) for n in (12, 120, 1000)]
    assert made[0] <= PER_DOCUMENT[0] < made[1] <= 120 // SENTENCES_EACH < made[2] <= PER_DOCUMENT[1]


def test_the_limit_holds() -> None:
    assert len(made_of(documents(), limit=5)) == 5


def test_only_what_is_given_is_used() -> None:
    made = made_of(documents(number=3))
    assert made
    assert all(any(f"texte {k}," in c.messages[1]["content"] for k in range(3)) for c in made)


def test_texts_without_two_sentences_give_nothing() -> None:
    short = [Document(text, "a", "g", "fr") for text in ("Une seule phrase sans suite aucune.", "Non. Oui.", "x" * 900)]
    assert made_of(short) == []


def test_sentences_end_at_french_and_english_marks() -> None:
    text = "Est-ce que tu viens ce soir ? « Je viens avec la lune », dit-elle… Puis elle s'en va vers la mer ! Fin."
    made = made_of([Document(text, "a", str(k), "fr") for k in range(30)])
    beginnings = {c.messages[0]["content"].split(" : ")[-1].removeprefix("Peux-tu poursuivre ? ") for c in made}
    assert "Est-ce que tu viens ce soir ?" in beginnings
    assert "« Je viens avec la lune », dit-elle…" in beginnings


STORY = """Le lion et la lune

Un soir, le lion vit une lune dans le lac. Il voulut la boire. La lune resta où elle était !

CHAPITRE DEUX

Il but toute la nuit. Au matin, le lac était vide.

Ce qui vint après
Sans point ni suite"""


def test_a_topic_is_a_thing_that_the_answer_begins_with() -> None:
    made = made_of([Document(STORY, "a", str(k), "fr") for k in range(20)], requests=("topic",))
    assert made
    things = set()
    for conversation in made:
        asked, answered = (message["content"] for message in conversation.messages)
        request = next(r for r in REQUESTS["topic"]["fr"] if asked.startswith(r.split("{}")[0]))
        before, after = request.split("{}")
        thing = asked.removeprefix(before).removesuffix(after)
        first = SENTENCE_END.split(answered)[0]
        assert thing in first and answered in " ".join(STORY.split("\n"))
        things.add(thing)
    assert things == {"une lune"}, "not « la boire »: a pronoun and a verb"


def test_a_title_is_asked_and_what_stands_below_it_answered() -> None:
    made = made_of([Document(STORY, "a", str(k), "fr") for k in range(20)], requests=("title",))
    assert {c.messages[1]["content"].startswith("Un soir, le lion vit") for c in made} == {True}
    assert all("Le lion et la lune" in c.messages[0]["content"] for c in made), (
        "not what is shouted, nor what has no text"
    )


def test_requests_take_turns_and_texts_without_one_kind_give_the_others() -> None:
    made = made_of([Document(STORY, "a", str(k), "fr") for k in range(40)], requests=("continue", "topic", "title"))
    kinds = [
        next(kind for kind in ("title", "topic", "continue") for r in REQUESTS[kind]["fr"] if _is(c, r)) for c in made
    ]
    assert set(kinds) == {"continue", "topic", "title"}
    assert made_of([Document("Une phrase sans titre. " * 8, "a", "g", "fr")], requests=("title",)) == []
    assert made_of([Document("Ein Satz über den Mond. " * 8, "a", "g", "de")], requests=("topic",)) == []


def _is(conversation: Conversation, request: str) -> bool:
    before, after = request.split("{}")
    asked = conversation.messages[0]["content"]
    return asked.startswith(before) and asked.endswith(after)


def test_documents_and_answers_are_chosen_by_the_sets_keys() -> None:
    sources = [replace(document, source="ab"[n % 2], license="CC0") for n, document in enumerate(documents())]
    keys = Conversations.model_validate(
        {"from": "own-text", "include": {"source": ["a"]}, "answers": {"least": 20, "most": 30}}
    )
    made = list(from_own_text(sources, keys, 1))
    assert made and {conversation.license for conversation in made} == {"CC0"}
    assert {conversation.place.split("/")[0] for conversation in made} == {"a"}
    assert all(20 <= len(conversation.learnt[0].split()) <= 30 for conversation in made)


@mark.parametrize("limit", (5, 20, 30))
def test_a_limit_is_dealt_to_all_documents(limit: int) -> None:
    """Where there are empty ones too: those after them give their part."""
    keys = Conversations.model_validate({"from": "own-text", "limit": limit})
    some = [document if n % 2 else replace(document, text="") for n, document in enumerate(documents())]
    made = list(from_own_text(some, keys, 1, number=20))
    assert len(made) == limit
    order = {document.id: n for n, document in enumerate(some)}
    places = [order[conversation.place] for conversation in made]
    assert places == sorted(places) and places[-1] >= 16 and len(set(places)) == min(limit, 10)
