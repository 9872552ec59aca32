"""Causal attention over documents, behind one function.

The plain twin is scaled-dot-product attention with a dense mask: it runs everywhere and is what the other is tested
against. On a CUDA device rows are joined and cut at documents by `varlen_attn` (flash attention with sequence edges).
Which flash attention that is, torch's or a newer one that is installed, `take_newer_flash` says.
A weaker backend is slower, never another function.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from calame.model import flash4

try:
    from torch.nn.attention import varlen

    varlen_attn: Any = varlen.varlen_attn
    # torch 2.11 says `is_causal`, later versions a window without a future.
    _windowed = "window_size" in inspect.signature(varlen_attn).parameters
    CAUSAL: dict[str, Any] = {"window_size": (-1, 0)} if _windowed else {"is_causal": True}
    _groups = "enable_gqa" in inspect.signature(varlen_attn).parameters  # torch 2.11 may not know it
    GROUPED: dict[str, Any] = {"enable_gqa": True} if _groups else {}
except ImportError:
    varlen_attn, CAUSAL, GROUPED = None, {}, {}


NEWER = {"FA4": flash4.PACKAGE, "FA3": "flash_attn_interface"}  # flash attention's own packages, the newest first
_flash4_taken = False  # by this process


def take_newer_flash(device: torch.device, head_dim: int, heads: int, groups: int) -> str | None:
    """Let flash attention 4 or 3 take the place of the one that torch brings (2), where it is installed and the card is
    one of its (Hopper, Blackwell). Returns which, or None; one that does not run is passed over with a warning. For the
    whole process."""
    global _flash4_taken
    _flash4_taken = False
    if device.type != "cuda" or torch.cuda.get_device_capability(device)[0] not in (9, 10):
        return None
    for name, package in NEWER.items():
        if _is_there(package):
            try:
                if name == "FA4":
                    flash4.try_out(device, head_dim, heads, groups)
                    _flash4_taken = True
                else:
                    torch.nn.attention.activate_flash_attention_impl(name)
                    torch.backends.cuda.enable_cudnn_sdp(False)  # it would be asked first
                return name
            except Exception as error:  # whatever a package raises that does not fit this torch, driver or card
                what = f"{package} is installed but does not run ({type(error).__name__}: {error})"
                warnings.warn(f"{what}; torch's own is used", stacklevel=2)
    return None


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor is the package that it is in
        return False


@dataclass(frozen=True)
class Span:
    """Who may attend to whom in a batch of rows.

    mask: (batch, 1, time, time) bool, or None where plain causality is enough.
    edges: (documents + 1,) int32 offsets into the joined rows, or None where the dense mask is used.
    longest: most tokens between two edges.
    """

    mask: Tensor | None = None
    edges: Tensor | None = None
    longest: int = 0


def dense_span(documents: Tensor) -> Span:
    """documents: (batch, time) integers; equal ones in a row may attend to each other, causally."""
    time = documents.shape[1]
    causal = torch.ones(time, time, dtype=torch.bool, device=documents.device).tril()
    return Span((documents[:, :, None] == documents[:, None, :])[:, None] & causal)


def document_edges(positions: np.ndarray, room: int) -> np.ndarray:
    """Where documents begin in the joined rows, and the end, filled up to `room` edges with empty documents, so that
    every batch has one shape. positions: (batch, time), 0 at each beginning. Returns (at least room,) int32."""
    starts = np.flatnonzero(positions.reshape(-1) == 0).astype(np.int32)
    return np.concatenate([starts, np.full(max(1, room - len(starts)), positions.size, np.int32)])


def attend(query: Tensor, key: Tensor, value: Tensor, span: Span, dropout: float = 0.0) -> Tensor:
    """query: (batch, heads, time, head_dim); key, value: (batch, kv heads, time, head_dim), kv heads dividing heads.
    dropout: share of the attention weights left out, on the plain way only. Returns (batch, heads, time, head_dim)."""
    if _flash4_taken and span.mask is None and not dropout and _fits_flash4(query, key):
        return _attend_flash4(query, key, value, span)
    if span.edges is not None:
        assert not dropout, "attention over joined rows has no dropout"
        return _attend_varlen(query, key, value, span)
    grouped = query.shape[1] != key.shape[1]
    if grouped and span.mask is not None and query.is_cuda and query.shape[2] > 1 and not torch.is_grad_enabled():
        # The kernels that take a mask know no groups; without them all scores are written to memory.
        key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
        grouped = False
    causal = span.mask is None and query.shape[2] > 1
    return F.scaled_dot_product_attention(query, key, value, span.mask, dropout, causal, enable_gqa=grouped)


def _attend_varlen(query: Tensor, key: Tensor, value: Tensor, span: Span) -> Tensor:
    batch, heads, time, size = query.shape
    repeat = heads // key.shape[1]
    flat = [x.transpose(1, 2).reshape(batch * time, x.shape[1], size) for x in (query, key, value)]
    if repeat > 1 and not GROUPED:
        flat[1:] = [x.repeat_interleave(repeat, dim=1) for x in flat[1:]]
    out = varlen_attn(
        *flat, span.edges, span.edges, span.longest, span.longest, **CAUSAL, **(GROUPED if repeat > 1 else {})
    )
    return out.view(batch, time, heads, size).transpose(1, 2)


def _fits_flash4(query: Tensor, key: Tensor) -> bool:
    """Rows of one length that are trained on, in 16 bits; one token against a cache is another matter."""
    return query.is_cuda and query.dtype in flash4.KINDS and query.shape[2] == key.shape[2] > 1


def _attend_flash4(query: Tensor, key: Tensor, value: Tensor, span: Span) -> Tensor:
    parts = [x.transpose(1, 2) for x in (query, key, value)]
    if span.edges is None:
        return flash4.flash4(*parts, None, 0)[0].transpose(1, 2)
    flat = [x.flatten(0, 1) for x in parts]
    out = flash4.flash4(*flat, span.edges, span.longest)[0]
    return out.view(parts[0].shape).transpose(1, 2)
