"""The run folder: complete by itself, it says what was run, on what, and links what came out."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from calame.recipe.derived import Derived
from calame.recipe.errors import refuse
from calame.recipe.save import resolved_yaml
from calame.recipe.schema import Recipe
from calame.run.environment import environment
from calame.run.files import atomic, write_json
from calame.run.stage import Stage
from calame.run.store import Store


class RunFolder:
    """runs/NAME/: recipe.yaml, environment.json, metrics.jsonl, run.log, and a link for each finished stage."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.runs = Path(recipe.execution.runs)
        self.path = self.runs / recipe.name
        self.store = Store(self.runs / ".store")

    def check_name(self) -> None:
        """Raises `UserError` if the folder belongs to a recipe of another name."""
        saved = self.path / "recipe.yaml"
        if not saved.is_file():
            return
        try:
            found = yaml.safe_load(saved.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            found = None
        name = found.get("name") if isinstance(found, dict) else None
        if name != self.recipe.name:
            held = f"the run of a recipe named {name!r}" if name else "a recipe.yaml that is none of ours"
            raise refuse(
                str(self.path),
                f"holds {held}, not {self.recipe.name!r}",
                remedy="give this recipe another name, or another folder by execution.runs=FOLDER",
            )

    def open(self, derived: Sequence[Derived]) -> None:
        """Write down what is about to run; from here on the log goes to run.log too."""
        self.check_name()
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic(self.path / "recipe.yaml", "w") as file:
            file.write(resolved_yaml(self.recipe, derived))
        write_json(self.path / "environment.json", environment())
        handler = logging.FileHandler(self.path / "run.log", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger = logging.getLogger("calame")
        logger.setLevel(logging.INFO)
        for old in [h for h in logger.handlers if isinstance(h, logging.FileHandler)]:
            logger.removeHandler(old)
        logger.addHandler(handler)

    def forget_all_but(self, road: Sequence[Stage]) -> None:
        """Remove the links of stages that the road does not have any more (a source, all tuning); outputs stay. Beside
        a tuning those of other names stay linked: a run may have several."""
        kept = {self.path / (stage.link or stage.name) for stage in road}
        tuned = {self.path / kind for kind in ("sft", "dpo")}
        folders = {path.parent for path in kept} ^ tuned  # a kind of tuning that the road has none of is emptied
        for folder in folders | {self.path / "corpus/quality"}:
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.is_symlink() and path not in kept:
                    path.unlink()

    def linked(self, stage: Stage) -> Path | None:
        """The output that the run's link of this stage leads to, if any."""
        link = self.path / (stage.link or stage.name)
        if not link.exists():
            return None
        target = link.resolve()
        return target if target.is_dir() else target.parent

    def link(self, stage: Stage) -> None:
        """Point the run at the stage's output; the link changes in one step.

        Raises `UserError` where a folder stands in the link's place (a run copied without its links)."""
        link = self.path / (stage.link or stage.name)
        if link.is_dir() and not link.is_symlink():
            raise refuse(
                str(link), "a folder of its own, where the run keeps a link", remedy="move it away, or remove it"
            )
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.with_name(f".{link.name}.{os.getpid()}.link")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(self.store.folder(stage) / stage.linked_file, link.parent))
        temporary.replace(link)
