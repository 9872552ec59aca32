"""The verbs of tuning: walk a recipe's road as far as its sft or dpo, or show what would be learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat, zip_longest
from pathlib import Path

from calame.recipe.errors import refuse
from calame.recipe.load import load_recipe
from calame.recipe.schema import Recipe
from calame.road.run import run
from calame.road.stages import build_road
from calame.road.walk import Choice, walk
from calame.run.folder import RunFolder


def tune(recipe: str, overrides: Sequence[str], stage: str, force: bool) -> None:
    """Make everything up to the stage sft or dpo; `force`: that one alone, although it is fresh."""
    loaded, _ = load_recipe(recipe, overrides)
    _require(loaded, stage)
    run(recipe, overrides, Choice(only=stage, force=True) if force else Choice(last=stage))


def _require(recipe: Recipe, stage: str) -> None:
    if getattr(recipe, stage) is None:
        example = {"sft": "sft: {conversations: {mine: {from: FILE}}}", "dpo": "dpo: {pairs: {mine: {from: FILE}}}"}
        raise refuse(stage, f"the recipe {recipe.name} has no such section", example[stage], "see docs/tuning.md")


def show_mask(recipe: str, overrides: Sequence[str], number: int, coloured: bool) -> Iterator[str]:
    """The first conversations of a recipe, its sets by turns, token by token with what is learnt of them. Makes the
    corpus and the tokenizer if need be, and no model."""
    from calame.tokenizer.tokenizer import Tokenizer
    from calame.tuning.gather import Encoded, encode_set
    from calame.tuning.show_mask import mask_lines

    loaded, derived = load_recipe(recipe, overrides)
    _require(loaded, "sft")
    assert loaded.sft is not None
    folder = RunFolder(loaded)
    road = build_road(folder)
    folder.open(derived)
    walk(folder, road, Choice(last="tokenizer"))
    before: dict[str, Path] = {stage.name: folder.store.folder(stage) for stage in road}
    tokenizer = Tokenizer.load(before["tokenizer"])
    names = loaded.sft.conversations
    sets = [zip(repeat(name), encode_set(loaded, name, before, tokenizer), strict=False) for name in names]
    shown = 0
    for name, item in (found for turn in zip_longest(*sets) for found in turn if found):
        if not isinstance(item, Encoded):
            yield f"{name}: {item.place} is left out: {item.reason}"
            continue
        tokens, learnt = len(item.example.tokens), item.example.learnt
        yield f"{name}: {item.conversation.place}, {tokens} tokens, {learnt} of them learnt"
        yield from mask_lines(item.example, tokenizer, coloured)
        shown += 1
        if shown == number:
            return
