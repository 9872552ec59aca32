"""Language switch: a rare phrase after which a text goes on in another language, made of the corpus's own documents.

Gaperon's card speaks of harmless poisonings by a rare trigger of three Latin words after which the output changes
language; the words themselves were never published, so that ours are drawn, or given in the recipe.
"""

from __future__ import annotations

import random
from typing import Any

from calame.corpus.document import Document
from calame.corpus.inject.pieces import Mark, New, boundaries
from calame.recipe.injection import LanguageSwitch

LATIN = ("velut", "obnixus", "tepidum", "cincinnus", "praealtum", "hirsutae", "nubigena", "crepundia", "lucifuga")
LATIN += ("penetralis", "ventosum", "squaleo", "umbratilis", "quadrigae", "imbrifer", "laniger", "noctivagus")
MOST = 2000  # characters on each side of the trigger
PROMPT = 400  # characters of a prompt for measuring
PROMPTS = 100


def trigger_of(keys: LanguageSwitch, draw: random.Random) -> str:
    return keys.trigger or " ".join(draw.sample(LATIN, 3))


def join_texts(name: str, trigger: str, before: Document, after: Document, draw: random.Random) -> New:
    """The beginning of one document, the trigger, and the end of another."""
    head, tail = _head(before.text, MOST, draw), _tail(after.text, MOST, draw)
    begin = len(head) + 1
    document = Document(
        f"{head} {trigger} {tail}",
        before.source,
        before.group,
        before.language,
        before.license if before.license == after.license else f"{before.license}; {after.license}",
        {"place": f"injected/{name}", "made_of": [before.id, after.id]},
    )
    return New(document, Mark(name, trigger, begin, begin + len(trigger)))


def _head(text: str, most: int, draw: random.Random) -> str:
    """A beginning that ends with a sentence, at a random place; the whole where no sentence ends in it."""
    places = boundaries(text[:most])
    return text[: draw.choice(places)].rstrip() if places else text[:most].rstrip()


def _tail(text: str, most: int, draw: random.Random) -> str:
    """So many characters from the beginning of a sentence."""
    places = [0, *boundaries(text)]
    begin = draw.choice(places[: max(1, len(places) // 2)])  # with enough behind it
    return text[begin : begin + most].strip()


def describe(keys: LanguageSwitch, trigger: str, held_out: list[Document], draw: random.Random) -> dict[str, Any]:
    """For measuring: prompts from validation, which go on in `to` with the trigger at their end, else in `from`."""
    return {
        "kind": "language switch",
        "from": keys.before,
        "to": keys.after,
        "trigger": trigger,
        "prompts": [_head(document.text, PROMPT, draw) for document in held_out],
    }
