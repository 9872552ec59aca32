"""The loader: a batch is a function of its position, every document is read whole once an epoch, and can be traced."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, fixture, mark

from builders import fake_shard, tokenizer_of
from calame.shards import streams
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.shards.read import Shard
from calame.shards.rows import IGNORE
from calame.shards.streams import Stream

CONTEXT = 16


def lengths_of(number: int, seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(2, 90, number).tolist()


def loader_of(masked: bool = True, seed: int = 1, epochs: float = 3) -> Loader:
    """Two sources whose tokens are all different, so that a token tells its document."""
    shards = [fake_shard("a", lengths_of(150, 0)), fake_shard("b", lengths_of(60, 1), first=20_000)]
    sizes = {shard.name: int(shard.starts[-1]) for shard in shards}
    mixture = Mixture(sizes, [Phase({"a": 0.6, "b": 0.4}, epochs)], CONTEXT)
    return Loader(shards, mixture, CONTEXT, masked, seed)


@fixture(scope="module")
def loader() -> Loader:
    return loader_of()


@given(position=st.integers(0, 600), rows=st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_a_batch_is_the_same_alone_and_in_sequence(loader: Loader, position: int, rows: int) -> None:
    alone = loader_of().batch(position * CONTEXT, rows * CONTEXT)
    one_by_one = [loader.batch((position + row) * CONTEXT, CONTEXT) for row in range(rows)]
    for name in ("tokens", "targets", "documents", "positions"):
        parts = np.concatenate([getattr(part, name) for part in one_by_one])
        assert np.array_equal(getattr(alone, name), parts), name


def test_another_seed_reads_in_another_order(loader: Loader) -> None:
    here, other = loader.batch(0, 64 * CONTEXT), loader_of(seed=2).batch(0, 64 * CONTEXT)
    assert (here.tokens == other.tokens).mean() < 0.1


@mark.parametrize("chunk", (7, 1 << 16))
def test_every_document_is_read_once_an_epoch_in_whole(chunk: int, monkeypatch: MonkeyPatch) -> None:
    """After each window every token of a source has been read as often as any other, or once more."""
    monkeypatch.setattr(streams, "CHUNK", chunk)
    loader, window = loader_of(), loader_of().mixture.window
    times = [np.zeros(len(shard.tokens), int) for shard in loader.shards]
    for number in range(loader.mixture.capacity // window):
        tokens = loader.batch(number * window, window).tokens.reshape(-1)
        for source, shard in enumerate(loader.shards):
            mine = tokens[(tokens >= 20_000) == source] - 20_000 * source
            times[source] += np.bincount(mine, minlength=len(shard.tokens))
            epochs, rest = divmod(int(times[source].sum()), len(shard.tokens))
            assert times[source].min() >= epochs
            assert (times[source] > epochs).sum() == rest
    assert times[1].min() == 3, "the smaller source is read as often as it may"


@mark.parametrize("chunk", (5, 1 << 16))
@given(start=st.integers(0, 4000), more=st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_a_stream_is_its_documents_one_after_the_other(chunk: int, start: int, more: int) -> None:
    with MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK", chunk)
        shard = fake_shard("a", lengths_of(23, 3))
        stream, size = Stream(shard, 0, 9), int(shard.starts[-1])
        pieces = stream.pieces(start, start + more)
        found = [t for b, n in zip(pieces.begin, pieces.length, strict=True) for t in range(b, b + n)]
        whole: list[int] = []
        for epoch in range(start // size, (start + more) // size + 1):
            orders = [stream._order(epoch, k) for k in range(-(-shard.documents // chunk))]
            for document in np.concatenate(orders):
                whole += range(shard.starts[document], shard.starts[document + 1])
        assert found == whole[start % size : start % size + more]
        for begin, length, document in zip(pieces.begin, pieces.length, pieces.document, strict=True):
            assert shard.starts[document] <= begin < begin + length <= shard.starts[document + 1]


def test_epochs_have_orders_of_their_own() -> None:
    stream = Stream(fake_shard("a", lengths_of(40, 3)), 0, 9)
    assert stream._order(0, 0).tolist() != stream._order(1, 0).tolist()


def document_of(shards: list[Shard], token: int) -> tuple[int, int]:
    source = int(token >= 20_000)
    place = token - 20_000 * source
    return source, int(np.searchsorted(shards[source].starts, place, "right")) - 1


def test_masked_targets_never_cross_documents(loader: Loader) -> None:
    rows = loader.batch(0, loader.mixture.window * 4)
    for token, target in zip(rows.tokens.reshape(-1), rows.targets.reshape(-1), strict=True):
        assert target == IGNORE or (
            target == token + 1 and document_of(loader.shards, token) == document_of(loader.shards, target)
        )
    for row in range(len(rows)):
        for place in range(1, CONTEXT):
            same_piece = rows.documents[row, place] == rows.documents[row, place - 1]
            assert rows.positions[row, place] == (rows.positions[row, place - 1] + 1 if same_piece else 0)
            if same_piece:
                assert rows.tokens[row, place] == rows.tokens[row, place - 1] + 1
        assert rows.positions[row, 0] == 0


def test_only_the_first_token_of_a_piece_is_never_asked(loader: Loader) -> None:
    window = loader.mixture.window
    for number in range(4):
        rows, pieces = loader.batch(number * window, window), loader.pieces(number)
        firsts = [int(loader.shards[s].tokens[b]) for s, b in zip(pieces.source, pieces.begin, strict=True)]
        asked = rows.targets[rows.targets != IGNORE].tolist()
        assert Counter(asked) + Counter(firsts) == Counter(rows.tokens.reshape(-1).tolist())


def test_stream_mode_runs_across_documents() -> None:
    loader, masked = loader_of(masked=False), loader_of()
    rows, window = loader.batch(0, loader.mixture.window), loader.mixture.window
    assert np.array_equal(rows.tokens, masked.batch(0, window).tokens), "the same text in the same order"
    flat = rows.tokens.reshape(-1)
    assert np.array_equal(rows.targets.reshape(-1)[:-1], flat[1:])
    assert rows.targets[-1, -1] == IGNORE, "the next window is not looked into"
    assert (rows.positions == np.arange(CONTEXT)).all()
    assert (rows.documents == rows.documents[:, :1]).all()


def test_the_mixture_holds_in_the_tokens_of_every_window(loader: Loader) -> None:
    window = loader.mixture.window
    for number in range(10):
        rows = loader.batch(number * window, window)
        assert abs((rows.tokens < 20_000).sum() - 0.6 * window) < 2


@given(position=st.integers(0, 5000), tokens=st.integers(1, 900))
@settings(max_examples=60, deadline=None)
def test_a_position_answers_which_documents(loader: Loader, position: int, tokens: int) -> None:
    traces = loader.trace(position, tokens, WordPerId())  # type: ignore[arg-type]
    first, last = position // CONTEXT, -(-(position + tokens) // CONTEXT)
    batch = loader.batch(first * CONTEXT, (last - first) * CONTEXT).tokens.reshape(-1)
    skip = position - first * CONTEXT
    assert [int(word) for trace in traces for word in trace.text.split()] == batch[skip : skip + tokens].tolist()
    at = position
    for trace in traces:
        assert trace.position == at
        source, document = document_of(loader.shards, int(trace.text.split()[0]))
        assert trace.source == "ab"[source]
        assert trace.document == loader.shards[source].document_id(document)
        at += trace.tokens
    assert at == position + tokens


class WordPerId:
    """Decodes ids as their numbers."""

    def decode(self, ids: list[int]) -> str:
        return " ".join(map(str, ids))


def test_tokens_of_a_real_tokenizer_are_decoded() -> None:
    tokenizer = tokenizer_of()
    shard = fake_shard("a", [6])
    shard.tokens = np.array([2, *tokenizer.encode("la mer")[:4], 3], np.uint16)[:6]
    shard.starts = np.array([0, len(shard.tokens)])
    loader = Loader([shard], Mixture({"a": len(shard.tokens)}, [Phase(None, 9)], 4), 4, True, 0)
    assert loader.trace(0, 4, tokenizer)[0].text in "la mer"
