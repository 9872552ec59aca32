"""What became of a step's numbers: which weights moved between two checkpoints, and what rounding lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from calame.training.moments import code_tables, read_moment

GROUPS = {"embed_": "embedding", "lm_head": "head", "self_attn": "attention", "mlp": "feed-forward"}
DIGITS = {torch.bfloat16: 8, torch.float16: 11, torch.float32: 24}  # significant bits
Tensors = Mapping[str, Tensor]


def group_of(name: str, tensor: Tensor) -> str:
    """embedding, head, attention, feed-forward; vectors: norms and biases."""
    if tensor.dim() < 2:
        return "vectors"
    return next((group for part, group in GROUPS.items() if part in name), "others")


def half_unit(weight: Tensor) -> Tensor:
    """Half a unit in the last place of each weight, fp32: a step below it is lost when the nearest number is taken.

    2^(floor(log2 |w|) - digits); towards zero, from a power of two, half of that.
    """
    exponent = torch.frexp(weight.float()).exponent - 1
    half = torch.ldexp(torch.ones_like(exponent, dtype=torch.float32), exponent - DIGITS[weight.dtype])
    return half.where(weight != 0, 0.0)  # what is zero takes any step


def last_update(name: str, optimizer: Tensors, beta1: float, beta2: float, epsilon: float) -> Tensor | None:
    """(elements,) fp32, the length of AdamW's last update of a parameter in learning rates: |m| / (root of v +
    epsilon), both corrected. None where the parameter has no such moments (Muon)."""
    if f"{name}/exp_avg" not in optimizer:
        return None
    state = {key.rpartition("/")[2]: t for key, t in optimizer.items() if key.rpartition("/")[0] == name}
    taken = int(state.pop("step"))
    state = {key: tensor.view(-1) for key, tensor in state.items()} | code_tables(torch.device("cpu"))
    mean = read_moment(state, "exp_avg") / (1 - beta1**taken)
    square = read_moment(state, "exp_avg_sq") / (1 - beta2**taken)
    return mean.abs() / (square.sqrt() + epsilon)


@dataclass
class Movement:
    """Of a group of tensors, between two checkpoints; `lost`: steps that rounding to the nearest loses, of `stepped`
    whose last update is known; `change` and `size`: sums of squares, of the way and of the weights."""

    weights: int = 0
    moved: int = 0
    stepped: int = 0
    lost: int = 0
    change: float = 0.0
    size: float = 0.0

    def note(self, before: Tensor, after: Tensor, update: Tensor | None, rate: float) -> None:
        self.weights += after.numel()
        self.moved += int((before != after).sum())
        self.change += float((after.double() - before.double()).square().sum())
        self.size += float(before.double().square().sum())
        if update is not None:
            self.stepped += after.numel()
            self.lost += int((rate * update < half_unit(after).view(-1)).sum())

    @property
    def drift(self) -> float:
        """The way between the checkpoints as a share of the weights' length."""
        return (self.change / self.size) ** 0.5 if self.size else 0.0


def movements(
    before: Tensors, after: Tensors, optimizer: Tensors, rate: float, betas: tuple[float, float], epsilon: float
) -> dict[str, Movement]:
    """By group of tensors. rate: the learning rate to judge steps by."""
    found: dict[str, Movement] = {}
    for name, tensor in after.items():
        update = last_update(name, optimizer, *betas, epsilon)
        found.setdefault(group_of(name, tensor), Movement()).note(before[name], tensor, update, rate)
    return found


def near_zero(weights: Tensors, scale: float, border: float = 0.01) -> float:
    """Share of the norms' gains below `border`. scale: what stored gains are multiplied by."""
    gains = [tensor.float() * scale for name, tensor in weights.items() if name.endswith("norm.weight")]
    return float((torch.cat(gains).abs() < border).double().mean())


def undecayed(weights: Iterable[Tensor], factor: float) -> float:
    """Share of weights that stay as they are when multiplied by `factor` and rounded to the nearest."""
    same = total = 0
    for weight in weights:
        decayed = (weight.double() * factor).to(weight.dtype)
        same += int(((decayed == weight) & (weight != 0)).sum())
        total += int((weight != 0).sum())
    return same / max(total, 1)
