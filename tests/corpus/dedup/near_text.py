"""Texts of random words whose resemblance is known, and the corpus that a road makes of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from calame.corpus.chain import Chain, sign_of
from calame.corpus.decisions import read_decisions
from calame.corpus.gather import gather
from calame.corpus.join import join
from calame.corpus.read import SourceReader
from calame.recipe.corpus import Source, ValidationText
from calame.recipe.dedup import Dedup
from support import write_lines


def reference(text: str, ngram: int = 5) -> set[tuple[str, ...]]:
    """The shingles of a text, as the definition says."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + ngram]) for at in range(max(len(words) - ngram + 1, 1))} if words else set()


def reference_jaccard(one: str, other: str, ngram: int = 5) -> float:
    first, second = reference(one, ngram), reference(other, ngram)
    return len(first & second) / len(first | second) if first and second else 0.0


def words_of(draw: random.Random, number: int) -> list[str]:
    return ["".join(draw.choices("abcdeéfghilmnoprstu", k=draw.randint(2, 8))) for _ in range(number)]


def changed(draw: random.Random, words: list[str], share: float) -> list[str]:
    """The words, so many of them replaced by others."""
    words = list(words)
    for at in draw.sample(range(len(words)), round(share * len(words))):
        words[at] = "".join(draw.choices("vwxyz", k=6))
    return words


def write_sources(
    folder: Path, sources: Mapping[str, Iterable[str | Mapping]], dedup: Dedup, key: str = "sources"
) -> dict[str, Path]:
    """Gather texts (or rows) as sources, with signatures where the keys ask for near duplicates."""
    found = {}
    for name, texts in sources.items():
        rows = [{"text": text} if isinstance(text, str) else dict(text) for text in texts]
        found[name] = folder / key / name
        found[name].mkdir(parents=True)
        write_lines(folder / f"{name}.jsonl", rows)
        source = Source.model_validate({"from": str(folder / f"{name}.jsonl"), "language": "fr"})
        gather(
            SourceReader(name, source, ["fr"], 1),
            found[name],
            partial(Chain, (), sign_of(dedup.near)),
        )
    return found


def decisions(
    folder: Path, sources: Mapping[str, Iterable[str | Mapping]], share: float = 0.1, **dedup: object
) -> dict[str, list[int]]:
    """What becomes of each text of each source; the joined corpus lies in FOLDER/joined."""
    keys = Dedup.model_validate(dedup)
    found = write_sources(folder, sources, keys)
    (folder / "joined").mkdir()
    join(found, ValidationText(share=share), folder / "joined", keys)
    return {name: read_decisions(folder / "joined", name).tolist() for name in sources}
