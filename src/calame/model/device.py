"""The device and the precision, chosen aloud."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from calame.model.scaled_norm import SCALE
from calame.recipe.errors import refuse

COMPUTE = {  # what matrices are multiplied in
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "bf16-rounded": torch.bfloat16,
    "bf16-scaled": torch.bfloat16,
    "fp16": torch.float16,
    "fp8": torch.bfloat16,  # but for the matrices of the blocks: model/float8.py
}
HAS_TRITON = find_spec("triton") is not None  # torch for a CPU comes without
WEIGHTS = {"bf16-rounded": torch.bfloat16, "bf16-scaled": torch.bfloat16}  # what they are kept in, else fp32


@dataclass(frozen=True)
class Device:
    """Where to compute and with which precision (a key of `COMPUTE`), and why."""

    torch: torch.device
    precision: str
    reason: str

    @property
    def compute(self) -> torch.dtype:
        return COMPUTE[self.precision]

    @property
    def weights(self) -> torch.dtype:
        return WEIGHTS.get(self.precision, torch.float32)

    @property
    def norm_scale(self) -> float:
        """What stored norm gains are multiplied by."""
        return SCALE if self.precision == "bf16-scaled" else 1.0

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.torch) if self.torch.type == "cuda" else self.torch.type

    def autocast(self) -> torch.autocast:
        """Compute in `compute` over the weights as they are kept."""
        return torch.autocast(self.torch.type, self.compute, enabled=self.compute != torch.float32)


def choose_device(wanted: str, precision: str = "auto") -> Device:
    """wanted: auto, cuda, mps, cpu; precision: auto or one of `COMPUTE`. Raises `UserError` for what is not there."""
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
    if precision.startswith("bf16") and kind == "cuda" and not has_bf16:
        raise refuse(
            "pretrain.precision",
            f"{torch.cuda.get_device_name()} does not compute in bf16",
            "fp32, fp16",
            "pretrain.precision=fp16, or fp32 (slower)",
        )
    if precision == "fp8" and (kind == "mps" or (kind == "cuda" and torch.cuda.get_device_capability() < (8, 9))):
        raise refuse(
            "pretrain.precision",
            f"{torch.cuda.get_device_name() if kind == 'cuda' else kind} does not multiply in fp8",
            "a card of compute capability 8.9 or more (Ada, Hopper and newer)",
            "pretrain.precision=bf16",
        )
    if precision == "auto":
        precision = "bf16" if has_bf16 else "fp32"
    compute, weights = COMPUTE[precision], WEIGHTS.get(precision, torch.float32)
    types = [str(dtype).removeprefix("torch.") for dtype in (compute, weights)]
    reason = f"{reason}; {types[0]} compute, {types[1]} weights"
    if compute == torch.bfloat16 and not multiplies_bf16(torch.device(kind)):
        reason += "; this CPU has no bf16 products of its own: fp32 is many times faster"
    return Device(torch.device(kind), precision, reason)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether bf16 products are quick there: of CPUs on those that oneDNN has kernels for (AVX-512 and newer). Without
    them torch multiplies number by number."""
    if device.type != "cpu":
        return True
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def runs_triton(device: torch.device) -> bool:
    return device.type == "cuda" and HAS_TRITON


def kernels_on(device: torch.device) -> Any | None:
    """The module `model.kernels` where the device runs Triton, else None: the plain lines are taken."""
    if not runs_triton(device):
        return None
    from calame.model import kernels  # a compiler follows this, not a cache

    return kernels
