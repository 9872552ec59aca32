"""Muon (Jordan et al. 2024) on any device, and for matrices that lie in parts over several processes.

torch's own multiplies in bf16 wherever it runs, also on a CPU that does so many times slower than in fp32; and on
matrices in parts it would gather inside of each of its fifteen products. Momentum, steps and sizes are torch's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim._muon import _adjust_lr

from calame.model.device import multiplies_bf16


class Muon(torch.optim.Muon):
    """`torch.optim.Muon`. Where momentum lies in parts, every process gathers one update after the other,
    orthogonalises it as the others do, and keeps its part: weights and moments are those of one process."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step_one(parameter, group)

    def _step_one(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        update: Any = gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        whole = update.full_tensor() if isinstance(update, DTensor) else update
        whole = orthogonalise(whole, group["ns_coefficients"], group["ns_steps"], group["eps"])
        if isinstance(parameter, DTensor):
            whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
        rate = _adjust_lr(group["lr"], group["adjust_lr_fn"], parameter.shape)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(whole.to(parameter.dtype), alpha=-rate)


def orthogonalise(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Near the orthogonal matrix that is nearest to this one, by Newton and Schulz's iteration of fifth order: singular
    values end between 0.7 and 1.2. In bf16, as published; in fp32 on a CPU without bf16 products of its own."""
    a, b, c = coefficients
    found = matrix.to(torch.bfloat16 if multiplies_bf16(matrix.device) else torch.float32, copy=True)
    upright = matrix.size(0) > matrix.size(1)
    found = found.T if upright else found
    found.div_(found.norm().clamp(min=eps))  # no singular value above 1
    for _ in range(steps):
        square = found @ found.T
        change = torch.addmm(square, square, square, beta=b, alpha=c)
        found = torch.addmm(found, change, found, beta=a)
    return found.T if upright else found
