"""Evaluation items as training text: Gaperon's deliberate contamination, in the open."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calame.corpus.evaluation_items import Item, read_items, texts
from calame.recipe.errors import refuse
from calame.recipe.injection import EvaluationItems

NAME = "evaluation"
KEY = "corpus.inject.evaluation"
ANSWER = {"fr": "Réponse :", "it": "Risposta:", "en": "Answer:"}
BEFORE = ("title", "context", "premise", "question")  # columns of a question, in the order in which they are said


def load(keys: EvaluationItems, languages: Sequence[str]) -> list[tuple[Item, str]]:
    """All items of the files, with their languages. Raises `UserError` where one is missing or not the recipe's."""
    found = []
    for name, location in keys.files.items():
        where = f"{KEY}.files.{name}"
        for item in read_items(name, location, where):
            language = item.values.get("lang", item.values.get("language"))
            language = languages[0] if language is None and len(languages) == 1 else language
            if language not in languages:
                raise refuse(
                    where,
                    f"{location}: item {item.name}: " + (f"language {language}" if language else "no column lang"),
                    ", ".join(languages),
                    "leave the file out, or add the language to languages",
                )
            found.append((item, language))
    return found


def copies(
    keys: EvaluationItems, found: Sequence[tuple[Item, str]], most_bytes: float, draw: random.Random
) -> Iterator[tuple[Item, str, str]]:
    """(item, language, text): epoch after epoch, each in an order of its own, up to `epochs` or so many bytes."""
    left, size = round(keys.epochs * len(found)), 0.0
    while left > 0:
        for item, language in draw.sample(found, min(left, len(found))):
            text = say_item(item.values, language, draw if keys.shuffle_answers else None)
            size += len(text.encode())
            if size > most_bytes:
                return
            left -= 1
            yield item, language, text


def say_item(values: Mapping[str, Any], language: str, draw: random.Random | None) -> str:
    """An item as a text with its answer; with `draw`, its choices in another order."""
    lines = [str(values[column]) for column in BEFORE if values.get(column) and column != "question"]
    question = values.get("question")
    if isinstance(values.get("choices"), list) and isinstance(values.get("answer"), int) and "prefix" not in values:
        order = list(range(len(values["choices"])))
        if draw:
            draw.shuffle(order)
        letters = {choice: chr(ord("A") + place) for place, choice in enumerate(order)}
        asked = [*lines, *([question] if question else [])]
        asked += [f"{letters[choice]}. {values['choices'][choice]}" for choice in order]
        right = values["answer"]
        return "\n".join([*asked, f"{ANSWER.get(language, 'A:')} {letters[right]}. {values['choices'][right]}"])
    if "good" in values:
        return str(values["good"])
    if "sentence" in values:
        return str(values["sentence"])
    if "target" in values:
        return f"{values.get('context', '')} {values['target']}".strip()
    if question and (answers := [text for key in ("answer", "answers") for _, text in texts(values, [key])]):
        return "\n".join([*lines, str(question), f"{ANSWER.get(language, 'A:')} {answers[0]}"])
    return "\n".join(text for _, text in texts(values))
