"""How the next token is chosen: the distribution is that of `transformers`' processors, and draws follow it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark, raises
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from calame.inference.sampling import Needs, Sampling, candidates, choose, knobs_of, penalised
from calame.recipe.errors import UserError

VOCABULARY, DRAWS = 30, 4000


def theirs(logits: Tensor, ids: Sequence[int], sampling: Sampling) -> Tensor:
    """(vocabulary,) probabilities after the processors that `generate` puts in a row for such a sampling."""
    chain = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.no_repeat_ngram:
        chain.append(NoRepeatNGramLogitsProcessor(sampling.no_repeat_ngram))
    chain.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        chain.append(MinPLogitsWarper(sampling.min_p))
    return chain(torch.tensor([list(ids)]), logits[None].clone()).softmax(-1)[0]  # type: ignore[arg-type]


def stacked(ids: Sequence[Sequence[int]], filling: int = 3) -> tuple[Tensor, Tensor]:
    """Ids side by side, filled up on their right with what must not count, and their lengths."""
    size = max(map(len, ids)) + 2
    return torch.tensor([[*row, *[filling] * (size - len(row))] for row in ids]), torch.tensor([*map(len, ids)])


def ours(logits: Tensor, ids: Sequence[Sequence[int]], samplings: Sequence[Sampling]) -> Tensor:
    """(rows, vocabulary) probabilities of rows that are chosen for together."""
    needs, knobs = Needs.of(samplings, logits.shape[1]), knobs_of(samplings)
    probabilities, order = candidates(penalised(logits, knobs, *stacked(ids), needs), knobs, needs.room)
    return torch.zeros_like(logits).scatter_(1, order, probabilities)


SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0.3, 3),
    top_k=st.integers(0, 40),
    top_p=st.just(1.0) | st.floats(0.05, 1),
    min_p=st.just(0.0) | st.floats(0.001, 1),
    repetition_penalty=st.just(1.0) | st.floats(0.5, 2),
    no_repeat_ngram=st.integers(0, 4),
)


@given(
    rows=st.lists(st.tuples(SAMPLINGS, st.lists(st.integers(0, 4), min_size=1, max_size=12)), min_size=1, max_size=4),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=150, deadline=None)
def test_rows_have_the_distributions_of_transformers(rows: list[tuple[Sampling, list[int]]], seed: int) -> None:
    """Each row its own sampling and history, chosen for together."""
    logits = torch.randn(len(rows), VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3
    samplings, ids = [sampling for sampling, _ in rows], [row for _, row in rows]
    found = ours(logits, ids, samplings)
    for row, (sampling, history) in enumerate(rows):
        wanted = theirs(logits[row], history, sampling)
        mass = wanted[(found[row] > 0) != (wanted > 0)].sum() + found[row][(found[row] > 0) != (wanted > 0)].sum()
        assert mass < 0.3 * sampling.top_p or mass == 0  # a token that lies at the edge to rounding may fall either way
        if mass == 0:
            assert torch.allclose(found[row], wanted, atol=1e-5)


@mark.parametrize(
    "sampling",
    (
        Sampling(1.0),
        Sampling(0.5),
        Sampling(1.0, top_k=1),
        Sampling(1.0, top_k=3),
        Sampling(1.0, top_k=100),
        Sampling(1.0, top_p=0.5),
        Sampling(1.0, top_p=0.01),
        Sampling(1.0, min_p=0.2),
        Sampling(0.8, top_k=4, top_p=0.9, min_p=0.05),
        Sampling(1.0, repetition_penalty=1.8),
    ),
    ids=str,
)
def test_draws_follow_the_distribution(sampling: Sampling) -> None:
    logits, ids = torch.tensor([2.0, 1.5, 1.0, 0.2, -1.0, -3.0]), [0, 4, 0]
    noise = torch.rand(DRAWS, generator=torch.Generator().manual_seed(0))
    rows = [sampling] * DRAWS
    found = choose(
        logits.expand(DRAWS, -1), knobs_of(rows), noise, *stacked([ids] * DRAWS), Needs.of(rows, len(logits))
    )
    counts = Counter(found.tolist())
    for token, probability in enumerate(theirs(logits, ids, sampling).tolist()):
        error = math.sqrt(probability * (1 - probability) / DRAWS)
        assert counts[token] / DRAWS == approx(probability, abs=4.5 * error + 1e-9)


def test_without_temperature_it_is_the_likeliest_also_beside_rows_that_draw() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    for rows in ([Sampling(top_k=2)] * 2, [Sampling(), Sampling(1.0, top_k=1)]):
        noise, needs = torch.full((2,), 0.99), Needs.of(rows, 3)
        assert choose(logits, knobs_of(rows), noise, *stacked([[0], [0]]), needs).tolist() == [1, 0]


@mark.parametrize("noise", (0.0, 1 - 2**-24))
def test_the_ends_of_the_noise_draw_allowed_tokens(noise: float) -> None:
    rows = [Sampling(1.0, top_p=0.9)] * 50
    logits = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    found = choose(logits, knobs_of(rows), torch.full((50,), noise), *stacked([[0]] * 50), Needs.of(rows, 1000))
    kept = ours(logits, [[0]] * 50, rows)
    assert bool((kept.gather(1, found[:, None]) > 0).all())
    if noise == 0:
        assert found.equal(logits.argmax(-1))


@mark.parametrize(
    ("wrong", "name"),
    (
        ({"temperature": -1}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"repetition_penalty": math.inf}, "repetition_penalty"),
        ({"top_p": math.nan}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"min_p": 1.5}, "min_p"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"no_repeat_ngram": -2}, "no_repeat_ngram"),
        ({"seed": -1}, "seed"),
        ({"limit": 0}, "limit"),
    ),
)
def test_values_without_meaning_are_refused(wrong: dict[str, Any], name: str) -> None:
    with raises(UserError, match=f"^{name}: "):
        Sampling(**wrong).check()


def test_all_of_them_at_once() -> None:
    with raises(UserError) as error:
        Sampling(temperature=-1, min_p=2).check()
    assert [problem.where for problem in error.value.problems] == ["temperature", "min_p"]
