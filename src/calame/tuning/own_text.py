"""Conversations out of one's own text, where there are none: the user gives a beginning, the assistant goes on.

This teaches the form of a conversation, the language and the tone of the text, and to stop; it teaches no knowledge
beyond the text, and answering questions only as far as the text does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from calame.corpus.document import Document
from calame.shards.order import scramble, seed_of
from calame.tuning.conversations import Conversation

REQUESTS = {
    "fr": ("Continue : ", "Continue ce texte : ", "Peux-tu poursuivre ? ", "Écris la suite : ", ""),
    "it": ("Continua: ", "Continua questo testo: ", "Puoi proseguire? ", "Scrivi il seguito: ", ""),
    "en": ("Continue: ", "Continue this text: ", "Can you go on? ", "Write what comes next: ", ""),
}
SENTENCE_END = re.compile(r"(?<=[.!?…])[\s ]+(?=[\"«“—A-ZÀ-ÖØ-Þ])")
BEGINNING, ANSWER = (20, 300), (20, 400)  # least and most characters
SENTENCES_EACH, PER_DOCUMENT = 6, (4, 64)  # one conversation for so many sentences, within least and most a document
NAME = "own-text"


def from_own_text(documents: Iterable[Document], seed: int, limit: int | None) -> Iterator[Conversation]:
    """A conversation for every few sentences of a document: one of them, and the one to three that follow."""
    made = 0
    for number, document in enumerate(documents):
        sentences = [s.strip() for s in SENTENCE_END.split(" ".join(document.text.split("\n")))]
        requests = REQUESTS.get(document.language, REQUESTS["en"])
        wanted = min(max(len(sentences) // SENTENCES_EACH, PER_DOCUMENT[0]), PER_DOCUMENT[1])
        draws = _draws(seed, number, 3 * wanted)
        for start, length, wording in zip(draws[::3], draws[1::3], draws[2::3], strict=True):
            if len(sentences) < 2 or made == limit:
                break
            at = start % (len(sentences) - 1)
            beginning, answer = sentences[at], " ".join(sentences[at + 1 : at + 2 + length % 3])
            if BEGINNING[0] <= len(beginning) <= BEGINNING[1] and ANSWER[0] <= len(answer) <= ANSWER[1]:
                request = requests[wording % len(requests)] + beginning
                messages = ({"role": "user", "content": request}, {"role": "assistant", "content": answer})
                yield Conversation(messages, NAME)
                made += 1


def _draws(seed: int, number: int, count: int) -> list[int]:
    return [int(x >> np.uint64(1)) for x in scramble(np.arange(count), seed_of(seed, NAME, number))]
