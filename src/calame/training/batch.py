"""Rows on their way through the model: numpy to device, and the loss of a part of a batch."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from calame.model import attention as attention_
from calame.model.attention import Span, dense_span, document_edges
from calame.model.contrast import contrastive_losses
from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.model.loss import token_losses, total_loss
from calame.recipe.objective import LITERAL, NEXT_TOKEN
from calame.shards.rows import IGNORE, Rows

ROOM = 64  # edges: the room for them is a multiple

Inputs = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]


class Data(Protocol):
    """What the loop trains on: rows as a pure function of the token position."""

    context: int
    masked: bool

    def batch(self, position: int, tokens: int) -> Rows: ...


class Objective(Protocol):
    """What the loop lowers: a sum over rows, divided by what it counts in the rows of a whole step.

    compiled: whether by torch.compile."""

    model: Decoder
    compiled: bool

    def count(self, rows: Rows) -> int: ...

    def total(self, rows: Rows) -> Tensor: ...


class LossFunction:
    """The loss of rows; the heart of training and of validation alike.

    attention: dense or varlen. compiled: by torch.compile. fast: joined maps and a loss whose gradient is worked out
    along with it; off, both are their plain twins. smoothing: of the labels, in training only. objective: what is
    lowered in training, `pretrain.objective`; a headless one sums over the positions of the rows given, each held
    against the others, and has no other way than the plain one.
    """

    def __init__(
        self,
        model: Decoder,
        device: Device,
        masked: bool,
        attention: str,
        compiled: bool,
        fast: bool = False,
        smoothing: float = 0.0,
        objective: str = NEXT_TOKEN,
    ):
        self.model, self.device, self.masked, self.attention = model, device, masked, attention
        self.compiled = compiled
        self.fast, self.smoothing, self.objective = fast, smoothing, objective
        model.join(fast)
        self._each, self._sum = (
            torch.compile(f, dynamic=False) if compiled else f for f in (self._losses, self._total)
        )
        self._room = 0  # edges that a batch has; grows by half, so that shapes change a few times at most

    def __call__(self, rows: Rows) -> Tensor:
        """(rows x context,) fp32 losses in nats, 0 where nothing is asked."""
        return self._each(*self.inputs(rows))

    def count(self, rows: Rows) -> int:
        """Targets: what the mean of the losses is over."""
        return int((rows.targets != IGNORE).sum())

    def total(self, rows: Rows) -> Tensor:
        """What training lowers: the sum of the losses, a scalar in fp32."""
        return self.total_of(self.inputs(rows))

    def total_of(self, inputs: Inputs) -> Tensor:
        return self._sum(*inputs)

    def inputs(self, rows: Rows) -> Inputs:
        """Rows on the device: tokens, targets, positions; documents or edges, as the attention wants it."""
        tokens, targets, positions = (self._send(a).long() for a in (rows.tokens, rows.targets, rows.positions))
        documents = edges = None
        if self.attention == "varlen":
            edges = self._send(self._edges(rows.positions))
        elif self.masked:
            documents = self._send(rows.documents)
        return tokens, targets, positions, documents, edges

    def states(self, rows: Rows) -> Tensor:
        """(rows x context, hidden_size) final states, not compiled."""
        tokens, _, positions, *where = self.inputs(rows)
        with self.device.autocast():
            return self._states(tokens, positions, *where)

    def _losses(self, tokens: Tensor, targets: Tensor, positions: Tensor, *where: Tensor | None) -> Tensor:
        with self.device.autocast():
            return token_losses(self._states(tokens, positions, *where), self.model.head, targets.flatten())

    def _total(self, tokens: Tensor, targets: Tensor, positions: Tensor, *where: Tensor | None) -> Tensor:
        with self.device.autocast():
            states, wanted = self._states(tokens, positions, *where), targets.flatten()
            if self.objective != NEXT_TOKEN:
                vectors = self.model.embed_tokens.weight
                return contrastive_losses(states, vectors, wanted, self.objective == LITERAL).sum()
            if self.fast:
                return total_loss(states, self.model.head, wanted, self.smoothing)
            return token_losses(states, self.model.head, wanted, self.smoothing).sum()

    def _states(self, tokens: Tensor, positions: Tensor, documents: Tensor | None, edges: Tensor | None) -> Tensor:
        """(rows x context, hidden_size)"""
        span = dense_span(documents) if documents is not None else Span(edges=edges, longest=tokens.shape[1])
        return self.model(tokens, positions, span).flatten(0, 1)

    def _edges(self, positions: np.ndarray) -> np.ndarray:
        needed = int((positions == 0).sum()) + 1
        if self._room < needed:  # with room to spare, but not much: the kernels visit empty documents too
            self._room = ROOM * math.ceil(1.5 * needed / ROOM)
        return document_edges(positions, self._room)

    def _send(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.torch.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device.torch, non_blocking=True)


def choose_attention(device: Device, masked: bool, dropout: bool = False) -> str:
    """varlen where the device has it, else the dense mask; they agree (tests/model/test_attention.py).
    dropout: some weights of attention are left out, which only the dense way does."""
    fast = masked and not dropout and device.torch.type == "cuda" and device.compute == torch.bfloat16
    return "varlen" if fast and attention_.varlen_attn is not None else "dense"
