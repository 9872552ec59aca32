"""A run's folder as the card reads it: every file by name, and only stages that the released model was made of.

A run's links may lead to stages of different moments: a corpus that was gathered again, an evaluation of other weights.
Fingerprints say which belong together, and what does not is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from calame.evaluation.decoding.files import recommended_file
from calame.recipe.errors import refuse
from calame.run import checkpoint, telemetry
from calame.run.files import file_digest, read_json
from calame.run.store import DONE

RELEASE, EVALUATION, SELECT = "release", "evaluation", "select"


class Absent(Exception):
    """There is no such record. What would have been said of it is left out."""


@dataclass
class Run:
    """`stale`: stages whose records are not read, with the reason, for people."""

    path: Path
    stale: dict[str, str] = field(default_factory=dict)

    def json(self, *path: str) -> Any:
        """A JSON file of the run's own. Raises `Absent`."""
        return _read(self.path.joinpath(*path))

    def of(self, stage: str, *path: str) -> Any:
        """A JSON file that a stage left. Raises `Absent` where it is not there, or not of this model."""
        return _read(self.folder(stage).joinpath(*path))

    def folder(self, stage: str) -> Path:
        """The folder of a stage that the released model is made of, or that measured it. Raises `Absent`."""
        if stage not in self.stages:
            raise Absent(stage)
        return self._place(stage)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        path = self.path / "recipe.yaml"
        if not path.is_file():
            raise refuse(str(self.path), "no run is there", "a run's name, or its folder", "calame run RECIPE")
        return yaml.safe_load(path.read_text(encoding="utf-8"))

    def metrics(self, stage: str) -> list[dict[str, Any]]:
        """The telemetry of a trained stage, a line a step. Raises `Absent`."""
        if not (self.folder(stage) / telemetry.FILE).is_file():
            raise Absent(telemetry.FILE)
        return telemetry.read(self.folder(stage))

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """By name, what each stage that belongs to the release wrote down when it was finished.

        Raises `UserError` where the release was made of other stages than those that the run has now."""
        done = self._done(RELEASE)
        if done is None:
            raise refuse(str(self.path), "has no finished release", remedy="calame run RECIPE")
        found = {RELEASE: done}
        self._follow(done, found)
        searched = recommended_file(self.path)
        digest = file_digest(searched) if searched.is_file() else None
        if digest != done["ingredients"]["files"].get(searched.name):
            self.stale[searched.name] = "is another one now"
        if self.stale:
            named = "; ".join(f"{name}: {reason}" for name, reason in self.stale.items())
            raise refuse(str(self.path), f"the release is of an earlier state ({named})", remedy="calame run RECIPE")
        measured = self._done(EVALUATION)
        if measured is not None:
            self._take_evaluation(measured, found)
        return found

    def _follow(self, done: Mapping[str, Any], found: dict[str, dict[str, Any]]) -> None:
        """Add the stages before one, and those before these."""
        for name, fingerprint in done["ingredients"]["before"].items():
            before = self._done(name)
            if name in found or before is None:  # what is not there says nothing
                continue
            if before["fingerprint"] != fingerprint:
                self.stale[name] = "was made again since"
                continue
            if before["weights"] != done["made_from"].get(name, before["weights"]):
                self.stale[name] = "was trained again since"
                continue
            found[name] = before
            self._follow(before, found)

    def _take_evaluation(self, done: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
        """Add it where it measured this model, from this corpus."""
        before = done["ingredients"]["before"]
        other = [name for name, one in found.items() if before.get(name, one["fingerprint"]) != one["fingerprint"]]
        made = found[RELEASE]["made_from"]
        other += [name for name, weights in done["made_from"].items() if made.get(name, weights) != weights]
        missing = [name for name in found[RELEASE]["made_from"] if name not in done["made_from"]]
        if other or missing:
            named = ", ".join(dict.fromkeys([*other, *missing]))
            self.stale[EVALUATION] = f"it measured another model or text ({named}): calame run RECIPE"
        else:
            found[EVALUATION] = done
            self._follow(done, found)

    def _done(self, stage: str) -> dict[str, Any] | None:
        path = self._place(stage) / DONE
        return read_json(path) if path.is_file() else None

    def _place(self, stage: str) -> Path:
        kind, _, name = stage.partition("/")
        if stage == SELECT:
            return (self.path / "selected.json").resolve().parent
        if kind == "corpus":
            return self.path / (f"corpus/sources/{name}" if name else "corpus/joined")
        if kind == "quality":
            return self.path / "corpus/quality" / name
        return self.path / ("corpus/injected" if stage == "inject" else stage)

    @property
    def trained(self) -> list[str]:
        """The trained stages of the released model in the order in which they were made: pretrain, sft/NAME, ..."""
        kinds = ("pretrain", "sft", "dpo")
        names = [name for name in self.stages if name.partition("/")[0] in kinds]
        return sorted(names, key=lambda name: kinds.index(name.partition("/")[0]))

    def keys(self, stage: str) -> dict[str, Any]:
        """The recipe's keys that a stage was made by, as it wrote them down. Raises `Absent`."""
        if stage not in self.stages:
            raise Absent(stage)
        return self.stages[stage]["ingredients"]["keys"]

    def checkpoint_folder(self, stage: str) -> Path:
        """The checkpoint that went on from a trained stage. Raises `Absent`."""
        folder = self.folder(stage) / "checkpoints"
        if stage == "pretrain":
            return folder / self.json("selected.json")["checkpoint"]
        steps = checkpoint.steps(folder)
        if not steps:
            raise Absent(stage)
        return steps[-1]

    def checkpoint(self, stage: str) -> dict[str, Any]:
        """The state in the manifest of that checkpoint. Raises `Absent`."""
        return _read(self.checkpoint_folder(stage) / checkpoint.MANIFEST)["state"]

    def sources(self) -> Iterator[str]:
        """The sources of the corpus, in the recipe's order."""
        for name in self.recipe["corpus"]["sources"]:
            if f"corpus/{name}" in self.stages:
                yield name


def _read(path: Path) -> Any:
    if not path.is_file():
        raise Absent(str(path))
    return read_json(path)
