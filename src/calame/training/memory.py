"""Memory: activations that are computed again, a cap that rehearses a smaller card, and a dry run that finds out before
the first step whether a micro-batch fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.recipe.errors import UserError, refuse
from calame.run.progress import say
from calame.training.batch import Data, Objective
from calame.training.optimizer import Optimizers

SMALLER = (
    "execution.activation_checkpointing=full, pretrain.optimizer.state=int8, pretrain.precision=bf16-rounded, "
    "a shorter context or a smaller model"
)


def checkpoint_activations(model: Decoder, how: str) -> None:
    """none; selective: every second layer keeps its input alone and is computed again in the backward pass (Chen et
    al. 2016); full: every layer; light: norms alone, which saves memory where the model is compiled (the plain way
    keeps what goes into a map, computed again or not). Gradients are the same."""
    model.renew_norms(how == "light")
    every = {"selective": 2, "full": 1}.get(how)
    if every:

        def call(number: int, layer: nn.Module, *inputs: Any) -> Tensor:
            again = torch.is_grad_enabled() and number % every == 0
            return checkpoint(layer, *inputs, use_reentrant=False) if again else layer(*inputs)  # type: ignore[return-value]

        model.call_layer = call


def cap_memory(most: int | None, device: Device) -> None:
    """Let this process have at most so many bytes of the GPU. Raises `UserError` where there are not so many."""
    if most is None:
        return
    total = torch.cuda.get_device_properties(device.torch).total_memory if device.torch.type == "cuda" else 0
    if most > total:
        there = f"{total / 1e9:.1f} GB" if total else f"a {device.torch.type} device, whose memory cannot be capped"
        raise refuse(
            "execution.memory", f"{most / 1e9:g} GB of {there}", "at most the memory of a CUDA device", "leave it out"
        )
    torch.cuda.set_per_process_memory_fraction(most / total)
    say(f"  memory: at most {most / 1e9:g} of {total / 1e9:.1f} GB")


def fitting_micro_batch(candidates: list[int], attempt: Callable[[int], None]) -> int:
    """The largest of `candidates` (tokens) that an attempt passes through without running out of memory.

    From the largest downwards, by halves: it is the size that the device digests best, and each size that is tried is
    compiled anew. Raises `UserError` if not even the smallest fits.
    """
    sizes = sorted(candidates, reverse=True)
    while True:
        try:
            attempt(sizes[0])
        except torch.OutOfMemoryError:
            smaller = [size for size in sizes if size <= sizes[0] // 2] or sizes[1:]
            say(f"  micro-batch: {sizes[0]:,} tokens do not fit into memory")
            if not smaller:
                raise out_of_memory(sizes[0]) from None
            sizes = smaller
        else:
            return sizes[0]


def out_of_memory(tokens: int) -> UserError:
    return refuse(
        "execution.micro_batch",
        f"out of memory with {tokens:,} tokens at once, before the first step",
        "what fits into the device's memory, or into execution.memory",
        f"leave execution.micro_batch out; where one row does not fit: {SMALLER}",
    )


class DryRun:
    """A forward and a backward pass of a part of the first batch, beside all that will be there in a step.

    Weights and random state stay as they are. The optimizer's moments, which come with its first step, are held open.
    """

    def __init__(self, model: Decoder, device: Device, loss: Objective, data: Data, optimizer: Optimizers):
        self.model, self.device, self.loss, self.data = model, device, loss, data
        self.moments, self.peak = optimizer.moment_bytes(), 0

    def __call__(self, tokens: int) -> None:
        """Raises `torch.OutOfMemoryError`."""
        held = None
        if self._cuda:
            torch.cuda.reset_peak_memory_stats(self.device.torch)
        random = torch.get_rng_state(), torch.cuda.get_rng_state() if self._cuda else None
        try:
            held = torch.empty(self.moments, dtype=torch.uint8, device=self.device.torch)
            for _ in range(2):  # in the second pass there are gradients to be added to, as in all but one of a step
                self.loss.total(self.data.batch(0, tokens)).backward()
        finally:
            del held
            for parameter in self.model.parameters():
                parameter.grad = None
            torch.set_rng_state(random[0])
            if random[1] is not None:
                torch.cuda.set_rng_state(random[1])
                self.peak = torch.cuda.max_memory_allocated(self.device.torch)
                torch.cuda.empty_cache()

    @property
    def _cuda(self) -> bool:
        return self.device.torch.type == "cuda"

    def describe(self) -> str:
        """The peak in words, for a run on a GPU."""
        return f"; dry run: at most {self.peak / 2**30:.2f} GiB, of them {self.moments / 2**30:.2f} for moments"
