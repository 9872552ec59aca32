"""Steps of the context: the same text in the same order, in longer rows; one position is all the state there is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import raises

from builders import fake_shard
from calame.recipe.timeline import Timeline
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.shards.rows import lay_out

STEPS = Timeline({0: 64, 1000: 96}, {0: 8, 300: 16, 2000: 32})  # neither 300 nor 1000 is the end of a step


def loader_of(context: int | Timeline, masked: bool = True, epochs: float = 3) -> Loader:
    lengths = np.random.default_rng(0).integers(2, 90, 150).tolist()
    shards = [fake_shard("a", lengths), fake_shard("b", lengths[:60], first=20_000)]
    sizes = {shard.name: int(shard.starts[-1]) for shard in shards}
    return Loader(shards, Mixture(sizes, [Phase({"a": 0.6, "b": 0.4}, epochs)], 32), context, masked, 1)


def test_the_text_and_its_order_are_those_of_the_last_context_alone() -> None:
    stepped, plain = loader_of(STEPS), loader_of(32)
    tokens = plain.mixture.capacity
    end = STEPS.position(STEPS.steps(tokens))
    rows = [stepped.batch(*part) for part in parts(end)]
    assert [part.tokens.shape[1] for part in rows] == [STEPS.at(begin).context for begin, _ in parts(end)]
    read = np.concatenate([part.tokens.reshape(-1) for part in rows])
    assert np.array_equal(read, plain.batch(0, end // 32 * 32).tokens.reshape(-1)[: len(read)])
    assert {8, 16, 32} == {part.tokens.shape[1] for part in rows}


def parts(end: int) -> list[tuple[int, int]]:
    """(position, tokens) of each step before `end`."""
    edges = [STEPS.position(step) for step in range(STEPS.steps(end) + 1)]
    return [(begin, after - begin) for begin, after in pairwise(edges)]


@given(step=st.integers(0, 80), masked=st.booleans())
@settings(max_examples=60, deadline=None)
def test_rows_of_a_step_are_laid_out_in_its_context(step: int, masked: bool) -> None:
    """Every step, asked alone, is its window's pieces cut into rows of its own context."""
    loader, begin, end = loader_of(STEPS, masked), STEPS.position(step), STEPS.position(step + 1)
    context, window = STEPS.at(begin).context, loader.mixture.window
    rows = loader.batch(begin, end - begin)
    found = []
    for number in range(begin // window, (end - 1) // window + 1):
        pieces = loader.pieces(number)
        laid = lay_out(loader._gather(pieces), pieces.length, context, masked)
        low, high = max(begin, number * window) - number * window, min(end, (number + 1) * window) - number * window
        found.append(laid[low // context : high // context])
    for name in ("tokens", "targets", "documents", "positions"):
        wanted = np.concatenate([getattr(part, name) for part in found])
        assert np.array_equal(getattr(rows, name), wanted), name


def test_epochs_are_counted_over_all_contexts() -> None:
    """The smaller source is read as often as it may over the whole run, not once for each context."""
    loader = loader_of(STEPS, epochs=2)
    times = np.zeros(len(loader.shards[1].tokens), int)
    for begin, tokens in parts(loader.mixture.capacity):
        read = loader.batch(begin, tokens).tokens.reshape(-1)
        times += np.bincount(read[read >= 20_000] - 20_000, minlength=len(times))
    assert times.max() == 2 and times.min() >= 1


def test_no_batch_has_rows_of_two_lengths() -> None:
    with raises(AssertionError, match="two lengths"):
        loader_of(STEPS).batch(320 - 16, 32)
