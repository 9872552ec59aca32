"""AdamW (Loshchilov & Hutter 2017) for weights and moments that are not all fp32.

The step is computed in fp32; bf16 weights are rounded stochastically when they are written back, so that neither small
steps nor decay are lost. It goes through a tensor a part at a time: what fp32 takes beside what is stored is bounded.
Where weights and moments are fp32, `torch.optim.AdamW` does the same faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from calame.training.moments import BLOCK, State, code_tables, empty_moments, read_moment, write_moment
from calame.training.rounding import key_of, round_stochastically

PART = 1 << 24  # elements that are computed in fp32 at once: 64 MiB for each value of the formula


class RoundedAdamW(torch.optim.Optimizer):
    """moments: fp32, bf16 or int8. seed: of the rounding. compiled: fuse the update (torch.compile)."""

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        moments: str,
        seed: int,
        compiled: bool = False,
    ):
        super().__init__(list(groups), {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})
        self.moments, self.seed = moments, seed
        self._update: Callable[..., None] = torch.compile(update, dynamic=True) if compiled else update

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        number = 0
        for group in self.param_groups:
            for parameter in group["params"]:
                number += 1  # the tensor's own noise, whether or not those before it had a gradient
                if parameter.grad is not None:
                    self._step(parameter, group, number)

    def _step(self, parameter: Tensor, group: dict[str, Any], number: int) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # stays on the CPU: read at each step without waiting for the device
            state.update(empty_moments(parameter.numel(), self.moments, parameter.device))
        state["step"] += 1
        taken, (beta1, beta2), device = int(state["step"]), group["betas"], parameter.device
        numbers = [  # as tensors, since a compiler would take each new number for another program
            torch.full((), value, device=device)
            for value in (group["lr"] / (1 - beta1**taken), 1 - group["lr"] * group["weight_decay"], 1 - beta2**taken)
        ]
        weight, gradient = parameter.view(-1), parameter.grad.reshape(-1)  # type: ignore[union-attr]
        stored = {name: value for name, value in state.items() if name != "step"}
        tables = code_tables(device)
        for start in range(0, weight.numel(), PART):
            keys = [
                torch.full((), key_of(self.seed, taken, number, start, use), dtype=torch.int32, device=device)
                for use in ("weight", "exp_avg", "exp_avg_sq")
            ]
            here = slice(start, start + PART)
            moments = _part(stored, start) | tables
            self._update(weight[here], gradient[here], moments, numbers, keys, beta1, beta2, group["eps"])


def _part(state: State, start: int) -> State:
    """Views of a part of the moments; scales have one value a block."""
    found = {}
    for name, value in state.items():
        share = BLOCK if name.endswith("_scale") else 1
        found[name] = value[start // share : (start + PART) // share]
    return found


def update(
    weight: Tensor,
    gradient: Tensor,
    moments: State,
    numbers: Sequence[Tensor],
    keys: Sequence[Tensor],
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """One step on (elements,) in place. moments: as stored, and `code_tables`. numbers: rate / (1 - beta1^t),
    1 - rate x decay, 1 - beta2^t. keys: of the noise for weight and moments."""
    rate, kept, correction = numbers
    slope = gradient.float()
    mean = torch.lerp(slope, read_moment(moments, "exp_avg"), beta1)
    square = beta2 * read_moment(moments, "exp_avg_sq") + (1 - beta2) * slope.square()
    moved = weight.float() * kept - rate * mean / ((square / correction).sqrt() + epsilon)
    weight.copy_(round_stochastically(moved, keys[0]) if weight.dtype == torch.bfloat16 else moved)
    write_moment(moments, "exp_avg", mean, keys[1])
    write_moment(moments, "exp_avg_sq", square, keys[2])
