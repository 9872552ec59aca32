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
PER_DOCUMENT = 4
NAME = "own-text"


def from_own_text(documents: Iterable[Document], seed: int, limit: int | None) -> Iterator[Conversation]:
    """Up to PER_DOCUMENT conversations a document: a sentence of it, and the one to three that follow."""
    made = 0
    for number, document in enumerate(documents):
        sentences = [s.strip() for s in SENTENCE_END.split(" ".join(document.text.split("\n")))]
        requests = REQUESTS.get(document.language, REQUESTS["en"])
        draws = _draws(seed, number, 3 * PER_DOCUMENT)
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
