"""Cross-entropy in fp32, a part of the positions at a time, so that the logits of a whole batch never exist at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

IGNORE = -100
CHUNK_BYTES = 256 << 20  # of fp32 logits that may exist at once


def token_losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """-log p(target) in nats for each position, 0 where the target is IGNORE.

    hidden: (positions, hidden_size); head: (vocab_size, hidden_size); targets: (positions,) int64.
    Returns (positions,) fp32. Logits are computed again in the backward pass where there is more than one part.
    """
    size = max(1, CHUNK_BYTES // (4 * head.shape[0]))
    if hidden.shape[0] <= size:
        return _losses(hidden, head, targets)
    parts = zip(hidden.split(size), targets.split(size), strict=True)
    return torch.cat([checkpoint(_losses, h, head, t, use_reentrant=False) for h, t in parts])  # type: ignore[misc]


def _losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    logits = (hidden @ head.to(hidden.dtype).T).float()
    return F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="none")
