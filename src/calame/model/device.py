"""The device and the precision, chosen aloud."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from calame.recipe.errors import refuse


@dataclass(frozen=True)
class Device:
    """Where to compute and with which precision, and why."""

    torch: torch.device
    compute: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.torch) if self.torch.type == "cuda" else self.torch.type

    def autocast(self) -> torch.autocast:
        """Compute in `compute` over fp32 weights."""
        return torch.autocast(self.torch.type, self.compute, enabled=self.compute != torch.float32)


def choose_device(wanted: str, precision: str = "auto") -> Device:
    """wanted: auto, cuda, mps, cpu; precision: auto, fp32, bf16. Raises `UserError` for what is not there."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted != "auto" and not available[wanted]:
        raise refuse(
            "execution.device",
            f"{wanted} is not available here",
            ", ".join(name for name, there in available.items() if there),
            "execution.device=auto",
        )
    kind = wanted if wanted != "auto" else next(name for name, there in available.items() if there)
    reason = (
        "as asked"
        if wanted != "auto"
        else {
            "cuda": "a CUDA device is there",
            "mps": "no CUDA device, but Apple's; not run by the project's own tests",
            "cpu": "no GPU is there",
        }[kind]
    )
    has_bf16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bf16" and kind == "cuda" and not has_bf16:
        raise refuse(
            "pretrain.precision",
            f"{torch.cuda.get_device_name()} does not compute in bf16",
            "fp32",
            "pretrain.precision=fp32",
        )
    compute = torch.bfloat16 if precision == "bf16" or (precision == "auto" and has_bf16) else torch.float32
    return Device(
        torch.device(kind), compute, f"{reason}; {str(compute).removeprefix('torch.')} compute, float32 weights"
    )
