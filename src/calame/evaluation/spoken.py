"""What is known of the run that a model belongs to: its recipe, its languages, the stages that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calame.recipe.errors import refuse
from calame.recipe.load import written_recipe
from calame.recipe.schema import Recipe
from calame.run import checkpoint
from calame.run.files import read_json


def recipe_of(model: Path) -> Recipe | None:
    """The recipe that a checkpoint was trained by, as it was written down with it; None of a model of elsewhere."""
    if not (model / checkpoint.MANIFEST).is_file():
        return None
    written = read_json(model / checkpoint.MANIFEST)["state"].get("recipe")
    return written_recipe(written, str(model)) if written else None


def languages_of(model: Path, given: Sequence[str] | None) -> list[str]:
    """The languages that are given, or else those of the model's recipe. Raises `UserError` where neither is known."""
    if given:
        return list(given)
    recipe = recipe_of(model)
    if recipe is None:
        raise refuse("--languages", f"{model} says nothing of its languages", "e.g. fr or fr,it")
    return list(recipe.languages)


def shards_of(run: Path) -> dict[str, Path]:
    """The shards that a run has made, by source."""
    return {folder.name: folder for folder in sorted((run / "shards").glob("*")) if (folder / "header.json").is_file()}


def stages_of(run: Path) -> dict[str, Path]:
    """The stages that a run has made and that measurements read, by name."""
    sources = {f"corpus/{folder.name}": folder for folder in sorted((run / "corpus/sources").glob("*"))}
    shards = {f"shards/{name}": folder for name, folder in shards_of(run).items()}
    links = {"corpus": "corpus/joined", "inject": "corpus/injected", "pretrain": "pretrain"}
    others = {name: run / link for name, link in links.items()}
    return {name: path.resolve() for name, path in (sources | shards | others).items() if path.is_dir()}
