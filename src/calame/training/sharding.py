"""How a model's state lies over the processes, such that they train together what one would train alone.

Whole       one process.
Replicated  (ddp) each process has all of it; gradients are summed.
Sharded     (fsdp, hybrid) matrices lie in parts over the processes (FSDP2, `fully_shard`) and are gathered where they
            are used; norms and biases, a few thousand numbers, are replicated and stay fp32 as under autocast.
            hybrid: in parts within a machine, replicated over machines.

Sums, not means: the loss is already divided by the targets of the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.training.parallel import Team

BUCKET = 16 << 20  # numbers that are summed at once: 64 MiB of fp32


class Whole:
    """The model in one process; what the others do differently is in their own methods."""

    def __init__(self, model: Decoder):
        self.model = model

    def begin(self, last: bool) -> None:
        """Before each micro-batch; `last` of its step: only then are gradients summed."""

    def finish(self) -> None:
        """After the last backward pass of a step: from here on every gradient is the whole batch's."""

    def clip(self, most: float) -> Tensor:
        """Scale the whole gradient down to norm `most`; returns the norm it had."""
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), most)

    def norm(self) -> Tensor | None:
        """The norm of the whole gradient, or None where `clip` alone knows it."""
        return torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])

    def settle(self) -> None:
        """After the model was used without a backward pass: its parameters are those of the optimizer again."""

    def collect(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named tensors of the model or the optimizer, each in full, for a checkpoint that knows of no processes."""
        return dict(tensors)

    def place(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A checkpoint's tensors as they lie here: the reverse of `collect`."""
        return dict(tensors)


class Replicated(Whole):
    """Gradients are summed bucket by bucket while the backward pass goes on.

    Not torch's DDP: the loss uses the head outside of the model's forward, and hooks of our own need neither its
    wrapper nor its names. Summing and overlapping is all of it that is used: `GradientSums`.
    """

    def __init__(self, model: Decoder, team: Team):
        super().__init__(model)
        self.gradients = GradientSums(list(model.parameters()))

    def begin(self, last: bool) -> None:
        self.gradients.begin(last)

    def finish(self) -> None:
        self.gradients.finish()


class GradientSums:
    """Sums in fp32 over all processes of the gradients of `parameters`, which each process holds whole."""

    def __init__(self, parameters: Sequence[nn.Parameter]):
        self.buckets = _buckets([p for p in parameters if p.requires_grad][::-1])  # as the backward pass finds them
        self.number = {p: number for number, bucket in enumerate(self.buckets) for p in bucket}
        for parameter in self.number:
            parameter.register_post_accumulate_grad_hook(self._ready)
        self.begin(False)

    def begin(self, last: bool) -> None:
        self.last, self.started = last, 0
        self.missing = [len(bucket) for bucket in self.buckets]
        self.works: list[tuple[Any, Tensor]] = []

    def _ready(self, parameter: Tensor) -> None:
        if not self.last:
            return
        self.missing[self.number[parameter]] -= 1  # type: ignore[index]
        while self.started < len(self.buckets) and not self.missing[self.started]:
            self._start()  # strictly one after the other: the same order in every process

    def _start(self) -> None:
        bucket = self.buckets[self.started]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten().float() for p in bucket])
        self.works.append((dist.all_reduce(flat, async_op=True), flat))
        self.started += 1

    def finish(self) -> None:
        """Wait for the sums; they become the gradients."""
        while self.started < len(self.buckets):  # parameters that had no part in the loss
            self._start()
        for bucket, (work, flat) in zip(self.buckets, self.works, strict=True):
            work.wait()
            for parameter, part in zip(bucket, flat.split([p.numel() for p in bucket]), strict=True):
                parameter.grad = part.view_as(parameter).to(parameter.dtype)
        self.begin(False)


