"""Muon for matrices that lie in parts over several processes: its iteration needs each matrix whole.

torch's own would run on such matrices too, but with a gathering inside of each of its fifteen products.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim._muon import _adjust_lr, _zeropower_via_newtonschulz


def in_parts(parameters: Iterable[Tensor]) -> bool:
    return any(isinstance(parameter, DTensor) for parameter in parameters)


class GatheredMuon(torch.optim.Muon):
    """`torch.optim.Muon` (Jordan et al. 2024) with momentum in parts: each step every process gathers one update after
    the other, orthogonalises it as the others do, and keeps its part. Weights and moments are those of one process."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step_one(parameter, group)

    def _step_one(self, parameter: DTensor, group: dict) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert isinstance(gradient, DTensor)
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        wanted: Any = gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        gathered: Tensor = wanted.full_tensor()
        whole = _zeropower_via_newtonschulz(gathered, group["ns_coefficients"], group["ns_steps"], group["eps"])
        part = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
        rate = _adjust_lr(group["lr"], group["adjust_lr_fn"], parameter.shape)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(part.to(parameter.dtype), alpha=-rate)
