"""Loss in nats a token and in bits a byte, slice by slice, on text that was never trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from calame.shards.read import Shard
from calame.shards.rows import IGNORE, Rows, lay_out
from calame.training.batch import LossFunction
from calame.training.parallel import Team

ALONE = Team()


@dataclass(frozen=True)
class Slice:
    """Whole validation documents of one (language x source), laid out in rows.

    `bytes`: UTF-8 bytes of their text; `eos`: the id whose prediction is not a byte of any text.
    """

    name: str
    rows: Rows
    bytes: int
    documents: int
    eos: int


@dataclass(frozen=True)
class SliceLoss:
    """loss: nats a predicted token, ends of documents included. bpb: bits a byte of text, ends left out."""

    loss: float
    bpb: float
    tokens: int


def slices_of(shards: Sequence[Shard], context: int, eos: int, pad: int, tokens: int | None = None) -> list[Slice]:
    """The validation slices LANGUAGE-SOURCE: all documents, or as many as reach `tokens`, in the order of their hashes
    (neighbours in a source are alike)."""
    found = []
    for shard in shards:
        for code, language in enumerate(shard.languages):
            chosen = np.flatnonzero(shard.index["language"] == code)
            if tokens is not None:
                hashes = np.ascontiguousarray(shard.index["hash"][chosen]).view("<u8")[::2]  # its first half is enough
                chosen = chosen[np.argsort(hashes, kind="stable")]
                reached = np.cumsum(np.diff(shard.starts)[chosen])
                chosen = chosen[: int(np.searchsorted(reached, tokens)) + 1]
            lengths = np.diff(shard.starts)[chosen]
            if len(chosen):
                rows = _rows(shard, chosen, lengths, context, pad)
                size = int(shard.index["bytes"][chosen].sum(dtype=np.uint64))
                found.append(Slice(f"{language}-{shard.name}", rows, size, len(chosen), eos))
    return found


def _rows(shard: Shard, chosen: np.ndarray, lengths: np.ndarray, context: int, pad: int) -> Rows:
    stream = np.concatenate([np.asarray(shard.tokens[shard.starts[d] : shard.starts[d + 1]]) for d in chosen])
    rest = -len(stream) % context
    if rest:  # the last row is filled up with a document of nothing
        stream, lengths = np.append(stream, np.full(rest, pad, stream.dtype)), np.append(lengths, rest)
    rows = lay_out(stream, lengths, context, masked=True)
    if rest:
        rows.targets[-1, -rest:] = IGNORE
    return rows


@torch.no_grad()
def validate(
    loss: LossFunction,
    slices: Sequence[Slice],
    rows_at_once: int,
    done: Callable[[int], object] = lambda tokens: None,
    team: Team = ALONE,
) -> dict[str, SliceLoss]:
    """Each slice's loss; `mixed`: the mean over languages of the mean over their slices; `micro`: over all tokens.

    `done` is told how many tokens have been read since it was last told. The processes of a team read their turns."""
    loss.model.eval()
    found, sums = {}, []
    for part in slices:
        nats = ends = asked = 0.0
        for turn in range(0, len(part.rows), rows_at_once * team.size):  # as many turns in every process
            start = turn + team.rank * rows_at_once
            rows = _filled(part.rows[start : start + rows_at_once], rows_at_once)
            losses = loss(rows).double().cpu().numpy()
            targets = rows.targets.reshape(-1)
            nats += losses.sum()
            ends += losses[targets == part.eos].sum()
            asked += (targets != IGNORE).sum()
            done(int((targets != IGNORE).sum()))
        nats, ends, asked = team.sum(torch.tensor([nats, ends, asked], dtype=torch.float64)).tolist()
        found[part.name] = SliceLoss(nats / max(asked, 1), (nats - ends) / math.log(2) / part.bytes, int(asked))
        sums.append((nats, ends, asked, part.bytes))
    loss.model.train()
    nats, ends, asked, size = (sum(column) for column in zip(*sums, strict=True))
    return {
        "mixed": _mixed(found),
        "micro": SliceLoss(nats / asked, (nats - ends) / math.log(2) / size, int(asked)),
        **found,
    }


def _filled(rows: Rows, number: int) -> Rows:
    """Rows made up to a fixed number with rows that ask nothing: one shape for the compiler."""
    missing = number - len(rows)
    if missing <= 0:
        return rows
    context = rows.tokens.shape[1]
    empty = np.zeros((missing, context), np.int32)
    return Rows.join([rows, Rows(empty, empty + IGNORE, empty, empty + np.arange(context, dtype=np.int32))])


def _mixed(slices: Mapping[str, SliceLoss]) -> SliceLoss:
    """Equal weight for each language, then for each of its slices."""
    languages: dict[str, list[SliceLoss]] = {}
    for name, found in slices.items():
        languages.setdefault(name.split("-")[0], []).append(found)
    means = [(np.mean([s.loss for s in part]), np.mean([s.bpb for s in part])) for part in languages.values()]
    loss, bpb = (float(np.mean(column)) for column in zip(*means, strict=True))
    return SliceLoss(loss, bpb, sum(s.tokens for s in slices.values()))
