"""Labelled documents with a planted distinction: which of three words stands among many others."""

from __future__ import annotations

import random
from typing import Any

WORDS = ["le", "chat", "maison", "soleil", "arbre", "rue", "pluie", "vent", "pierre", "fleuve"]
MARKS = ["mal", "assez", "bien"]


def planted(number: int, grades: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with labels low, medium, high (or low and high); the word that tells stands anywhere, once or twice."""
    draw = random.Random(seed)
    names = ["low", "medium", "high"] if grades == 3 else ["low", "high"]
    rows = []
    for n in range(number):
        grade = draw.randrange(grades)
        words = draw.choices(WORDS, k=draw.randint(6, 30))
        for _ in range(draw.randint(1, 2)):
            words.insert(draw.randrange(len(words)), MARKS[grade] if grades == 3 else MARKS[2 * grade])
        rows.append({"text": " ".join(words) + f" {n}.", "language": "fr", "label": names[grade]})
    return rows
