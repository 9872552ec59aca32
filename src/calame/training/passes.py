"""Forward and backward of a part of a batch: plainly, or as one CUDA graph that is replayed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from calame.shards.rows import Rows
from calame.training.batch import Inputs, LossFunction, Objective
from calame.training.scaler import LossScaler

WARM = 2  # passes before a capture: compilers and libraries choose their kernels in them


class Passes:
    """Gradients add up in the parameters."""

    def __init__(self, loss: Objective, scaler: LossScaler):
        self.loss, self.scaler = loss, scaler

    def __call__(self, part: Rows, targets: int) -> Tensor:
        """The part's share of the loss, a scalar: its sum by what the loss counts in the whole batch (`targets`)."""
        loss = self.loss.total(part) / targets
        self.scaler.scale(loss).backward()
        return loss.detach()


class GraphedPasses(Passes):
    """The launches of a pass, recorded once and replayed: what a small model loses between its kernels is saved.

    A graph reads and writes the same memory at each replay. So rows are copied into the inputs that it was recorded
    with, and the gradients are always the same tensors, which come back after they were set to None: the first part of
    a batch writes over them (`first`), the others add to them (`adding`). Rows of another shape are recorded anew.
    """

    def __init__(self, loss: Objective, scaler: LossScaler):
        super().__init__(loss, scaler)
        assert isinstance(loss, LossFunction), "the graph of another objective is not recorded"
        self.loss: LossFunction = loss
        assert not scaler.on, "the factor of fp16 changes from step to step"
        self.parameters = [p for p in loss.model.parameters() if p.requires_grad]
        self.shapes: list[Any] = []

    def __call__(self, part: Rows, targets: int) -> Tensor:
        inputs = self.loss.inputs(part)
        shapes = [x.shape if x is not None else None for x in inputs]
        begins = all(p.grad is None for p in self.parameters)
        if shapes != self.shapes:
            if not begins:  # what was added up so far must stay: recorded with the next batch
                return super().__call__(part, targets)
            self._record(inputs, targets)
            self.shapes = shapes
        self._fill(inputs, targets)
        if not begins:
            return self._add()
        self.first.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return self.total.clone()

    def _add(self) -> Tensor:
        if self.adding is None:
            self.adding = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.adding, pool=self.first.pool()):
                self.added = self._pass()
        self.adding.replay()
        return self.added.clone()

    def _fill(self, inputs: Inputs, targets: int) -> None:
        for own, given in zip(self.inputs, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self.targets.fill_(targets)

    def _pass(self) -> Tensor:
        loss = self.loss.total_of(self.inputs) / self.targets
        loss.backward()
        return loss.detach()

    def _record(self, inputs: Inputs, targets: int) -> None:
        self.inputs: Inputs = tuple(x.clone() if x is not None else None for x in inputs)  # type: ignore[assignment]
        self.targets = torch.full((), float(targets), device=inputs[0].device)
        self.gradients, self.adding = [], None  # those of another shape are given up first
        random, stream = torch.cuda.get_rng_state(), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM):
                self._pass()
                self._forget()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.set_rng_state(random)
        self.first = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.first):
            self.total = self._pass()
        self.gradients = [p.grad for p in self.parameters]
        self._forget()

    def _forget(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None
