"""Documents in rows of their own, as Klovis cut them: against its own way, written down plainly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark
from torch.nn.functional import cross_entropy

from builders import cpu, decoder_of, fake_shard
from calame.shards.chunks import ChunkLoader
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.shards.read import Shard
from calame.shards.rows import IGNORE, lay_out_chunks
from calame.training.batch import LossFunction

CONTEXT, PAD = 16, 5


def shards_of(first: int = 20_000, vocabulary: int = 60_000) -> list[Shard]:
    draw = np.random.default_rng(0)
    return [
        fake_shard("a", draw.integers(1, 60, 150).tolist(), first=10, vocabulary=vocabulary),
        fake_shard("b", draw.integers(1, 60, 80).tolist(), first=first, vocabulary=vocabulary),
    ]


def places(shard: Shard) -> int:
    """Tokens that its documents take in whole rows."""
    return sum(shard.tokens_by_language(CONTEXT).values())


def loader_of(shards: list[Shard], epochs: float = 1, seed: int = 1) -> ChunkLoader:
    sizes = {shard.name: places(shard) for shard in shards}
    return ChunkLoader(
        shards, Mixture(sizes, [Phase({"a": 0.6, "b": 0.4}, epochs)], CONTEXT, CONTEXT), CONTEXT, PAD, seed
    )


def as_klovis_does(document: list[int]) -> list[tuple[list[int], list[int]]]:
    """Chunks of a block, x = t[:-1], y = t[1:], padded on the right; padding is ignored by the loss."""
    chunks = [document[start : start + CONTEXT] for start in range(0, len(document), CONTEXT)]
    padded = [(c[:-1] + [PAD] * (CONTEXT - len(c)), c[1:] + [IGNORE] * (CONTEXT - len(c))) for c in chunks]
    assert all(len(x) == len(y) == CONTEXT - 1 for x, y in padded)
    return padded


def documents_of(shard: Shard) -> list[list[int]]:
    return [shard.tokens[a:b].tolist() for a, b in zip(shard.starts, shard.starts[1:], strict=False)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_rows_are_the_chunks_of_klovis(lengths: list[int]) -> None:
    """Its x and y in our row's first places. In the last place stands what it leaves out of x, and nothing is asked."""
    tokens = 100 + np.arange(sum(lengths))
    rows = lay_out_chunks(tokens, np.array(lengths), CONTEXT, PAD)
    ends = np.cumsum(lengths)
    wanted = [
        pair for end, n in zip(ends, lengths, strict=True) for pair in as_klovis_does(list(tokens[end - n : end]))
    ]
    assert len(rows) == len(wanted)
    for row, (x, y) in enumerate(wanted):
        asked = np.array(y) != IGNORE
        assert rows.tokens[row][:-1][asked].tolist() == np.array(x)[asked].tolist()
        assert rows.targets[row].tolist() == [*y, IGNORE]
        assert rows.positions[row].tolist() == list(range(CONTEXT))
    assert (rows.documents == np.arange(len(rows))[:, None]).all()
    assert (rows.tokens == PAD).sum() == rows.tokens.size - sum(lengths)


def test_every_document_is_cut_once_an_epoch_and_none_is_packed() -> None:
    shards = shards_of()
    loader = loader_of(shards, epochs=2)
    rows = loader.batch(0, loader.mixture.capacity)
    found = Counter(tuple(row[row != PAD].tolist()) for row in rows.tokens)
    wanted = Counter(
        tuple(document[start : start + CONTEXT])
        for document in documents_of(shards[1])
        for start in range(0, len(document), CONTEXT)
    )
    mine = {row: times for row, times in found.items() if row[0] >= 20_000}
    assert set(mine) <= set(wanted) and max(mine.values()) == 2, "rows of one document each, each as often as it may"
    assert sum(mine.values()) >= 2 * wanted.total() - loader.mixture.window // CONTEXT


def test_the_mixture_holds_in_whole_rows_of_every_window() -> None:
    loader = loader_of(shards_of())
    window = loader.mixture.window
    for number in range(loader.mixture.capacity // window // 2):
        rows = loader.batch(number * window, window)
        own = [row[row != PAD] for row in rows.tokens]
        assert abs(sum(row[0] < 20_000 for row in own) - 0.6 * len(rows)) < 2
        for begin, end in loader.mixture.quotas(number):
            assert begin % CONTEXT == end % CONTEXT == 0


@given(position=st.integers(0, 200), rows=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_a_batch_is_the_same_alone_and_in_sequence(position: int, rows: int) -> None:
    loader = loader_of(shards_of())
    alone = loader_of(shards_of()).batch(position * CONTEXT, rows * CONTEXT)
    one_by_one = [loader.batch((position + row) * CONTEXT, CONTEXT) for row in range(rows)]
    for name in ("tokens", "targets", "positions"):
        assert np.array_equal(getattr(alone, name), np.concatenate([getattr(part, name) for part in one_by_one])), name


def test_the_loss_is_that_of_klovis_and_not_that_of_packed_rows() -> None:
    """Mean over the tokens asked of one epoch's rows, with a model; packed rows see more, and give another loss."""
    shards = shards_of(first=200, vocabulary=330)[1:]
    mixture = Mixture({"b": places(shards[0])}, [Phase(None, 1)], CONTEXT, CONTEXT)
    model, number = decoder_of(), mixture.capacity // CONTEXT
    rows = ChunkLoader(shards, mixture, CONTEXT, PAD, 1).batch(0, mixture.capacity)
    with torch.no_grad():
        ours = LossFunction(model, cpu(), False, "dense", False)(rows).sum().item() / (rows.targets != IGNORE).sum()
        total, asked = 0.0, 0
        for row in range(number):
            text = rows.tokens[row][: (rows.targets[row] != IGNORE).sum() + 1].tolist()
            [(x, y)] = as_klovis_does(text)
            logits = model.logits(model(torch.tensor([x])))[0]
            total += cross_entropy(logits, torch.tensor(y), ignore_index=IGNORE, reduction="sum").item()
            asked += sum(target != IGNORE for target in y)
    assert ours == approx(total / asked, rel=1e-5)
    sizes = {"b": int(shards[0].starts[-1])}
    packed = Loader(shards, Mixture(sizes, [Phase(None, 1)], CONTEXT), CONTEXT, True, 1)
    default = packed.batch(0, packed.mixture.capacity)
    assert (default.positions[:, 1:] == 0).any() and not (rows.positions[:, 1:] == 0).any()
    assert len(default) < len(rows), "packing needs fewer rows for the same text"


@mark.parametrize("position", (0, 3 * CONTEXT, 1000))
def test_a_position_answers_which_documents_without_their_padding(position: int) -> None:
    shards = shards_of()
    loader, tokens = loader_of(shards), 20 * CONTEXT
    batch = loader.batch(position // CONTEXT * CONTEXT, tokens + CONTEXT).tokens.reshape(-1)
    begin = position % CONTEXT
    read = batch[begin : begin + tokens]
    traces = loader.trace(position, tokens, Numbers())  # type: ignore[arg-type]
    assert [int(word) for trace in traces for word in trace.text.split()] == read[read != PAD].tolist()
    assert sum(trace.tokens for trace in traces) == tokens


class Numbers:
    """Decodes ids as their numbers."""

    def decode(self, ids: list[int]) -> str:
        return " ".join(map(str, ids))
