"""What the tests of the little world share: a world of the demo's size and all its text, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from calame.corpus.petit_monde import LANGUAGES, rows, world
from calame.corpus.petit_monde.languages import BY_CODE
from calame.corpus.petit_monde.prose import Document, Writer

SEED = 11
SIZE = 3_000_000
SHARE = SIZE // len(LANGUAGES)


@pytest.fixture(scope="session")
def small_world() -> world.World:
    """The world of SEED and SIZE."""
    return world.draw(SEED, world.population(SHARE))


@pytest.fixture(scope="session")
def documents(small_world: world.World) -> dict[str, list[Document]]:
    """The documents of each language, with what each tells."""
    return {code: list(_taken(small_world, code)) for code in LANGUAGES}


def _taken(small_world: world.World, code: str) -> Iterator[Document]:
    written = 0
    for document in Writer(small_world, BY_CODE[code], SEED).documents():
        yield document
        written += len(document.text.encode())
        if written >= SHARE:
            return


@pytest.fixture(scope="session")
def part() -> Callable[[str], list[dict[str, object]]]:
    """All rows of a part, of SEED and SIZE."""
    return cache(lambda name: list(rows(name, seed=SEED, size=SIZE)))
