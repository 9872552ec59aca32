"""The optimizer: AdamW, or Muon for the matrices of the blocks with AdamW for embeddings, head and norms.

Decay acts on matrices only: norms (one dimension) are never decayed. Muon's step is scaled to the size of AdamW's
(0.2 x root of the longer side, Liu et al. 2025), so that one learning rate serves both.

Weights and moments in fp32, and the faithful bf16-scaled, are torch's own AdamW; what is rounded or stored in int8 is
`RoundedAdamW`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from calame.model.device import Device, multiplies_bf16
from calame.recipe.errors import refuse
from calame.recipe.schema import Optimizer
from calame.run.progress import say
from calame.training.adamw import RoundedAdamW
from calame.training.moments import stored_bytes
from calame.training.muon import Muon


class Optimizers:
    """One or two torch optimizers that step together."""

    def __init__(self, parts: list[torch.optim.Optimizer]):
        self.parts = parts

    @property
    def divides(self) -> bool:
        """Whether `step` can divide the gradient while it reads it: torch's fused AdamW on a CUDA device."""
        return all(part.defaults.get("fused") for part in self.parts) and self._device.type == "cuda"

    @property
    def _device(self) -> torch.device:
        return self.parts[0].param_groups[0]["params"][0].device

    def step(self, divisor: Tensor | None = None) -> None:
        """divisor: scalar that the gradient is divided by first, where it `divides`."""
        for part in self.parts:
            if divisor is not None:
                part.grad_scale = divisor  # type: ignore[attr-defined]  # as torch's GradScaler hands it over
            part.step()

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def set_rate(self, rate: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    @property
    def rate(self) -> float:
        return self.parts[0].param_groups[0]["lr"]

    def moment_bytes(self) -> int:
        """What the moments take on the device once the first step has made them."""
        total = 0
        for part in self.parts:
            for parameter in (p for group in part.param_groups for p in group["params"]):
                if isinstance(part, RoundedAdamW):
                    total += stored_bytes(parameter.numel(), part.moments)
                else:  # torch keeps them in the type of the parameter: AdamW two of them, Muon one
                    moments = 1 if isinstance(part, torch.optim.Muon) else 2
                    total += moments * parameter.numel() * parameter.element_size()
        return total

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """All state as named tensors: PARAMETER/NAME."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
        return {
            f"{names[parameter]}/{key}": value if isinstance(value, Tensor) else torch.tensor(value)
            for part in self.parts
            for parameter, state in part.state.items()
            for key, value in state.items()
        }

    def restore(self, model: nn.Module, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        parameters: dict[str, Tensor] = dict(model.named_parameters())
        owner = {p: part for part in self.parts for group in part.param_groups for p in group["params"]}
        for full, tensor in tensors.items():
            name, _, key = full.rpartition("/")
            parameter = parameters[name]
            # The fused AdamW counts its steps on the device; the others would wait for it at each step.
            away = key != "step" or owner[parameter].defaults.get("fused")
            owner[parameter].state[parameter][key] = tensor.clone().to(parameter.device if away else "cpu")


def build_optimizer(
    model: nn.Module, keys: Optimizer, device: Device, seed: int = 0, compiled: bool = False
) -> Optimizers:
    """The optimizer of a recipe for all trainable parameters of the model. seed: of stochastic rounding."""
    matrices = [p for name, p in _trainable(model) if p.dim() == 2 and ".layers." in f".{name}"]
    muon = keys.name == "muon" and matrices
    rest = [p for _, p in _trainable(model) if not (muon and any(p is m for m in matrices))]
    groups = [
        {"params": [p for p in rest if p.dim() >= 2], "weight_decay": keys.weight_decay},
        {"params": [p for p in rest if p.dim() < 2], "weight_decay": 0.0},
    ]
    parts: list[torch.optim.Optimizer] = [_adamw(groups, keys, device, seed, compiled)]
    if muon:
        if not multiplies_bf16(device.torch):
            say("  muon iterates in fp32: this CPU has no bf16 products of its own")
        parts.append(
            Muon(matrices, lr=keys.learning_rate, weight_decay=keys.weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    return Optimizers(parts)


def _adamw(
    groups: list[dict[str, Any]], keys: Optimizer, device: Device, seed: int, compiled: bool
) -> torch.optim.Optimizer:
    rate, betas, moments = keys.learning_rate, (keys.beta1, keys.beta2), keys.state or "fp32"
    if device.precision == "bf16-scaled":  # as published: not fused, everything in bf16, rounded to the nearest
        return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=keys.epsilon, fused=False)
    if device.weights == torch.float32 and moments == "fp32":
        fused = device.torch.type in ("cuda", "cpu")
        return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=keys.epsilon, fused=fused)
    if any(isinstance(p, DTensor) for group in groups for p in group["params"]):
        raise refuse(
            "pretrain.precision" if device.weights != torch.float32 else "pretrain.optimizer.state",
            f"precision {device.precision} with {moments} moments steps whole tensors; here they lie in parts",
            "several GPUs that hold all of it each (ddp), or fp32 weights and moments",
            "execution.parallel=ddp",
        )
    return RoundedAdamW(groups, rate, betas, keys.epsilon, moments, seed, compiled)


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)
