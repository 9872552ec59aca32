"""The mixture: quotas of a window, shares, caps on epochs, capacity, tenths; over random sizes and weights."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, raises

from calame.recipe.errors import UserError
from calame.shards.mixture import LEAST_WINDOWS, WINDOW, Mixture, Phase


class Case(NamedTuple):
    mixture: Mixture
    caps: list[int]  # tokens that may be read of each source


@st.composite
def cases(draw: st.DrawFn) -> Case:
    number = draw(st.integers(1, 6))
    sizes = {f"s{k}": draw(st.integers(50, 40_000)) for k in range(number)}
    raw = [draw(st.sampled_from([0.0, 1e-5, 1e-4, 1e-3, 0.01]) | st.floats(0.05, 1)) for _ in range(number)]
    weights = None
    if draw(st.booleans()) and sum(raw) > 0.05:
        weights = {name: weight / sum(raw) for name, weight in zip(sizes, raw, strict=True)}
    epochs = draw(st.sampled_from([0.5, 1.0, 1.5, 4.0, 8.0]))
    mixture = Mixture(sizes, [Phase(weights, epochs)], draw(st.sampled_from([8, 64, 128])))
    return Case(mixture, [int(size * Fraction(epochs)) for size in sizes.values()])


def windows_of(mixture: Mixture, most: int = 400) -> range:
    return range(min(mixture.capacity // mixture.window, most))


@given(cases())
@settings(max_examples=120, deadline=None)
def test_quotas_fill_each_window_and_follow_each_other(case: Case) -> None:
    mixture = case.mixture
    read = [0] * len(mixture.names)
    for window in windows_of(mixture):
        quotas = mixture.quotas(window)
        assert [begin for begin, _ in quotas] == read, "each source goes on where the window before left off"
        assert all(begin <= end for begin, end in quotas), "nothing is given back"
        assert sum(end - begin for begin, end in quotas) == mixture.window
        read = [end for _, end in quotas]


@given(cases())
@settings(max_examples=120, deadline=None)
def test_shares_hold_from_the_first_window_of_a_stretch(case: Case) -> None:
    """No source is ever a token ahead of its share, nor more than a token for each other source behind."""
    mixture = case.mixture
    for stretch in mixture.stretches:
        shares = [after - before for before, after in pairwise(stretch.bounds)]
        first, after = mixture.window_at(stretch.start), mixture.window_at(stretch.stop)
        for window in range(first, min(after, first + 200)):
            tokens = mixture.span(window)[1] - stretch.start
            for (_, end), begun, share in zip(mixture.quotas(window), stretch.read, shares, strict=True):
                assert -len(shares) < end - begun - tokens * share < 1
                if sum(share > 0 for share in shares) <= 2:
                    assert abs(end - begun - tokens * share) < 1


@given(cases(), st.data())
@settings(max_examples=120, deadline=None)
def test_no_source_is_read_more_often_than_it_may(case: Case, data: st.DataObject) -> None:
    mixture = case.mixture
    windows = mixture.capacity // mixture.window
    if not windows:
        return
    last = [end for _, end in mixture.quotas(windows - 1)]
    assert sum(last) == mixture.capacity
    assert all(read <= cap for read, cap in zip(last, case.caps, strict=True))
    assert mixture.read_before(mixture.capacity) == last
    edge = data.draw(st.integers(0, windows)) * mixture.window
    assert sum(mixture.read_before(edge)) == edge


@given(cases())
@settings(max_examples=120, deadline=None)
def test_everything_is_read_but_for_less_than_a_window(case: Case) -> None:
    mixture = case.mixture
    read, shares = mixture.read_before(mixture.capacity), mixture.reaches[0].shares
    left = [cap - tokens for tokens, cap, share in zip(read, case.caps, shares, strict=True) if share > 0]
    assert sum(left) < mixture.window + len(left)


def test_a_tiny_share_never_gives_tokens_back() -> None:
    """Half a token a window: rounding each bound by itself gave this source -1 tokens in some window."""
    mixture = Mixture({"a": 2_000, "tiny": 2_000, "b": 2_000}, [Phase({"a": 0.55, "tiny": 5e-4, "b": 0.4495}, 1)], 16)
    quotas = [mixture.quotas(window)[1] for window in windows_of(mixture)]
    assert all(begin <= end for begin, end in quotas)
    assert quotas[8][1] == 2, "1.66 tokens wanted in the nine windows before a runs out"


def test_an_exhausted_source_gives_its_place_to_the_others() -> None:
    mixture = Mixture({"small": 40_000, "large": 1_000_000}, [Phase({"small": 0.5, "large": 0.5}, 2)], 10)
    first, last = mixture.read_before(mixture.window), mixture.quotas(mixture.window_at(800_000))
    assert first[0] == approx(0.5 * mixture.window, abs=1)
    assert last[0] == (80_000, 80_000), "all that it may be read"


def test_a_source_smaller_than_its_share_of_a_window_is_read_all_the_same() -> None:
    mixture = Mixture({"small": 1_000, "large": 100_000}, [Phase({"small": 0.5, "large": 0.5}, 2)], 10)
    assert mixture.window * 0.5 > 2_000
    assert mixture.quotas(0) == [(0, 2_000), (0, mixture.window - 2_000)]
    assert mixture.quotas(1)[0] == (2_000, 2_000)


def test_without_weights_the_shares_are_the_sizes() -> None:
    mixture = Mixture({"a": 30_000, "b": 10_000}, [Phase(None, 1)], 10)
    assert mixture.reaches[0].shares == (0.75, 0.25)


def test_a_source_without_weight_or_text_is_left_out() -> None:
    mixture = Mixture({"a": 30_000, "b": 10_000, "empty": 0}, [Phase({"a": 1.0, "b": 0.0, "empty": 0.0}, 1)], 10)
    assert all(quota == (0, 0) for window in windows_of(mixture) for quota in mixture.quotas(window)[1:])


def test_the_window_is_about_a_million_tokens_and_smaller_for_a_small_corpus() -> None:
    assert Mixture({"a": 10**10}, [Phase(None, 1)], 2048).window == WINDOW
    assert abs(Mixture({"a": 10**10}, [Phase(None, 1)], 2500).window - WINDOW) < 2500
    small = Mixture({"a": 64 * 1600}, [Phase(None, 1)], 64)
    assert small.window * LEAST_WINDOWS == 64 * 1600
    assert Mixture({"a": 10}, [Phase(None, 1)], 64).window == 64


def test_asking_for_more_than_the_text_gives_is_refused_with_what_it_gives() -> None:
    mixture = Mixture({"a": 10_000}, [Phase(None, 2)], 16)
    mixture.check(mixture.capacity)
    with raises(UserError) as error:
        mixture.check(mixture.capacity + 1)
    assert error.value.problems[0].allowed == f"at most {mixture.capacity}"


def test_shares_are_exact_fractions() -> None:
    mixture = Mixture({"a": 10**6, "b": 10**6, "c": 10**6}, [Phase({"a": 0.1, "b": 0.2, "c": 0.7}, 1)], 16)
    assert mixture.stretches[0].bounds[-1] == Fraction(1)


@given(cases(), st.integers(2, 50))
@settings(max_examples=60, deadline=None)
def test_a_mixture_of_grains_is_that_of_single_tokens_enlarged(case: Case, grain: int) -> None:
    small = case.mixture
    sizes = {name: size * grain for name, size in zip(small.names, small.sizes, strict=True)}
    rows = small.window // 8 * 8  # any context that gives the same window
    phases = [Phase(dict(zip(small.names, small.reaches[0].shares, strict=True)), 4.0)]
    large = Mixture(sizes, phases, rows * grain, grain)
    small = Mixture(dict(zip(small.names, small.sizes, strict=True)), phases, rows)
    if large.window == small.window * grain:  # not where a million tokens are the bound
        assert large.capacity == small.capacity * grain
        for window in windows_of(small, 50):
            assert large.quotas(window) == [(begin * grain, end * grain) for begin, end in small.quotas(window)]
