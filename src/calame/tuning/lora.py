"""Low-rank adapters (Hu et al. 2021): a matrix W of the model reads as W + alpha / rank x B A, and only A and B learn.

Each is a parametrisation of its matrix, so that whatever reads the weight (joined maps, 8-bit products, compilers)
reads the adapted one. It saves the gradients' moments, not the arithmetic. Merging is writing down what is read.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from calame.model.decoder import Decoder
from calame.recipe.errors import refuse
from calame.recipe.tuning import Lora


class LowRank(nn.Module):
    """W -> W + scale x B A. a: (rank, inputs), drawn; b: (outputs, rank), zeros: at first nothing is changed."""

    def __init__(self, weight: Tensor, rank: int, scale: float, generator: torch.Generator):
        super().__init__()
        outputs, inputs = weight.shape
        bound = math.sqrt(3 / inputs)  # as nn.Linear is drawn in Hu et al.'s code: variance 1 / inputs
        drawn = (2 * torch.rand(rank, inputs, generator=generator) - 1) * bound
        self.a = nn.Parameter(drawn.to(weight.device))
        self.b = nn.Parameter(torch.zeros(outputs, rank, device=weight.device))
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return (weight.float() + self.scale * (self.b @ self.a)).to(weight.dtype)


def add_adapters(model: Decoder, keys: Lora, seed: int) -> int:
    """Freeze the model and give the maps of every block that `keys.targets` names an adapter; returns the parameters
    that learn. Raises `UserError` for a map that the model's family does not have."""
    assert keys.alpha is not None
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    found = set()
    for name, module in list(model.layers.named_modules()):
        target = name.rpartition(".")[2]
        if target in keys.targets and isinstance(module, nn.Linear):
            found.add(target)
            adapter = LowRank(module.weight, keys.rank, keys.alpha / keys.rank, generator)
            parametrize.register_parametrization(module, "weight", adapter)
    if missing := sorted(set(keys.targets) - found):
        there = sorted({n.rpartition(".")[2] for n, m in model.layers.named_modules() if isinstance(m, nn.Linear)})
        raise refuse("sft.lora.targets", f"{', '.join(missing)}: not in this model", ", ".join(there))
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@torch.no_grad()
def merged_weights(model: Decoder) -> dict[str, Tensor]:
    """The weights as they are read, under the names of a model without adapters."""
    weights = {name: tensor for name, tensor in model.state_dict().items() if ".parametrizations." not in name}
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            weights[f"{name}.weight"] = module.weight.detach().clone()  # type: ignore[union-attr]
    return weights
