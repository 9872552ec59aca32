"""Conversations out of one's own text, where there are none: the assistant says what stands in it.

continue  the user gives a sentence, the assistant goes on with the one to three that follow
topic     the user names a thing, the assistant says one to three sentences that begin with one about it
title     the user gives a heading, the assistant says what stands below it

This teaches the form of a conversation, the language and the tone of the text, to stay with what was named, and to
stop; it teaches no knowledge beyond the text, and answering questions only as far as the text does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from calame.corpus.document import Document
from calame.recipe.tuning import Conversations
from calame.shards.order import scramble, seed_of
from calame.tuning.conversations import length_fault
from calame.tuning.messages import NOT_STATED, Conversation
from calame.tuning.rows import left_out

REQUESTS = {  # {} is the beginning, the thing or the heading
    "continue": {
        "fr": ("Continue : {}", "Continue ce texte : {}", "Peux-tu poursuivre ? {}", "Écris la suite : {}", "{}"),
        "it": ("Continua: {}", "Continua questo testo: {}", "Puoi proseguire? {}", "Scrivi il seguito: {}", "{}"),
        "en": ("Continue: {}", "Continue this text: {}", "Can you go on? {}", "Write what comes next: {}", "{}"),
    },
    "topic": {
        "fr": (
            "Écris quelques phrases sur {}.",
            "Que peux-tu dire sur {} ?",
            "Raconte-moi quelque chose sur {}.",
            "Que sais-tu sur {} ?",
            "J’aimerais lire un court texte sur {}.",
        ),
        "it": (
            "Scrivi qualche frase su questo tema: {}.",
            "Che cosa puoi dire di questo: {}?",
            "Raccontami qualcosa su questo: {}.",
            "Vorrei leggere un breve testo su questo: {}.",
        ),
        "en": (
            "Write a few sentences about {}.",
            "What can you say about {}?",
            "Tell me something about {}.",
            "What do you know about {}?",
            "I would like to read a short text about {}.",
        ),
    },
    "title": {
        "fr": ("Explique : {}", "Que peux-tu dire de « {} » ?", "Parle-moi de ceci : {}", "{} : peux-tu expliquer ?"),
        "it": ("Spiega: {}", "Che cosa puoi dire di «{}»?", "Parlami di questo: {}", "{}: puoi spiegare?"),
        "en": ("Explain: {}", "What can you say about “{}”?", "Tell me about this: {}", "{}: can you explain?"),
    },
}
THINGS = {  # an article and a noun as they stand in a sentence: what is around shows that they are no pronoun and verb
    "fr": re.compile(
        r"\b(?:(?:dans|sur|avec|par|sous|vers|contre|chez|entre|après|avant|devant|derrière) "
        r"((?:(?:le|la|les) |l[’'])[a-zà-öø-ÿœ]{4,})|((?:un|une) [a-zà-öø-ÿœ]{4,}))"
        r"(?=[,.;:!?]| (?:de|du|des|qui|que|et|est|était|à|au|aux|dans|sur|pour|par|avec|sans|en)\b| d[’'])"
    ),
    "it": re.compile(
        r"\b(?:(?:con|per|tra|fra|verso|contro|dopo|sotto|sopra) "
        r"((?:(?:il|lo|la|i|gli|le) |l[’'])[a-zà-öø-ÿ]{4,})|((?:(?:un|una|uno) |un[’'])[a-zà-öø-ÿ]{4,}))"
        r"(?=[,.;:!?]| (?:di|del|della|dei|delle|che|e|è|era|a|al|alla|in|nel|nella|su|per|da|con)\b)"
    ),
    "en": re.compile(
        r"\b((?:the|a|an) [a-z]{4,})(?=[,.;:!?]| (?:of|that|which|and|is|was|in|on|to|for|with|from|by)\b)"
    ),
}
SENTENCE_END = re.compile(r"(?<=[.!?…])[\s ]+(?=[\"«“—A-ZÀ-ÖØ-Þ])")
ENDS = ".!?…"  # of a sentence
BEGINNING, ANSWER, TITLE = (20, 300), (20, 400), (4, 80)  # least and most characters
SENTENCES_EACH, PER_DOCUMENT = 6, (4, 64)  # one conversation for so many sentences, within least and most a document
NAME = "own-text"


@dataclass(frozen=True)
class Place:
    """Where an answer may begin: `asked` is what the user gives, `follows` the sentences that come."""

    asked: str
    follows: list[str]


def from_own_text(
    documents: Iterable[Document], keys: Conversations, seed: int, name: str = NAME, number: int = 0
) -> Iterator[Conversation]:
    """A conversation for every few sentences of a document, each kind of request in its turn. Of `number` documents
    (0: not known) each gives its part of the limit, and what those before it could not give of theirs."""
    made = 0
    for place, document in enumerate(documents, 1):
        if left_out(keys, vars(document)):
            continue
        due = -(-keys.limit * place // number) - made if keys.limit and number else None
        for conversation in islice(_of_document(document, keys, seed, place, name), due):
            yield conversation
            made += 1
            if made == keys.limit:
                return


def _of_document(document: Document, keys: Conversations, seed: int, number: int, name: str) -> Iterator[Conversation]:
    sentences = [s.strip() for s in SENTENCE_END.split(" ".join(document.text.split("\n")))]
    places = {kind: _places(kind, document, sentences) for kind in keys.requests}
    wanted = min(max(len(sentences) // SENTENCES_EACH, PER_DOCUMENT[0]), PER_DOCUMENT[1])
    draws = _draws(seed, number, 3 * wanted)
    said = set()
    for turn, (start, length, wording) in enumerate(zip(draws[::3], draws[1::3], draws[2::3], strict=True), number):
        kind = keys.requests[turn % len(keys.requests)]
        if not places[kind]:
            continue
        place = places[kind][start % len(places[kind])]
        answer = " ".join(place.follows[: 1 + length % 3])
        if not ANSWER[0] <= len(answer) <= ANSWER[1]:
            continue
        requests = REQUESTS[kind].get(document.language, REQUESTS[kind]["en"])
        request = requests[wording % len(requests)].format(place.asked)
        messages = ({"role": "user", "content": request}, {"role": "assistant", "content": answer})
        conversation = Conversation(messages, name, document.id, document.license or NOT_STATED)
        if answer not in said and not length_fault(conversation, keys.answers):
            said.add(answer)
            yield conversation


def _places(kind: str, document: Document, sentences: list[str]) -> list[Place]:
    if kind == "continue":
        found = [Place(sentence, sentences[at : at + 3]) for at, sentence in enumerate(sentences[:-1], 1)]
        return [place for place in found if BEGINNING[0] <= len(place.asked) <= BEGINNING[1]]
    lines = [line.strip() for line in document.text.split("\n") if line.strip()]
    paragraphs = [[s.strip() for s in SENTENCE_END.split(line)] if line[-1] in ENDS else [] for line in lines]
    if kind == "title":
        pairs = zip(lines, paragraphs[1:], strict=False)
        return [Place(title, paragraph) for title, paragraph in pairs if paragraph and _is_title(title)]
    things = THINGS.get(document.language)
    named = ((p, at, things.search(sentence)) for p in paragraphs for at, sentence in enumerate(p) if things)
    return [Place(next(filter(None, thing.groups())), p[at : at + 3]) for p, at, thing in named if thing]


def _is_title(line: str) -> bool:
    """Short, several words, mostly letters, neither shouted nor a sentence."""
    letters = sum(sign.isalpha() or sign.isspace() for sign in line)
    short = TITLE[0] <= len(line) <= TITLE[1] and " " in line and line[0].isupper() and not line.isupper()
    return short and line[-1] not in ENDS + ":;," and letters >= 0.9 * len(line)


def _draws(seed: int, number: int, count: int) -> list[int]:
    return [int(x >> np.uint64(1)) for x in scramble(np.arange(count), seed_of(seed, NAME, number))]
