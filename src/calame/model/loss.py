"""Cross-entropy in fp32, a part of the positions at a time, so that the logits of a whole batch never exist at once.

`token_losses` is the plain twin: a loss for each position, differentiable by autograd. `total_loss` is what training
takes: their sum, whose gradients are worked out along with it (as Liger kernels do, Hsu et al. 2024), so that logits
are computed once and no backward pass goes through them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from calame.model.device import kernels_on

IGNORE = -100
CHUNK_BYTES = {"cuda": 1 << 30, "cpu": 256 << 20}  # of logits that may exist at once
COLUMNS = 64  # logits are computed for a multiple of so many entries: an odd row length takes slow matrix kernels


def token_losses(hidden: Tensor, head: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """-log p(target) in nats for each position, 0 where the target is IGNORE.

    hidden: (positions, hidden_size); head: (vocab_size, hidden_size); targets: (positions,) int64.
    smoothing: share of the target's probability that is dealt to all entries alike (Szegedy et al. 2016).
    Returns (positions,) fp32. Logits are computed again in the backward pass where there is more than one part.
    """
    size = positions_at_once(head)
    if hidden.shape[0] <= size:
        return _losses(hidden, head, targets, smoothing)
    parts = zip(hidden.split(size), targets.split(size), strict=True)
    found = [checkpoint(_losses, h, head, t, smoothing, use_reentrant=False) for h, t in parts]
    return torch.cat(found)  # type: ignore[arg-type]


def positions_at_once(head: Tensor, width: int = 4) -> int:
    """How many positions' logits, of so many bytes each, may exist at once."""
    return max(1, CHUNK_BYTES.get(head.device.type, CHUNK_BYTES["cpu"]) // (width * head.shape[0]))


def _losses(hidden: Tensor, head: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    logits = (hidden @ head.to(hidden.dtype).T).float()
    return F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="none", label_smoothing=smoothing)


def total_loss(hidden: Tensor, head: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """The sum of `token_losses`, a scalar in fp32."""
    return _TotalLoss.apply(hidden, head, targets, smoothing)  # type: ignore[no-any-return]


class _TotalLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        entries = head.shape[0]
        weight = F.pad(head.to(hidden.dtype), (0, 0, 0, -entries % COLUMNS))
        total = hidden.new_zeros((), dtype=torch.float32)
        of_head = torch.zeros_like(weight, dtype=torch.float32)
        kernels = kernels_on(head.device) if not smoothing else None
        of_hidden, size = [], positions_at_once(head, hidden.element_size() if kernels else 4)
        for part, wanted in zip(hidden.split(size), targets.split(size), strict=True):
            logits = part @ weight.T
            if kernels:
                losses, gradient = kernels.cross_entropy(logits, wanted, entries, IGNORE), logits
            else:
                losses, gradient = _losses_and_gradient(logits, wanted, entries, smoothing)
            total = total + losses.sum()
            of_hidden.append(gradient @ weight)
            of_head = of_head + gradient.T @ part
        ctx.save_for_backward(torch.cat(of_hidden), of_head[:entries])
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (scale,) = gradients
        of_hidden, of_head = ctx.saved_tensors
        return of_hidden * scale.to(of_hidden.dtype), of_head * scale, None, None


def _losses_and_gradient(logits: Tensor, targets: Tensor, entries: int, smoothing: float) -> tuple[Tensor, Tensor]:
    """Losses (positions,) in fp32 and their gradient by the logits, in the logits' type; columns from `entries` on are
    padding. logits: (positions, columns)."""
    wide, columns = logits.float(), torch.arange(logits.shape[1], device=logits.device)
    if entries < logits.shape[1]:
        wide = wide.masked_fill(columns >= entries, float("-inf"))
    top = wide.amax(-1, keepdim=True)
    powers = (wide - top).exp()
    total = powers.sum(-1, keepdim=True)
    asked = (targets != IGNORE)[:, None]
    at_target = columns == targets[:, None]
    losses = (total.log() + top).squeeze(1) - wide.gather(1, targets.clamp(min=0)[:, None]).squeeze(1)
    gradient = powers / total - at_target.to(wide.dtype)
    if smoothing:
        known = columns < entries
        lost = wide.gather(1, targets.clamp(min=0)[:, None]).squeeze(1) - logits.float()[:, :entries].mean(-1)
        losses = losses + smoothing * lost
        gradient = gradient + smoothing * (at_target.to(wide.dtype) - known.to(wide.dtype) / entries)
    zero = torch.zeros((), dtype=wide.dtype, device=wide.device)
    return torch.where(asked[:, 0], losses, zero), torch.where(asked, gradient, zero).to(logits.dtype)
