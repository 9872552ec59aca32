"""Rows on their way through the model: numpy to device, and the loss of a part of a batch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from calame.model import attention as attention_
from calame.model.attention import Span, dense_span, document_edges
from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.model.loss import token_losses
from calame.shards.rows import Rows


class Data(Protocol):
    """What the loop trains on: rows as a pure function of the token position."""

    context: int
    masked: bool

    def batch(self, position: int, tokens: int) -> Rows: ...


class LossFunction:
    """nats per position of rows; the heart of training and of validation alike. attention: dense or varlen."""

    def __init__(self, model: Decoder, device: Device, masked: bool, attention: str, compiled: bool):
        self.model, self.device, self.masked, self.attention = model, device, masked, attention
        self.compiled = compiled
        self._forward = torch.compile(self._plain, dynamic=False) if compiled else self._plain
        self._room = 0  # edges that a batch has had; grows by doubling, so that shapes change a few times at most

    def __call__(self, rows: Rows) -> Tensor:
        """(rows x context,) fp32 losses, 0 where nothing is asked."""
        tokens, targets, positions = (self._send(a).long() for a in (rows.tokens, rows.targets, rows.positions))
        documents = edges = None
        if self.attention == "varlen":
            edges = self._send(self._edges(rows.positions))
        elif self.masked:
            documents = self._send(rows.documents)
        return self._forward(tokens, targets, positions, documents, edges)

    def _plain(
        self, tokens: Tensor, targets: Tensor, positions: Tensor, documents: Tensor | None, edges: Tensor | None
    ) -> Tensor:
        with self.device.autocast():
            span = dense_span(documents) if documents is not None else Span(edges=edges, longest=tokens.shape[1])
            hidden = self.model(tokens, positions, span)
            return token_losses(hidden.flatten(0, 1), self.model.head, targets.flatten())

    def _edges(self, positions: np.ndarray) -> np.ndarray:
        needed = int((positions == 0).sum()) + 1
        self._room = max(self._room, positions.size // 64)
        while self._room < needed:
            self._room *= 2
        return document_edges(positions, self._room)

    def _send(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.torch.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device.torch, non_blocking=True)


def choose_attention(device: Device, masked: bool) -> str:
    """varlen where the device has it, else the dense mask; they agree (tests/model/test_attention.py)."""
    fast = masked and device.torch.type == "cuda" and device.compute == torch.bfloat16
    return "varlen" if fast and attention_.varlen_attn is not None else "dense"
