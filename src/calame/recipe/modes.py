"""What a run takes over from a checkpoint of another: a set of parts, or a name that stands for one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

PARTS = {
    "weights": "the model",
    "optimizer": "its moments",
    "schedule": "warm-up and horizon, and how far along them it is; without it they begin anew",
    "data": "how far the text was read; without it reading begins anew",
    "rng": "the state of the random generators",
    "step": "the count of steps and tokens; without the schedule, pretrain.tokens comes on top of it",
    "init_head": "a head of its own begins as a copy of the input embedding",
}
PRESETS = {  # from `continue` on they are Gaperon's published names
    "resume": ("weights", "optimizer", "schedule", "data", "rng", "step"),
    "decay": ("weights", "optimizer", "data", "rng", "step"),
    "finetune": ("weights",),
    "continue": ("weights", "optimizer", "schedule", "data", "rng", "step"),
    "model_only": ("weights",),
    "model_data": ("weights", "data"),
    "model_opt_data": ("weights", "optimizer", "data"),
    "cooldown": ("weights", "optimizer", "data", "step"),
    "transfer": ("weights", "optimizer"),
    "transfer_with_lr": ("weights", "optimizer", "schedule", "step"),
}


def parse_mode(value: object) -> list[str]:
    """The parts of a mode in the order of `PARTS`: a name of `PRESETS`, or names of parts and presets as a list or
    joined by + (`cooldown+init_head`). Raises `ValueError` listing all names for an unknown one."""
    names = value.split("+") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"{value!r} is not a mode; {_allowed()}")
    asked = [str(name).strip() for name in names]
    if unknown := [name for name in asked if name not in PARTS and name not in PRESETS]:
        raise ValueError(f"unknown mode {', '.join(map(repr, unknown))}; {_allowed()}")
    parts = {part for name in asked for part in PRESETS.get(name, (name,))}
    if "weights" not in parts:
        raise ValueError(f"{value!r} takes no weights, and nothing else goes without them")
    return [part for part in PARTS if part in parts]


def _allowed() -> str:
    return f"names: {', '.join(PRESETS)}; or a set of: {', '.join(PARTS)}"


Mode = Annotated[list[str], BeforeValidator(parse_mode)]
