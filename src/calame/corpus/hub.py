"""Data sets of the Hugging Face hub, streamed row by row."""

from __future__ import annotations

from collections.abc import Iterator

from calame.corpus.readers.row import Row
from calame.recipe.corpus import Source
from calame.recipe.errors import refuse
from calame.recipe.tuning import RowSet
from calame.run.progress import say


def hub_rows(name: str, source: Source | RowSet, key: str) -> Iterator[Row]:
    """The rows of a hub data set in its own order. Raises `UserError` if it cannot be opened."""
    try:
        import datasets
    except ImportError:
        raise refuse(
            f"{key}.from", "reading from the hub needs the package datasets", remedy="pip install 'calame[hub]'"
        ) from None
    if source.revision is None:
        say(f"  hub:{name}: its newest revision is read and kept; {key}.revision=COMMIT pins one")
    number = 0
    try:
        rows = datasets.load_dataset(name, source.subset, split=source.split, revision=source.revision, streaming=True)
        for number, values in enumerate(rows, 1):
            yield Row(dict(values), f"{name}:{number}")
    except Exception as error:
        # The library raises a dozen unrelated classes for "no such set", "no such split" and "no network".
        what = f"stopped after row {number:,}" if number else "could not be opened"
        raise refuse(
            f"{key}.from",
            f"hub:{name} {what}: {' '.join(str(error).split())[:300]}",
            remedy="check the name, subset, split and revision, and the network",
        ) from None
