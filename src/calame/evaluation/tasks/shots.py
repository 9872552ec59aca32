"""Which items are measured, and which are shown before them as examples; never one as both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from calame.evaluation.tasks.items import Item, read_items
from calame.evaluation.tasks.shape import Shape
from calame.recipe.errors import refuse

BETWEEN = "\n\n"  # examples


@dataclass(frozen=True)
class Chosen:
    """items: what is measured. examples: what is shown before each. left_out: items of the file that share a text with
    an example, and are not measured."""

    items: list[Item]
    examples: list[Item]
    left_out: int

    @property
    def before(self) -> str:
        """The examples as they stand before an item."""
        return "".join(item.example + BETWEEN for item in self.examples)


def choose_items(items: Sequence[Item], shape: Shape, shots: int, train: Path | None, limit: int | None) -> Chosen:
    """`shots` examples: the first rows of `train`, or the first items, which then are not measured, nor are others that
    ask the same or of the same passage. limit: so many items at most, drawn by their ids.

    Raises `UserError` for a train file that holds one of the items, and where nothing is left to be measured."""
    shots = shots if shape.shots else 0
    examples = (read_items(train, shape).items if train else list(items))[:shots]
    if len(examples) < shots:
        raise refuse(str(train or "items"), f"{len(examples)} rows for {shots} examples", f"at least {shots}")
    if train:
        _check_leak(items, examples, train)
        measured = list(items)
    else:
        shown = {text for item in examples for text in item.texts}
        measured = [item for item in items[shots:] if not shown & item.texts]
    left_out = len(items) - len(measured)
    if limit is not None:
        measured = sorted(measured, key=lambda item: xxhash.xxh64_intdigest(item.id.encode()))[:limit]
    if not measured:
        raise refuse("items", f"none is left beside {shots} examples", f"more than {len(items)} items")
    return Chosen(measured, examples, left_out)


def _check_leak(items: Sequence[Item], examples: Sequence[Item], train: Path) -> None:
    asked = {frozenset(item.texts): item.id for item in items}
    leaked = [asked[texts] for example in examples if (texts := frozenset(example.texts)) in asked]
    if leaked:
        raise refuse(
            str(train),
            f"an example is an item that is measured ({', '.join(leaked)})",
            "rows that are no items",
            "leave `train` out: the first items then are the examples, and are not measured",
        )
