"""The verb plan: what a recipe amounts to, before anything is made or downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calame.model.config import ModelConfig
from calame.planning.parameters import parameter_table, run_table
from calame.recipe.load import load_recipe
from calame.recipe.schema import Tokenizer


def plan(recipe: str, overrides: Sequence[str], parameters_only: bool = False) -> Iterator[str]:
    """The parameters of a recipe's model by term, and tokens, FLOPs and memory of its pretraining."""
    loaded, _ = load_recipe(recipe, overrides, variables=False)
    entries, source = vocabulary_of(loaded.tokenizer)
    config = ModelConfig.from_recipe(loaded.model, entries)
    yield f"{loaded.name}: {config.family}, vocabulary {entries:,} ({source})"
    yield from parameter_table(config, loaded.published)
    if not parameters_only:
        yield from run_table(config, loaded.pretrain)


def vocabulary_of(keys: Tokenizer) -> tuple[int, str]:
    """The entries that the model will have rows for, and where the number is from. An existing tokenizer is read, with
    the chat tokens that it would be given, unless it is the hub's and its size is declared."""
    if keys.location is None:
        return keys.vocabulary, "tokenizer.vocabulary"
    if keys.location.startswith("hub:") and "vocabulary" in keys.model_fields_set:
        return keys.vocabulary, f"tokenizer.vocabulary, declared for {keys.location}; chat tokens it lacks come on top"
    from calame.tokenizer.adopt import adopt

    return adopt(keys.location).size, f"read from {keys.location}, with the chat tokens it lacked"
