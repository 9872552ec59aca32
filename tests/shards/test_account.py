"""What was read and the shares achieved, counted from the tokens of the stream itself."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark

from builders import fake_shard
from calame.shards.account import account, by_source, read_before
from calame.shards.chunks import ChunkLoader
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase

CONTEXT = 16
NAMES = [("a", "fr"), ("b", "fr"), ("b", "it")]
LANGUAGES = ["fr", "it", "it", "fr", "it"]


def loader_of(divided: bool, chunks: bool = False, even: bool = False) -> Loader:
    """Of `b` in two languages, by source or by language, in two phases."""
    lengths = np.random.default_rng(0).integers(2, 90, 150).tolist()
    shards = [fake_shard("a", lengths), fake_shard("b", lengths[:60], first=20_000, languages=LANGUAGES)]
    grain = CONTEXT if chunks else 1
    own = [shard.tokens_by_language(grain) for shard in shards]
    if divided:
        sizes = {"a": own[0]["fr"], "b/fr": own[1]["fr"], "b/it": own[1]["it"]}
        phases = [Phase({"a": 0.5, "b/fr": 0.1, "b/it": 0.4}, 3, 2_000, "p"), Phase(None, 3, None, "q")]
    else:
        sizes = {"a": own[0]["fr"], "b": sum(own[1].values())}
        phases = [Phase({"a": 0.6, "b": 0.4}, 3, 2_000, "p"), Phase(None, 3, None, "q")]
    mixture = Mixture(sizes, phases, CONTEXT, grain)
    return (
        ChunkLoader(shards, mixture, CONTEXT, 5, 1, even) if chunks else Loader(shards, mixture, CONTEXT, True, 1, even)
    )


def counted(loader: Loader) -> np.ndarray:
    """(capacity,) for each token of the stream the number in NAMES of its source and language."""
    tokens = loader.batch(0, loader.mixture.capacity).tokens.reshape(-1).astype(int)
    spoken = np.repeat(loader.shards[1].index["language"], loader.shards[1].lengths())
    return np.where(tokens < 20_000, 0, 1 + spoken[np.maximum(tokens - 20_000, 0)])


@mark.parametrize("even", (False, True))
@mark.parametrize("divided", (False, True))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_at_any_position_it_is_what_the_tokens_say(divided: bool, even: bool, data: st.DataObject) -> None:
    loader = loader_of(divided, even=even)
    position = data.draw(st.integers(0, loader.mixture.capacity))
    wanted = Counter(NAMES[k] for k in counted(loader)[:position].tolist())
    assert read_before(loader, position) == wanted


@given(data=st.data(), divided=st.booleans())
@settings(max_examples=40, deadline=None)
def test_in_rows_of_single_documents_padding_counts_as_read(divided: bool, data: st.DataObject) -> None:
    loader = loader_of(divided, chunks=True)
    rows = data.draw(st.integers(0, loader.mixture.capacity // CONTEXT))
    found = read_before(loader, rows * CONTEXT)
    assert sum(found.values()) == rows * CONTEXT
    first = loader.batch(0, rows * CONTEXT).tokens[:, 0] if rows else np.zeros(0)
    assert by_source(found).get("a", 0) == (first < 20_000).sum() * CONTEXT


@mark.parametrize("divided", (False, True))
def test_tenths_and_phases_add_up(divided: bool) -> None:
    loader = loader_of(divided)
    first, last = 160, loader.mixture.capacity
    found, tokens = account(loader, first, last), counted(loader)
    edges = [first + (last - first) * i // 10 for i in range(11)]
    for tenth, languages, (begin, end) in zip(
        found["tenths"], found["languages"]["tenths"], pairwise(edges), strict=True
    ):
        part = tokens[begin:end]
        assert tenth["a"] == approx((part == 0).mean(), abs=1e-6)
        assert languages["it"] == approx((part == 2).mean(), abs=1e-6)
    assert found["sizes"] == {shard.name: int(shard.starts[-1]) for shard in loader.shards}
    p, q = found["phases"]
    assert (p["name"], p["from"], p["to"], q["from"], q["to"]) == ("p", 160, 2_000, 2_000, last)
    assert p["wanted"]["a"] == (0.5 if divided else 0.6)
    assert q["wanted"]["a"] == approx(found["sizes"]["a"] / sum(found["sizes"].values()), abs=1e-6)
    if divided:
        assert p["languages"]["wanted"] == {"fr": 0.6, "it": 0.4}
    both = (2_000 - first) * p["wanted"]["a"] + (last - 2_000) * q["wanted"]["a"]
    assert found["wanted"]["a"] == approx(both / (last - first), abs=1e-5)


def test_what_was_asked_for_changes_with_the_phases() -> None:
    requested = account(loader_of(False), 0, 2_400)["requested"]
    assert requested[0] == {"a": 0.6, "b": 0.4} and requested[-1]["a"] > 0.68 and 0.6 < requested[8]["a"] < 0.7


def lengths(mean: int, tokens: int, seed: int) -> list[int]:
    draw = np.random.default_rng(seed).integers(mean // 2, 3 * mean // 2 + 1, 3 * tokens // mean + 9)
    return draw[: int(np.searchsorted(np.cumsum(draw), tokens)) + 1].tolist()


@mark.parametrize("short", (30, 300))
@mark.parametrize("size", (2_500_000, 12_000_000))
def test_no_tenth_of_five_million_tokens_is_a_point_off(size: int, short: int) -> None:
    """Documents of one source a hundred times as long as the other's, in two languages each; counted from the stream.

    The smaller corpus is read more than once, in windows of 300k tokens; of the larger one the tenths end in the midst
    of windows of a million."""
    tokens, context = 5_001_216, 2048
    shards = [
        fake_shard("short", lengths(short, size, 1), languages=["fr", "it"]),
        fake_shard("long", lengths(100 * short, size, 2), languages=["fr", "it"]),
    ]
    for number, shard in enumerate(shards):  # each token says whose it is
        shard.tokens = np.repeat(2 * number + shard.index["language"], shard.lengths())
    own = [shard.tokens_by_language() for shard in shards]
    sizes = {f"{shard.name}/{code}": n for shard, part in zip(shards, own, strict=True) for code, n in part.items()}
    wanted = {"short/fr": 0.3, "short/it": 0.2, "long/fr": 0.1, "long/it": 0.4}
    late = {"short/fr": 0.1, "short/it": 0.2, "long/fr": 0.6, "long/it": 0.1}
    phases = [Phase(wanted, 4, 3_000_000, "p"), Phase(late, 4, None, "q")]
    loader = Loader(shards, Mixture(sizes, phases, context), context, True, 1, even=True)
    read = loader.batch(0, tokens // context * context).tokens.reshape(-1)
    tokens, found = len(read), account(loader, 0, len(read))
    for k, (begin, end) in enumerate(pairwise([tokens * i // 10 for i in range(11)])):
        seen = np.bincount(read[begin:end], minlength=4) / (end - begin)
        assert found["tenths"][k] == approx({"short": seen[0] + seen[1], "long": seen[2] + seen[3]}, abs=1e-6)
        assert found["languages"]["tenths"][k] == approx({"fr": seen[0] + seen[2], "it": seen[1] + seen[3]}, abs=1e-6)
        for table in (found, found["languages"]):
            for name, share in table["tenths"][k].items():
                assert abs(share - table["requested"][k][name]) <= 0.01
    for part in found["phases"]:  # tenths of 200k tokens and more
        off = [abs(part["requested"][k]["long"] - part["tenths"][k]["long"]) for k in range(10)]
        assert max(off) <= 0.02
