"""The models that a run has made, as its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from calame.recipe.errors import Problem, UserError


def models_of(before: Mapping[str, Path]) -> dict[str, Path]:
    """The checkpoints that are evaluated and released, the most finished one last."""
    from calame.run import checkpoint
    from calame.training.select import selected_checkpoint

    models = {"pretrained": selected_checkpoint(before["select"], before["pretrain"])}
    for kind, called in (("sft", "tuned"), ("dpo", "preferred")):
        for folder in (folder for name, folder in before.items() if name.startswith(f"{kind}/")):
            found = checkpoint.newest_valid(folder / "checkpoints")
            if found is None:
                remedy = f"calame run RECIPE --only {kind} --force"
                raise UserError(Problem(str(folder), "no whole checkpoint in it", remedy=remedy))
            models[called] = found
    return models
