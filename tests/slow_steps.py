"""Steps for tests of the corpus's engines, in a module of their own so that other processes find them."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from calame.corpus.chain import Chain
from calame.corpus.document import Document
from calame.corpus.part import MakeChain
from calame.corpus.step import Drop
from calame.recipe.errors import refuse


@dataclass(frozen=True)
class Slow:
    """Takes its time, changes some texts and drops others, each by what it says alone."""

    seconds: float = 0.0
    pulse: str = ""  # a file that grows by a byte a document
    name: str = "slow"

    def __call__(self, document: Document) -> Document | Drop:
        time.sleep(self.seconds)
        if self.pulse:
            with Path(self.pulse).open("a") as file:
                file.write(".")
        chance = zlib.crc32(document.text.encode()) % 10
        if chance == 0:
            return Drop("unlucky", f"{len(document.text)} characters")
        if chance < 4:
            scored = {**document.metadata, "score": chance / 10, "url": f"https://www.exemple-{chance}.fr/a"}
            return replace(document, text=document.text[: -chance * 3] + "…", metadata=scored)
        return document


@dataclass(frozen=True)
class Refuses:
    name: str = "refuses"

    def __call__(self, document: Document) -> Document:
        raise refuse("corpus.rules", "no such word list", remedy="write one")


@dataclass(frozen=True)
class Dies:
    name: str = "dies"

    def __call__(self, document: Document) -> Document:
        import os

        os._exit(1)


def sign(text: str) -> np.ndarray:
    return np.array([zlib.crc32(text.encode(), salt) for salt in range(3)], np.uint32)


def slow(seconds: float = 0.0, signed: bool = False) -> MakeChain:
    """How to make a chain of the slow step, wherever."""
    return partial(Chain, (Slow(seconds),), sign if signed else None)
