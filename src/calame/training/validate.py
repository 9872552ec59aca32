"""Loss in nats a token and in bits a byte, document by document, on text that was never trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from calame.recipe.slices import OOD, Mixed, mixed_weights
from calame.shards.rows import IGNORE, Rows
from calame.training.batch import LossFunction
from calame.training.parallel import Team
from calame.training.slices import Slice

ALONE = Team()
NATS, TEXT_NATS, TOKENS, BYTES = range(4)  # columns


@dataclass(frozen=True)
class Loss:
    """loss: nats a predicted token, ends of documents included. bpb: bits a byte of text, ends left out."""

    loss: float
    bpb: float
    tokens: int

    @staticmethod
    def of(sums: np.ndarray) -> Loss:
        """sums: (4,) NATS, TEXT_NATS, TOKENS, BYTES."""
        loss, bpb = rates(sums)
        return Loss(float(loss), float(bpb), int(sums[TOKENS]))


def rates(sums: np.ndarray) -> np.ndarray:
    """(..., 4) sums -> (..., 2) nats a token and bits a byte."""
    loss = sums[..., NATS] / np.maximum(sums[..., TOKENS], 1)
    return np.stack([loss, sums[..., TEXT_NATS] / math.log(2) / np.maximum(sums[..., BYTES], 1)], -1)


ByDocument = Mapping[str, np.ndarray]
"""What was measured, by slice: (documents, 4) NATS, TEXT_NATS (ends of documents left out), TOKENS, BYTES."""


@torch.no_grad()
def validate(
    loss: LossFunction,
    slices: Sequence[Slice],
    rows_at_once: int,
    done: Callable[[int], object] = lambda tokens: None,
    team: Team = ALONE,
) -> dict[str, np.ndarray]:
    """Each slice's documents, as ByDocument. `done` is told how many tokens have been asked for since it was last told.
    The processes of a team read their turns."""
    loss.model.eval()
    found = {}
    for part in slices:
        sums = np.zeros((len(part.bytes), 4))
        for turn in range(0, len(part.windows), rows_at_once * team.size):  # as many turns in every process
            start = turn + team.rank * rows_at_once
            rows = _filled(part.windows.rows[start : start + rows_at_once], rows_at_once)
            losses = loss(rows).double().cpu().numpy().reshape(rows.targets.shape)
            owners = part.windows.owners[start : start + rows_at_once]
            done(_add(sums, losses[: len(owners)], rows.targets[: len(owners)], owners, part.eos))
        sums = team.sum(torch.from_numpy(sums)).numpy()
        sums[:, BYTES] = part.bytes
        found[part.name] = sums
    loss.model.train()
    return found


def _add(sums: np.ndarray, losses: np.ndarray, targets: np.ndarray, owners: np.ndarray, eos: int) -> int:
    """Add the losses of rows to the documents that they are of; returns how many tokens were asked for."""
    asked = owners >= 0
    nats, document, of_text = losses[asked], owners[asked], targets[asked] != eos
    for column, values in ((NATS, nats), (TEXT_NATS, nats * of_text), (TOKENS, np.ones_like(nats))):
        sums[:, column] += np.bincount(document, values, len(sums))
    return len(nats)


def _filled(rows: Rows, number: int) -> Rows:
    """Rows made up to a fixed number with rows that ask nothing: one shape for the compiler."""
    missing = number - len(rows)
    if missing <= 0:
        return rows
    context = rows.tokens.shape[1]
    empty = np.zeros((missing, context), np.int32)
    return Rows.join([rows, Rows(empty, empty + IGNORE, empty, empty + np.arange(context, dtype=np.int32))])


def summed_up(found: ByDocument, mixed: Mixed = "even") -> dict[str, Loss]:
    """`mixed`: the slices' mean by their weights; `micro`: over all tokens alike; and each slice. What is out of domain
    is in neither of the two."""
    slices = {name: Loss.of(sums.sum(0)) for name, sums in found.items()}
    inside = [sums.sum(0) for name, sums in found.items() if not name.startswith(OOD)]
    micro = Loss.of(np.sum(inside, 0))
    return {"mixed": _mixed(slices, mixed) or micro, "micro": micro, **slices}


def _mixed(slices: Mapping[str, Loss], mixed: Mixed) -> Loss | None:
    weights = mixed_weights(slices, mixed)
    if weights is None:
        return None
    loss = sum(weight * slices[name].loss for name, weight in weights.items())
    bpb = sum(weight * slices[name].bpb for name, weight in weights.items())
    return Loss(loss, bpb, sum(slices[name].tokens for name in weights))
