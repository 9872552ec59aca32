"""Phases of any lengths: windows tile the stream, cursors and caps go on over all of them, and what comes later never
changes what came before."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark, raises

from builders import fake_shard
from calame.recipe.errors import UserError
from calame.recipe.timeline import Timeline
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.shards.rows import lay_out

CONTEXT = 16


class Case(NamedTuple):
    sizes: dict[str, int]
    phases: list[Phase]
    context: int
    grain: int

    def mixture(self, phases: list[Phase] | None = None) -> Mixture:
        return Mixture(self.sizes, self.phases if phases is None else phases, self.context, self.grain)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to five sources in up to three cells, one to four phases, the last one open."""
    context = draw(st.sampled_from([8, 64, 96]))
    grain = draw(st.sampled_from([1, context]))
    names = [f"s{k}" for k in range(draw(st.integers(1, 5)))]
    sizes = {name: grain * draw(st.integers(50, 40_000) if grain == 1 else st.integers(3, 500)) for name in names}
    cells = {name: f"c{draw(st.integers(0, 2))}" for name in names} if draw(st.booleans()) else {}
    weights = st.sampled_from([0.0, 1e-6, 1e-3]) | st.floats(0.05, 1)
    phases, stop = [], 0
    number = draw(st.integers(1, 4))
    for k in range(number):
        shares = {name: draw(weights) for name in names}
        stop += draw(st.integers(1, 2 * sum(sizes.values()) // number))
        caps = {name: draw(st.sampled_from([0.5, 1.0, 1.5, 4.0, 8.0])) for name in names}
        phases.append(
            Phase(
                shares if sum(shares.values()) > 0.05 else None, caps, stop if k + 1 < number else None, f"p{k}", cells
            )
        )
    return Case(sizes, phases, context, grain)


def spans(mixture: Mixture, most: int = 300) -> list[tuple[int, int]]:
    """The windows from the beginning, and not beyond the capacity."""
    found, position = [], 0
    while position < mixture.capacity and len(found) < most:
        found.append(mixture.span(len(found)))
        position = found[-1][1]
    return found


@given(cases())
@settings(max_examples=150, deadline=None)
def test_windows_tile_the_stream_and_quotas_fill_them_in_whole_grains(case: Case) -> None:
    mixture, read, position = case.mixture(), [0] * len(case.sizes), 0
    edges = {reach.stop for reach in mixture.reaches}
    for number, (start, stop) in enumerate(spans(mixture)):
        assert start == position and (
            stop - start == mixture.window or (stop - start < mixture.window and stop in edges)
        )
        assert mixture.window_at(start) == mixture.window_at(stop - 1) == number
        quotas = mixture.quotas(number)
        assert [begin for begin, _ in quotas] == read == mixture.read_before(start)
        assert all(begin <= end and (end - begin) % case.grain == 0 for begin, end in quotas)
        assert sum(end - begin for begin, end in quotas) == stop - start
        read, position = [end for _, end in quotas], stop


@given(cases())
@settings(max_examples=150, deadline=None)
def test_a_phase_begins_at_the_first_row_at_or_after_its_token(case: Case) -> None:
    mixture = case.mixture()
    for phase, reach, after in zip(case.phases, mixture.reaches, mixture.reaches[1:], strict=False):
        assert phase.stop is not None and reach.wanted is not None
        assert 0 <= reach.wanted - phase.stop < case.context and reach.wanted % case.context == 0
        assert after.start == reach.wanted


@given(cases())
@settings(max_examples=150, deadline=None)
def test_caps_are_counted_from_the_beginning_of_the_stream(case: Case) -> None:
    mixture = case.mixture()
    for phase, reach in zip(case.phases, mixture.reaches, strict=True):
        if reach.start >= mixture.capacity:
            return
        before, after = mixture.read_before(reach.start), mixture.read_before(min(reach.stop, mixture.capacity))
        assert isinstance(phase.epochs, dict)
        for name, begun, read in zip(case.sizes, before, after, strict=True):
            assert read <= max(begun, int(case.sizes[name] * Fraction(phase.epochs[name])))


@given(cases())
@settings(max_examples=150, deadline=None)
def test_shares_hold_all_along_each_stretch(case: Case) -> None:
    """No source is a grain ahead of its share, nor more than a grain for each other source behind; and in the first
    stretch of a phase the shares are those asked for, where every source has text left."""
    mixture = case.mixture()
    for stretch in mixture.stretches:
        shares = [after - before for before, after in pairwise(stretch.bounds)]
        for number in range(mixture.window_at(stretch.start), mixture.window_at(stretch.start) + 100):
            if stretch.stop > mixture.capacity or mixture.span(number)[1] > stretch.stop:
                break
            tokens = mixture.span(number)[1] - stretch.start
            for (_, end), begun, share in zip(mixture.quotas(number), stretch.read, shares, strict=True):
                assert -len(shares) * case.grain < end - begun - tokens * share < case.grain
            if mixture.span(number)[1] == mixture.capacity:
                break


@given(cases(), st.data())
@settings(max_examples=150, deadline=None)
def test_what_comes_later_never_changes_what_came_before(case: Case, data: st.DataObject) -> None:
    """A run that is lengthened by a phase keeps its past but for a window that the phase before it now cuts short."""
    number = data.draw(st.integers(1, len(case.phases)))
    *before, last = case.phases[:number]
    shorter, longer = case.mixture([*before, replace(last, stop=None)]), case.mixture()
    end = min(longer.capacity, longer.reaches[min(number, len(longer.reaches)) - 1].stop)
    for window, (start, stop) in enumerate(spans(longer)):
        if stop > end or (stop == end and stop - start < longer.window):
            return
        assert shorter.span(window) == (start, stop)
        assert shorter.quotas(window) == longer.quotas(window)


def test_a_later_phase_reads_on_where_the_one_before_left_off() -> None:
    sizes = {"a": 100_000, "b": 100_000}
    mixture = Mixture(sizes, [Phase({"a": 1, "b": 0}, 1, 60_000), Phase({"a": 0.5, "b": 0.5}, 1)], 10)
    assert mixture.read_before(60_000) == [60_000, 0]
    assert mixture.read_before(mixture.capacity)[0] == 100_000, "what was left of it, and no second epoch"


def test_of_sources_that_run_out_their_cell_takes_the_place() -> None:
    sizes = {"small": 10_000, "mate": 200_000, "other": 200_000}
    weights, epochs = {"small": 0.25, "mate": 0.25, "other": 0.5}, 1
    celled = Mixture(sizes, [Phase(weights, epochs, cells={"small": "x", "mate": "x", "other": "y"})], 10)
    alone = Mixture(sizes, [Phase(weights, epochs)], 10)
    assert celled.read_before(celled.window * 10)[2] == approx(celled.window * 5, abs=3)
    assert alone.read_before(alone.window * 10)[2] > alone.window * 6


def test_phases_that_run_out_of_text_are_named_all_at_once() -> None:
    sizes = {"a": 10_000, "b": 10_000}
    phases = [
        Phase({"a": 1, "b": 0}, 1, 15_000, "first"),
        Phase({"a": 0, "b": 1}, 1, 20_000, "second"),
        Phase({"a": 0, "b": 1}, 1, 80_000, "third"),
        Phase(None, 8, None, "last"),
    ]
    mixture = Mixture(sizes, phases, 10)
    mixture.check(mixture.capacity)
    with raises(UserError) as error:
        mixture.check(90_000)
    first, third = error.value.problems
    assert (first.where, third.where) == ("pretrain.phases.first.until", "pretrain.phases.third.until")
    assert first.allowed == f"at most {mixture.capacity}" and "10k tokens of the stream" in first.found
    with raises(UserError) as error:
        mixture.check(17_000)
    assert len(error.value.problems) == 1, "what lies beyond the run is not its matter"


# In the stream itself


PHASES = [
    Phase({"a": 0.9, "b/fr": 0.05, "b/it": 0.05}, 3, 1_003, "naive"),
    Phase({"a": 0.2, "b/fr": 0.1, "b/it": 0.7}, 3, 2_500, "drop"),
    Phase({"a": 0.0, "b/fr": 1.0, "b/it": 0.0}, 3, 2_501, "a row"),
    Phase({"a": 0.5, "b/fr": 0.5, "b/it": 0.0}, 3, None, "last"),
]


def loader_of(context: int | Timeline = CONTEXT, even: bool = False, masked: bool = True) -> Loader:
    lengths = np.random.default_rng(0).integers(2, 90, 150).tolist()
    shards = [fake_shard("a", lengths), fake_shard("b", lengths[:120], first=20_000, languages=["fr", "it", "it"])]
    own = shards[1].tokens_by_language()
    sizes = {"a": int(shards[0].starts[-1]), "b/fr": own["fr"], "b/it": own["it"]}
    return Loader(shards, Mixture(sizes, PHASES, CONTEXT), context, masked, 1, even)


@given(position=st.integers(0, 250), rows=st.integers(1, 60), even=st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_batch_is_the_same_alone_and_in_sequence(position: int, rows: int, even: bool) -> None:
    """Whatever was read before, however many processes share the rows: the position is all the state there is."""
    loader, fresh = loader_of(even=even), loader_of(even=even)
    alone = fresh.batch(position * CONTEXT, rows * CONTEXT)
    one_by_one = [loader.batch((position + row) * CONTEXT, CONTEXT) for row in reversed(range(rows))][::-1]
    for name in ("tokens", "targets", "positions"):
        assert np.array_equal(getattr(alone, name), np.concatenate([getattr(part, name) for part in one_by_one])), name


@mark.parametrize("even", (False, True))
def test_every_document_is_read_once_an_epoch_over_all_phases(even: bool) -> None:
    loader = loader_of(even=even)
    mixture, tokens = loader.mixture, [len(shard.tokens) for shard in loader.shards]
    spoken = np.repeat(loader.shards[1].index["language"], loader.shards[1].lengths())
    times = [np.zeros(n, int) for n in tokens]
    for number in range(mixture.window_at(mixture.capacity - 1)):
        start, stop = mixture.span(number)
        read = loader.batch(start, stop - start).tokens.reshape(-1)
        times[0] += np.bincount(read[read < 20_000], minlength=tokens[0])
        times[1] += np.bincount(read[read >= 20_000] - 20_000, minlength=tokens[1])
        streams = [times[0], times[1][spoken == 0], times[1][spoken == 1]]
        for counts, wanted in zip(streams, mixture.read_before(stop), strict=True):
            assert counts.sum() == wanted and counts.max() - counts.min() <= 1


@mark.parametrize("even", (False, True))
def test_steps_of_the_context_go_with_phases(even: bool) -> None:
    """The text and its order are those of the largest context; only rows are cut elsewhere."""
    steps = Timeline({0: 64}, {0: 4, 500: 8, 2000: 16})
    stepped, plain = loader_of(steps, even), loader_of(even=even)
    end = plain.mixture.capacity // 64 * 64
    read = [stepped.batch(at, 64).tokens.reshape(-1) for at in range(0, end, 64)]
    assert np.array_equal(np.concatenate(read), plain.batch(0, end).tokens.reshape(-1))


@mark.parametrize("masked", (False, True))
def test_even_rows_are_rows_of_one_source_in_another_order(masked: bool) -> None:
    """Nothing that a row sees or predicts depends on where it stands."""
    loader = loader_of(even=True, masked=masked)
    start, stop = loader.mixture.span(3)
    rows = loader.batch(start, stop - start)
    pieces, order = loader._laid(3)
    laid = lay_out(loader._gather(pieces), pieces.length, CONTEXT, masked)
    assert order is not None and sorted(order) == list(range(len(rows))) and order.tolist() != sorted(order)
    for name in ("tokens", "targets", "documents", "positions"):
        assert np.array_equal(getattr(rows, name), getattr(laid, name)[order]), name
    assert sum(len(set((row >= 20_000).tolist())) > 1 for row in rows.tokens) <= len(loader.streams) - 1


@given(position=st.integers(1, 5_000), even=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_position_answers_which_documents_across_phases(position: int, even: bool) -> None:
    loader = loader_of(even=even)
    traces = loader.trace(position, 700, Numbers())  # type: ignore[arg-type]
    first = position // CONTEXT * CONTEXT
    read = loader.batch(first, 45 * CONTEXT).tokens.reshape(-1)[position - first : position - first + 700]
    assert [int(word) for trace in traces for word in trace.text.split()] == read.tolist()


class Numbers:
    """Decodes ids as their numbers."""

    def decode(self, ids: list[int]) -> str:
        return " ".join(map(str, ids))
