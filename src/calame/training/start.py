"""Begin a run from a checkpoint of another one: what is taken over, and where that leaves the new run.

A run counts its own tokens and steps (`Progress`). `Origin` says how the places of the data and of the schedule follow
from that count where they do not coincide with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from calame.model.config import STRETCHED
from calame.recipe.errors import refuse
from calame.recipe.schema import Load
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.progress import say
from calame.training.state import Origin, check_identity, restore_random

if TYPE_CHECKING:
    from calame.training.loop import Trainer

MAY_DIFFER = (*STRETCHED, "initializer_range")  # they shape no tensor, but for learned positions
EMBEDDING, HEAD = "embed_tokens.weight", "lm_head.weight"


@dataclass(frozen=True)
class Place:
    """Where a run begins to count, and how its count leads to the places in the data and in the schedule."""

    position: int = 0
    step: int = 0
    origin: Origin = field(default_factory=Origin)

    def reads(self, tokens: int) -> tuple[int, int]:
        """The part of the data [from, to) that a run of `pretrain.tokens` reads."""
        return self.position + self.origin.data, tokens + self.origin.length + self.origin.data


def find_place(keys: Load | None, context: int) -> Place:
    """Where a run with `pretrain.load` begins, in rows of `context` tokens."""
    if keys is None:
        return Place()
    return _place(set(keys.mode), checkpoint.read_state(find_checkpoint(keys.location)), context)


def find_checkpoint(location: str) -> Path:
    """The checkpoint meant by `pretrain.load.from`: its manifest is whole and its files are as long as that says, but
    not read yet. Raises `UserError` if there is none."""
    path = Path(location)
    if (path / checkpoint.MANIFEST).is_file():
        if (fault := checkpoint.damage(path, read=False)) is not None:
            raise refuse("pretrain.load.from", f"{path}: not a whole checkpoint: {fault}", remedy="take an earlier one")
        return path
    for root in (path / "pretrain" / "checkpoints", path / "checkpoints", path):
        if found := checkpoint.newest_valid(root, read=False):
            return found
    raise refuse(
        "pretrain.load.from",
        f"{location}: no whole checkpoint there",
        "a run's folder such as runs/NAME, or a folder step-XXXXXXXX",
    )


def begin_from(trainer: Trainer, keys: Load) -> None:
    """Take over the parts of `keys.mode`. Raises `UserError` for a checkpoint of another shape, family or tokenizer."""
    folder = find_checkpoint(keys.location)
    tensors, state = checkpoint.load(folder)
    parts = set(keys.mode)
    with_head = "init_head" in parts
    check_identity(folder, state, trainer.identity, MAY_DIFFER + (("tie_word_embeddings",) if with_head else ()))
    weights = _with_head(tensors["model"], trainer) if with_head else tensors["model"]
    _check_shapes(folder, weights, trainer)
    trainer.model.load_state_dict(trainer.spread.place(weights))
    if "optimizer" in parts:
        _check_optimizer(folder, state, trainer)
        moments = {name: tensor for name, tensor in tensors["optimizer"].items() if not (with_head and HEAD in name)}
        trainer.optimizer.restore(trainer.model, trainer.spread.place(moments))
    if "rng" in parts:
        restore_random(tensors["random"], trainer.device.torch)
    start, now = _place(parts, state, trainer.data.context), trainer.progress
    now.position, now.step, trainer.origin = start.position, start.step, start.origin
    if "schedule" in parts:
        now.warmup, now.horizon = state["progress"]["warmup"], state["progress"]["horizon"]
    on_top = f"; ends at {say_count(trainer.end)} tokens" if start.origin.length else ""
    say(f"  begins from {folder}: {', '.join(keys.mode)}{on_top}")


def _place(parts: set[str], state: dict[str, Any], context: int) -> Place:
    theirs, before = state["progress"], Origin(**state.get("origin", {}))
    position, step = (theirs["position"], theirs["step"]) if "step" in parts else (0, 0)
    read = theirs["position"] + before.data if "data" in parts else 0
    read = read // context * context  # rows of another length begin elsewhere
    along = theirs["position"] + before.schedule if "schedule" in parts else 0
    length = position if "schedule" not in parts else before.length if "step" in parts else 0
    return Place(position, step, Origin(read - position, along - position, length))


def _with_head(weights: dict[str, Tensor], trainer: Trainer) -> dict[str, Tensor]:
    if trainer.model.config.tie_word_embeddings:
        raise refuse(
            "pretrain.load.mode",
            "init_head, but the model has no head of its own",
            remedy="model.tie_word_embeddings=false",
        )
    return {**weights, HEAD: weights[EMBEDDING].clone()}


def _check_optimizer(folder: Path, state: dict[str, Any], trainer: Trainer) -> None:
    """Moments are taken over by an optimizer of the same name that stores them in the same way."""
    theirs, ours = state.get("recipe", {}).get("pretrain", {}).get("optimizer", {}), trainer.plan.optimizer
    for key in ("name", "state"):
        found, wanted = theirs.get(key), getattr(ours, key)
        if (found or "fp32") != (wanted or "fp32"):
            raise refuse(
                str(folder),
                f"its optimizer's {key} is another one: {found}",
                str(wanted),
                f"pretrain.optimizer.{key}={found}, or a mode without optimizer such as finetune",
            )


def _check_shapes(folder: Path, weights: dict[str, Tensor], trainer: Trainer) -> None:
    """Names and shapes, which the configuration does not say alone: learned positions are a shape too."""
    ours = {name: tuple(tensor.shape) for name, tensor in trainer.model.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if ours != theirs:
        names = sorted(name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name))
        found = ", ".join(f"{name} {theirs.get(name, 'missing')} (here {ours.get(name, 'none')})" for name in names[:4])
        raise refuse(str(folder), f"weights of other shapes: {found}", remedy="the same model as that checkpoint's")
