"""From a token's position in the training stream back to the document that it was cut from: `calame corpus trace`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calame.recipe.errors import refuse

AROUND = 40  # tokens that are shown on either side


@dataclass(frozen=True)
class Origin:
    """Where a token of the stream comes from. before, token, after: the text around it."""

    position: int
    source: str
    identity: str
    place: str
    language: str
    license: str
    group: str
    url: str
    token_in_document: int
    tokens_of_document: int
    before: str
    token: str
    after: str

    def lines(self) -> Iterator[str]:
        yield f"token {self.position:,}: number {self.token_in_document:,} of a document of {self.tokens_of_document:,}"
        facts = {
            "source": self.source,
            "id": self.identity,
            "place": self.place,
            "language": self.language,
            "licence": self.license,
            "group": self.group,
            "url": self.url,
        }
        yield from (f"  {name:<10}{value}" for name, value in facts.items() if value)
        yield f"  {'text':<10}{_flat(self.before)}[{_flat(self.token)}]{_flat(self.after)}"


def _flat(text: str) -> str:
    return text.replace("\n", "\\n")


def trace_token(run: Path, position: int) -> Origin:
    """The document at a position of a run's training stream. run: its folder. Raises `UserError` for a run without
    shards, and for a position outside of the stream."""
    from calame.corpus.kept import read_kept
    from calame.recipe.load import load_recipe
    from calame.tokenizer.tokenizer import Tokenizer
    from calame.training.pretrain import training_stream

    recipe = _recipe_of(run)
    loaded, _ = load_recipe(str(recipe))
    folders = {name: run / "shards" / name for name in loaded.corpus.sources}
    if missing := [name for name, folder in folders.items() if not (folder / "header.json").is_file()]:
        raise refuse(str(run), f"has no shards of {', '.join(missing)} yet", remedy="calame run RECIPE --to shards")
    tokenizer = Tokenizer.load(run / "tokenizer")
    stream = training_stream(loaded, folders, tokenizer)
    if not 0 <= position < stream.mixture.capacity:
        raise refuse("TOKEN_POSITION", f"{position}", f"0 to {stream.mixture.capacity - 1}")
    (found,) = stream.trace(position, 1, tokenizer)
    shard = next(shard for shard in stream.shards if shard.name == found.source)
    tokens = shard.tokens[shard.starts[found.number] : shard.starts[found.number + 1]]
    row = int(shard.index["row"][found.number])
    injected = run / "corpus/injected"
    kept = read_kept(
        run / "corpus/sources" / found.source,
        run / "corpus/joined",
        found.source,
        injected if injected.is_dir() else None,
    )
    document = next(part.document for part in kept if part.row == row)

    def decoded(begin: int, end: int) -> str:
        return tokenizer.decode(np.asarray(tokens[max(begin, 0) : end]).tolist(), special=True)

    return Origin(
        position,
        found.source,
        found.document,
        document.metadata.get("place", "injected"),
        document.language,
        document.license,
        document.group,
        str(document.metadata.get("url") or ""),
        found.begin,
        len(tokens),
        decoded(found.begin - AROUND, found.begin),
        decoded(found.begin, found.begin + 1),
        decoded(found.begin + 1, found.begin + 1 + AROUND),
    )


def _recipe_of(run: Path) -> Path:
    if not (run / "recipe.yaml").is_file():
        raise refuse(str(run), "no run is there", remedy="give the name of a run, or its folder")
    return run / "recipe.yaml"
