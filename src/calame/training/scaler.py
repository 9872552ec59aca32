"""Loss scaling for fp16 (Micikevicius et al. 2018): gradients below 6e-8 would be zero in fp16, so the loss is
multiplied before the backward pass and the gradients divided after it. A step whose gradient overflows is left out and
the scale halved; after so many good steps it doubles.

It is one decision for all optimizers of a model (torch's own scaler decides for each). Reading it waits for the device
at each step, which is what leaving out a step costs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from calame.recipe.errors import refuse

START, MOST = 2.0**16, 2.0**24
PATIENCE = 2000  # good steps before the scale doubles


class LossScaler:
    """on: False makes every method do nothing, without waiting for the device."""

    def __init__(self, on: bool):
        self.on = on
        self.factor, self.good, self.skipped = START, 0, 0
        self.left_out = False  # the last step

    def scale(self, loss: Tensor) -> Tensor:
        return loss * self.factor if self.on else loss

    @torch.no_grad()
    def unscale(self, model: nn.Module) -> None:
        if self.on:
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            torch._foreach_mul_(gradients, 1 / self.factor)  # pyright: ignore[reportPrivateImportUsage]

    def accept(self, norm: Tensor) -> bool:
        """Whether the step may be taken, by the norm of its gradient. Raises `UserError` when even an unscaled loss
        overflows: then it is the model, not the scale."""
        if not self.on:
            return True
        self.left_out = not bool(torch.isfinite(norm))
        if not self.left_out:
            self.good += 1
            if self.good == PATIENCE:
                self.factor, self.good = min(2 * self.factor, MOST), 0
            return True
        self.skipped, self.good, self.factor = self.skipped + 1, 0, self.factor / 2
        if self.factor < 1:
            raise refuse(
                "pretrain.precision",
                "fp16 overflows in the forward pass or whatever the loss is scaled by",
                remedy="pretrain.precision=bf16 or fp32, or a lower learning rate; the checkpoints before it are kept",
            )
        return False

    def telemetry(self) -> dict[str, float]:
        return {"train/loss_scale": self.factor, "train/steps_skipped": self.skipped} if self.on else {}

    def tensors(self) -> dict[str, Tensor]:
        """The state, for a checkpoint."""
        return {"state": torch.tensor([self.factor, self.good, self.skipped], dtype=torch.float64)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        factor, good, skipped = tensors["state"].tolist()
        self.factor, self.good, self.skipped = factor, int(good), int(skipped)
