"""Headless pretraining (contrastive weight tying, Godey et al. 2023, arXiv 2309.08351): a final state is held against
the input embeddings of the micro-batch's targets, so that there is no output head and there are no logits.

With o_i the final state at position i, v_j the input embedding of target y_j, and temperature 1:

    L_i = log(1 + sum over j of exp(o_i . v_j - o_i . v_{y_i}))

literal: j runs over all targets, as published: i's own, which counts twice (so no loss is below ln 2), and those that
equal it, which are false negatives. Otherwise j runs over the targets that differ from y_i, and 0 is the floor. Either
is about ln(targets + 1) at first: the value depends on the size of the micro-batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from calame.model.loss import IGNORE, positions_at_once

WIDTH = 4 * 4  # bytes of a score: fp32, and it exists as a product, as a difference, masked, and padded


def contrastive_losses(hidden: Tensor, embedding: Tensor, targets: Tensor, literal: bool = False) -> Tensor:
    """L_i in nats for each position, 0 where the target is IGNORE; such a target is nobody's negative either.

    hidden: (positions, hidden_size), of one micro-batch; embedding: (vocab_size, hidden_size), of the input; targets:
    (positions,) int64. Returns (positions,) fp32. Scores of all positions by all targets never exist at once: where
    there is more than one part, they are computed again in the backward pass.
    """
    vectors = F.embedding(targets.clamp(min=0), embedding).to(hidden.dtype)
    places, size = torch.arange(len(targets), device=targets.device), positions_at_once(vectors, WIDTH)
    if len(targets) <= size:
        return _losses(hidden, places, vectors, targets, literal)
    parts = zip(hidden.split(size), places.split(size), strict=True)
    found = [checkpoint(_losses, h, p, vectors, targets, literal, use_reentrant=False) for h, p in parts]
    return torch.cat(found)  # type: ignore[arg-type]


def _losses(hidden: Tensor, places: Tensor, vectors: Tensor, targets: Tensor, literal: bool) -> Tensor:
    """Those of the positions `places`, whose states `hidden` are; vectors and targets are the whole micro-batch's."""
    scores, wanted = (hidden @ vectors.T).float(), targets[places]
    left_out = targets == IGNORE
    if not literal:
        left_out = left_out | (targets == wanted[:, None])
    over = (scores - scores.gather(1, places[:, None])).masked_fill(left_out, float("-inf"))
    losses = F.pad(over, (1, 0)).logsumexp(1)  # the column of zeros is the 1 in the logarithm
    return torch.where(wanted != IGNORE, losses, torch.zeros_like(losses))