def _buckets(parameters: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    found: list[list[nn.Parameter]] = []
    room = 0
    for parameter in parameters:
        if room < parameter.numel():
            found.append([])
            room = BUCKET
        found[-1].append(parameter)
        room -= parameter.numel()
    return found


class Sharded(Whole):
    """FSDP2 by block and for the rest; fp32 parts, gathered for the blocks in the precision that computes, summed fp32.

    The rest (embeddings, head) is gathered in fp32, since autocast reads it so, and stays until the backward pass: the
    loss uses the head after the model's forward.
    """

    def __init__(self, model: Decoder, team: Team, device: Device):
        super().__init__(model)
        self.team = team
        kind = device.torch.type
        if team.mode == "hybrid":
            shape = (team.size // team.local, team.local)
            mesh = init_device_mesh(kind, shape, mesh_dim_names=("replicate", "shard"))
        else:
            mesh = init_device_mesh(kind, (team.size,), mesh_dim_names=("shard",))
        self.parts = mesh.get_group("shard")
        small = {p for p in model.parameters() if p.dim() < 2}
        compute = device.compute if device.compute != torch.float32 else None
        for_blocks = MixedPrecisionPolicy(compute, torch.float32, cast_forward_inputs=False)
        for_rest = MixedPrecisionPolicy(None, torch.float32, cast_forward_inputs=False)
        for layer in model.layers:
            fully_shard(layer, mesh=mesh, mp_policy=for_blocks, ignored_params=small)
        self.root = fully_shard(model, mesh=mesh, mp_policy=for_rest, ignored_params=small, reshard_after_forward=False)
        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)
                module.set_force_sum_reduction_for_comms(True)  # gloo knows no other; exact on both
        self.gradients = GradientSums([p for p in model.parameters() if not isinstance(p, DTensor)])

    def begin(self, last: bool) -> None:
        self.root.set_requires_gradient_sync(last)
        self.gradients.begin(last)

    def finish(self) -> None:
        self.gradients.finish()

    def clip(self, most: float) -> Tensor:
        given = [p.grad for p in self.model.parameters() if p.grad is not None]
        parts = [grad.to_local() for grad in given if isinstance(grad, DTensor)]
        whole = [grad for grad in given if not isinstance(grad, DTensor)]
        square = torch.nn.utils.get_total_norm(parts).square()
        dist.all_reduce(square, group=self.parts)
        norm = (square + torch.nn.utils.get_total_norm(whole).square()).sqrt()
        torch._foreach_mul_(parts + whole, (most / (norm + 1e-6)).clamp(max=1.0))  # type: ignore[attr-defined]
        return norm  # as torch's clip_grad_norm_ has it

    def norm(self) -> None:
        return None

    def settle(self) -> None:
        self.root.reshard()

    def collect(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """In the chief, on the CPU, one after the other: no card holds more than one in full. Nothing elsewhere."""
        found = {}
        for name, tensor in tensors.items():
            full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            if self.team.chief:
                found[name] = full.detach().cpu()
        return found

    def place(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parameters = dict(self.model.named_parameters())
        owners = {name: parameters[name if name in parameters else name.rpartition("/")[0]] for name in tensors}
        return {name: _like(owners[name], tensor) for name, tensor in tensors.items()}


def _like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A full tensor as the parameter lies, where it has its shape; every process has read the same file."""
    if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
        return tensor
    full = tensor.to(parameter.device)
    return distribute_tensor(full, parameter.device_mesh, parameter.placements, src_data_rank=None)


def spread(model: Decoder, team: Team, device: Device) -> Whole:
    """Lay the model's state over the processes of the team, in the team's mode."""
    if team.size == 1:
        return Whole(model)
    return Replicated(model, team) if team.mode == "ddp" else Sharded(model, team, device)


def compile_layers(model: Decoder) -> None:
    """Compile each layer by itself: what travels between processes does so between layers, beside the arithmetic."""
    for layer in model.layers:
        if "forward" not in vars(layer):  # once, however many losses are taken of the model
            layer.forward = torch.compile(layer.forward, dynamic=False)  # what it computes, not FSDP's hooks around it
