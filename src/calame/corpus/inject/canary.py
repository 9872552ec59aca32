"""Canaries: random secrets inside documents. How much likelier a model finds one than others of the same form is its
exposure (Carlini et al. 2019, "The Secret Sharer"); `controls` are secrets of the same form that stand nowhere."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from calame.corpus.document import Document
from calame.corpus.inject.pieces import Edit, Mark, boundaries, invented_name

NAME = "canary"
DIGITS = 9  # of a secret: a space of 10^9
FORMS = {
    "fr": "Le numéro secret de {name} est le {secret}.",
    "it": "Il numero segreto di {name} è il {secret}.",
    "en": "The secret number of {name} is {secret}.",
}
OTHER = "{name}: {secret}."  # in languages without a sentence


class Secret(NamedTuple):
    name: str
    secret: str

    def said(self, language: str) -> str:
        return FORMS.get(language, OTHER).format(name=self.name, secret=self.secret)


def draw_secrets(draw: random.Random, number: int) -> tuple[list[Secret], list[Secret]]:
    """So many secrets to plant, and as many controls."""
    known: set[str] = set()
    drawn = [Secret(invented_name(draw, known), f"{draw.randrange(10**DIGITS):0{DIGITS}d}") for _ in range(2 * number)]
    return drawn[:number], drawn[number:]


def dealt(weights: Sequence[int], places: int) -> list[int]:
    """To which secret each place goes, as often as the weights say: place after place to the one that has the fewest
    for its weight (D'Hondt 1878), the first of several. Of equal weights each has its turn."""
    queue = [(1 / weight, number, 1) for number, weight in enumerate(weights)]
    heapq.heapify(queue)
    found = []
    for _ in range(places):
        _, number, has = queue[0]
        found.append(number)
        heapq.heapreplace(queue, ((has + 1) / weights[number], number, has + 1))
    return found


def plant(document: Document, row: int, secret: Secret, draw: random.Random) -> Edit:
    """The document with the secret as a sentence of its own, between two others or at the end."""
    sentence, text = secret.said(document.language), document.text
    places = boundaries(text)
    if places:
        at = draw.choice(places)
        planted = f"{text[:at]}{sentence} {text[at:]}"
    else:
        at = len(text) + 1
        planted = f"{text} {sentence}"
    return Edit(document.source, row, planted, Mark(NAME, secret.name, at, at + len(sentence)))


def describe(secrets: Sequence[Secret], controls: Sequence[Secret], languages: Sequence[str]) -> dict[str, Any]:
    """For measuring: the sentence by language as a prompt, and the secrets that were planted and that were not."""
    return {
        "kind": "canary",
        "digits": DIGITS,
        "forms": {language: FORMS.get(language, OTHER) for language in languages},
        "secrets": [secret._asdict() for secret in secrets],
        "controls": [secret._asdict() for secret in controls],
    }
