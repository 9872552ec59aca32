"""How the next token is chosen: against a plain reference of temperature, top-k and top-p."""

from __future__ import annotations

import math
from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark

from builders import decoder_of, loaded_of
from calame.inference.generate import Sampling, choose, stream_ids

DRAWS = 4000


def reference(logits: list[float], sampling: Sampling) -> list[float]:
    """The probability of each token, one step after the other."""
    scaled = [value / sampling.temperature for value in logits]
    ranked = sorted(range(len(scaled)), key=lambda token: -scaled[token])
    if sampling.top_k:
        ranked = ranked[: sampling.top_k]
    weights = {token: math.exp(scaled[token] - scaled[ranked[0]]) for token in ranked}
    total, kept, mass = sum(weights.values()), [], 0.0
    for token in ranked:
        if mass >= sampling.top_p:
            break
        kept.append(token)
        mass += weights[token] / total
    total = sum(weights[token] for token in kept)
    return [weights[token] / total if token in kept else 0.0 for token in range(len(logits))]


def draw(logits: list[float], sampling: Sampling, number: int = DRAWS) -> list[int]:
    generator = torch.Generator().manual_seed(sampling.seed)
    return choose(torch.tensor([logits] * number), sampling, generator).tolist()


LOGITS = [2.0, 1.5, 1.0, 0.2, -1.0, -3.0]


@mark.parametrize(
    "sampling",
    (
        Sampling(temperature=1.0),
        Sampling(temperature=0.5),
        Sampling(temperature=2.0),
        Sampling(temperature=1.0, top_k=1),
        Sampling(temperature=1.0, top_k=3),
        Sampling(temperature=1.0, top_k=100),
        Sampling(temperature=1.0, top_p=0.5),
        Sampling(temperature=1.0, top_p=0.01),
        Sampling(temperature=0.8, top_k=4, top_p=0.9),
    ),
    ids=str,
)
def test_frequencies_are_those_of_the_reference(sampling: Sampling) -> None:
    counts = Counter(draw(LOGITS, sampling))
    for token, probability in enumerate(reference(LOGITS, sampling)):
        if probability == 0:
            assert counts[token] == 0
        else:
            error = math.sqrt(probability * (1 - probability) / DRAWS)
            assert counts[token] / DRAWS == approx(probability, abs=4.5 * error + 1e-9)


@given(
    logits=st.lists(st.integers(-400, 400), min_size=2, max_size=12, unique=True),
    top_k=st.integers(0, 14),
    top_p=st.floats(0.05, 1),
    temperature=st.floats(0.3, 3),
)
@settings(max_examples=100, deadline=None)
def test_only_allowed_tokens_are_drawn(logits: list[int], top_k: int, top_p: float, temperature: float) -> None:
    values, sampling = [value / 50 for value in logits], Sampling(temperature, top_k, top_p)
    wanted = reference(values, sampling)
    near_the_edge = {
        token for token, p in enumerate(reference(values, Sampling(temperature, top_k, top_p + 1e-5))) if p
    }
    assert set(draw(values, sampling, 200)) <= {token for token, p in enumerate(wanted) if p} | near_the_edge


def test_without_temperature_it_is_the_likeliest() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    assert choose(logits, Sampling(temperature=0, top_k=2), torch.Generator()).tolist() == [1, 0]


def test_each_row_is_cut_by_its_own_probabilities() -> None:
    logits = torch.tensor([[9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]] * 300)
    found = choose(logits, Sampling(temperature=1, top_p=0.6), torch.Generator().manual_seed(0)).view(300, 2)
    assert set(found[:, 0].tolist()) == {0}
    assert len(set(found[:, 1].tolist())) == 3


def test_a_seed_gives_the_same_text_and_another_seed_another() -> None:
    loaded = loaded_of(decoder_of())

    def text(seed: int) -> list[int]:
        return [ids[0] for ids in stream_ids(loaded, [[2, 50]], Sampling(1.0, 0, 1.0, seed, 20))]

    torch.manual_seed(1)
    first = text(7)
    torch.manual_seed(2)  # the global state does not matter
    assert text(7) == first
    assert text(8) != first
