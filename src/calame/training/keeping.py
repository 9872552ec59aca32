"""What a run keeps: checkpoints written behind its back, the rules by which they stay, the one that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from calame.recipe.errors import refuse
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.progress import say
from calame.run.writer import Groups, Writer
from calame.training.select import best_checkpoint

MILESTONE, RETURN = "milestone", "return point"  # what a checkpoint may be kept as
State = dict[str, Any]


class Keeper:
    """Saves and finds the checkpoints of one run. `with keeper:` leaves when nothing is being written any more.

    Kept are the `newest` ones, all milestones, the newest return point of the guard, and the best by metric `best`
    (the lowest). One goes only when a newer one is whole, and weights that are no numbers are never written: so a run
    that went bad does not push the last good one out.
    """

    def __init__(self, folder: Path, newest: int, best: str | None, background: bool = True):
        self.folder, self.newest, self.best = folder, newest, best
        self.root = folder / "checkpoints"
        self.writer = Writer(background)

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.writer.wait()
        elif issubclass(kind, Exception):  # a disk that is full must not hide what went wrong first
            try:
                self.writer.wait()
            except Exception as fault:
                say(f"  the last checkpoint was not written: {fault}")

    def save(self, tensors: Groups, state: State, kept_as: list[str]) -> None:
        """Save behind the run's back. Raises `UserError` if a weight is no number, or if the save before it failed."""
        step = state["progress"]["step"]
        if not all_finite(tensors["model"]):
            raise refuse(
                f"training step {step}",
                "weights are no numbers any more; they are not saved",
                remedy="a lower learning rate, or a longer warm-up; the checkpoints before it are kept",
            )
        words = f"({say_count(state['progress']['position'])} tokens)"

        def then(folder: Path) -> None:
            self._rotate()
            say(f"  saved {folder.name} {words}")

        marks = {"kept_as": kept_as} if kept_as else {}
        self.writer.save(self.root, step, tensors, {**state, **marks}, then)

    def _rotate(self) -> None:
        best = best_checkpoint(self.folder, self.best, read=False)[0] if self.best else None
        folders = checkpoint.steps(self.root)
        marked = {folder: _kept_as(folder) for folder in folders[: -self.newest]}
        points = [folder for folder in folders if RETURN in _kept_as(folder)][-1:]
        kept = {folder.name for folder, marks in marked.items() if MILESTONE in marks}
        kept |= {folder.name for folder in (*points, *([best] if best else []))}
        checkpoint.keep_newest(self.root, self.newest, kept)

    def newest_valid(self) -> Path | None:
        """To go on from. What is damaged and newer is set aside: it must not push out what is saved from here on."""
        return checkpoint.newest_valid(self.root, set_aside=True)

    def return_point(self) -> Path | None:
        """The newest checkpoint that the guard may go back to."""
        self.writer.wait()
        folders = [folder for folder in checkpoint.steps(self.root) if RETURN in _kept_as(folder)]
        return next((folder for folder in reversed(folders) if checkpoint.damage(folder) is None), None)


def _kept_as(folder: Path) -> list[str]:
    """What a checkpoint is marked with; nothing for a damaged one."""
    try:
        return checkpoint.read_state(folder).get("kept_as", [])
    except (OSError, ValueError, KeyError):
        return []


def all_finite(tensors: Mapping[str, Tensor]) -> bool:
    """Whether every value is a number; a GPU is asked once."""
    checks = [torch.isfinite(tensor).all() for tensor in tensors.values() if tensor.is_floating_point()]
    return bool(torch.stack(checks).all()) if checks else True
