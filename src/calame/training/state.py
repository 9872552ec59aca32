"""All that a run goes on from, and putting it back. Nothing else is remembered between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from calame.recipe.errors import Problem, UserError
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.progress import say
from calame.shards.order import seed_of

if TYPE_CHECKING:
    from calame.training.loop import Trainer

State = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Where a run that began from another's checkpoint stands: tokens to add to its position for the place in the data
    and in the schedule, and to `pretrain.tokens` for the position of its end."""

    data: int = 0
    schedule: int = 0
    length: int = 0


def everything(trainer: Trainer, observed: bool) -> tuple[dict[str, dict[str, Tensor]], State]:
    """Tensors by group, and the state that JSON can hold: of several processes all must ask, and the first one gets it.
    observed: False if a stop cut the step's observers short."""
    tensors = {
        "model": trainer.spread.collect(_learnt(trainer.model)),
        "optimizer": trainer.spread.collect(trainer.optimizer.tensors(trainer.model)),
        "random": random_state(trainer.device.torch),
        **({"scaler": trainer.scaler.tensors()} if trainer.scaler.on else {}),
    }
    state = {"progress": asdict(trainer.progress), **trainer.identity}
    if not observed:
        state["observed"] = False
    if trainer.guard.watches:
        state["guard"] = trainer.guard.state()
    if trainer.origin != Origin():
        state["origin"] = asdict(trainer.origin)
    return tensors, state


def resume(trainer: Trainer) -> Path | None:
    """Go on from the newest valid checkpoint, or begin; the checkpoint's folder if its step is still to be observed."""
    folder = trainer.team.tell(trainer.keeper.newest_valid)
    if folder is None:
        if any(trainer.keeper.root.glob("*.damaged")):
            say("  none of the checkpoints is whole: it begins anew")
        if trainer.begin is not None:
            trainer.begin(trainer)
        _own_numbers(trainer)
        return None
    tensors, state = checkpoint.load(folder, verified=True)
    check_identity(folder, state, trainer.identity)
    put_back(trainer, tensors)
    restore_random(tensors["random"], trainer.device.torch)
    if trainer.scaler.on and "scaler" in tensors:
        trainer.scaler.restore(tensors["scaler"])
    drawn = trainer.progress.horizon
    trainer.progress = type(trainer.progress)(**state["progress"])
    trainer.origin = Origin(**state.get("origin", {}))
    if "guard" in state:
        trainer.guard.restore(state["guard"])
    say(f"  goes on from {folder.name} ({say_count(trainer.progress.position)} tokens)")
    if drawn != trainer.progress.horizon and trainer.origin == Origin():
        say(
            f"  the schedule was drawn to {say_count(trainer.progress.horizon)} tokens when the run began "
            "and stays so: what comes after runs at its final rate"
        )
    _own_numbers(trainer)
    return None if state.get("observed", True) else folder


def put_back(trainer: Trainer, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Weights and moments of a checkpoint, as they lie in this process."""
    kept = {name: tensor for name, tensor in trainer.model.state_dict().items() if name in _frozen(trainer.model)}
    trainer.model.load_state_dict({**kept, **trainer.spread.place(tensors["model"])})
    trainer.optimizer.restore(trainer.model, trainer.spread.place(tensors["optimizer"]))


def _learnt(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a checkpoint: all, or with adapters those alone; what is frozen is where the run begins."""
    frozen = _frozen(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def _frozen(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def _own_numbers(trainer: Trainer) -> None:
    """Each process draws random numbers of its own; those that are saved are the first one's."""
    if trainer.team.rank:
        torch.manual_seed(seed_of(trainer.plan.seed, trainer.team.rank, trainer.progress.step))


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of the random generators that training draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random(state: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def check_identity(folder: Path, state: State, identity: State, ignored: tuple[str, ...] = ()) -> None:
    """Raises `UserError` naming all that differs if a checkpoint is of another tokenizer or another model."""
    remedy = "take a checkpoint of this recipe, or begin a run of another name"
    problems = []
    if state.get("tokenizer") != identity.get("tokenizer"):
        problems.append(Problem(str(folder), "its tokenizer is another one", f"{identity.get('tokenizer')}", remedy))
    theirs, ours = state.get("model"), identity.get("model")
    if isinstance(theirs, dict) and isinstance(ours, dict):
        names = [name for name in {**ours, **theirs} if name not in ignored and ours.get(name) != theirs.get(name)]
        problems += [
            Problem(
                str(folder), f"its model is another one: {name} {theirs.get(name)!r}", f"{ours.get(name)!r}", remedy
            )
            for name in names
        ]
    elif theirs != ours:
        problems.append(Problem(str(folder), "its model is another one", f"{ours}", remedy))
    if problems:
        raise UserError(problems)
