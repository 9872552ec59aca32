"""The optimizer: AdamW, or Muon for the matrices of the blocks with AdamW for embeddings, head and norms.

Decay acts on matrices only: norms (one dimension) are never decayed. Muon's step is scaled to the size of AdamW's
(0.2 x root of the longer side, Liu et al. 2025), so that one learning rate serves both.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from calame.recipe.schema import Optimizer
from calame.training.muon import GatheredMuon, in_parts


class Optimizers:
    """One or two torch optimizers that step together."""

    def __init__(self, parts: list[torch.optim.Optimizer]):
        self.parts = parts

    def step(self) -> None:
        for part in self.parts:
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
            owner[parameter].state[parameter][key] = tensor.clone().to(parameter.device)


def build_optimizer(model: nn.Module, keys: Optimizer, device: torch.device) -> Optimizers:
    """The optimizer of a recipe for all trainable parameters of the model."""
    matrices = [p for name, p in _trainable(model) if p.dim() == 2 and ".layers." in f".{name}"]
    muon = keys.name == "muon" and matrices
    rest = [p for _, p in _trainable(model) if not (muon and any(p is m for m in matrices))]
    groups = [
        {"params": [p for p in rest if p.dim() >= 2], "weight_decay": keys.weight_decay},
        {"params": [p for p in rest if p.dim() < 2], "weight_decay": 0.0},
    ]
    betas, fused = (keys.beta1, keys.beta2), device.type in ("cuda", "cpu")
    parts: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=keys.learning_rate, betas=betas, eps=keys.epsilon, fused=fused)
    ]
    if muon:
        parts.append(
            (GatheredMuon if in_parts(matrices) else torch.optim.Muon)(
                matrices, lr=keys.learning_rate, weight_decay=keys.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    return Optimizers(parts)


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)
