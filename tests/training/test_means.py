"""`mixed`, `micro` and rates, of whatever was measured: properties that hold for all sums, slices and weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from calame.recipe.slices import OOD, mixed_weights, slice_name
from calame.training.validate import BYTES, NATS, TEXT_NATS, TOKENS, ByDocument, Loss, summed_up

LANGUAGES, SOURCES = ("fr", "it", "en"), ("a", "b", "c")
documents = st.lists(
    st.tuples(st.floats(0, 1e4), st.floats(0, 1), st.integers(1, 10**6), st.integers(1, 10**7)), min_size=1, max_size=5
)
names = st.builds(slice_name, st.sampled_from(LANGUAGES), st.sampled_from(SOURCES), st.booleans())


@st.composite
def measured(draw: Any) -> ByDocument:
    """Slices with their documents' sums, at least one of them in domain."""
    found = {name: draw(documents) for name in draw(st.sets(names, max_size=6)) | {"fr-a"}}
    return {
        name: np.array([[nats, share * nats, tokens, size] for nats, share, tokens, size in rows])
        for name, rows in found.items()
    }


@given(measured())
def test_every_mean_lies_within_its_parts(found: ByDocument) -> None:
    told = summed_up(found)
    inside = [told[name] for name in found if not name.startswith(OOD)]
    for mean in (told["mixed"], told["micro"]):
        for kind in ("loss", "bpb"):
            values = [getattr(part, kind) for part in inside]
            assert min(values) * (1 - 1e-9) <= getattr(mean, kind) <= max(values) * (1 + 1e-9)
        assert mean.tokens == sum(part.tokens for part in inside)


@given(measured())
def test_numbers_are_those_of_the_definitions(found: ByDocument) -> None:
    told = summed_up(found)
    for name, rows in found.items():
        sums = rows.sum(0)
        assert told[name].loss == approx(sums[NATS] / sums[TOKENS])
        assert told[name].bpb == approx(sums[TEXT_NATS] / (math.log(2) * sums[BYTES]))
    inside = np.concatenate([rows for name, rows in found.items() if not name.startswith(OOD)]).sum(0)
    micro = Loss.of(inside)
    assert (told["micro"].loss, told["micro"].bpb) == approx((micro.loss, micro.bpb))


@given(measured())
def test_languages_weigh_alike_then_their_sources(found: ByDocument) -> None:
    weights = mixed_weights(found, "even")
    assert weights is not None and sum(weights.values()) == approx(1)
    assert set(weights) == {name for name in found if not name.startswith(OOD)}
    by_language: dict[str, list[float]] = {}
    for name, weight in weights.items():
        by_language.setdefault(name.split("-")[0], []).append(weight)
    for part in by_language.values():
        assert sum(part) == approx(1 / len(by_language)) and max(part) == approx(min(part))


@given(measured(), st.randoms())
def test_neither_the_order_nor_what_is_out_of_domain_matters(found: ByDocument, draw: Any) -> None:
    names = [name for name in found if not name.startswith(OOD)]
    draw.shuffle(names)
    again = summed_up({name: found[name][::-1] for name in names})
    told = summed_up(found)
    for name in ("mixed", "micro", *names):
        assert again[name].loss == approx(told[name].loss) and again[name].bpb == approx(told[name].bpb)


@given(measured(), st.data())
def test_declared_weights_are_obeyed(found: ByDocument, data: st.DataObject) -> None:
    inside = [name for name in found if not name.startswith(OOD)]
    raw = data.draw(st.lists(st.floats(0.01, 1), min_size=len(inside), max_size=len(inside)))
    weights = {name: weight / sum(raw) for name, weight in zip(inside, raw, strict=True)}
    told = summed_up(found, weights)
    for kind in ("loss", "bpb"):
        wanted = sum(weight * getattr(told[name], kind) for name, weight in weights.items())
        assert getattr(told["mixed"], kind) == approx(wanted)
    one = {name: float(name == inside[0]) for name in inside}
    assert summed_up(found, one)["mixed"].loss == approx(told[inside[0]].loss)
