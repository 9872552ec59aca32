"""Log-likelihoods: those of one sequence at a time, whatever they are packed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import decoder_of, loaded_of
from calame.evaluation import score as score_
from calame.evaluation.score import Request, score
from calame.model.config import FAMILIES
from calame.model.device import choose_device
from calame.recipe.errors import UserError

MODEL = decoder_of(spread=0.3)
LONGEST = MODEL.config.max_position_embeddings
ids = st.lists(st.integers(6, 12), min_size=1, max_size=9)  # few ids: beginnings are shared
requests = st.lists(st.builds(Request, ids, ids), min_size=1, max_size=20)


def one_by_one(model, request: Request) -> tuple[float, bool, int]:
    """A sequence alone, all its logits: what a score is by definition."""
    whole = [*request.context, *request.continuation]
    cut = max(0, len(whole) - model.config.max_position_embeddings - 1)
    whole = whole[cut:]
    with torch.no_grad():
        logits = model.logits(model(torch.tensor([whole[:-1]])))[0].double()
    number = len(request.continuation)
    wanted = torch.tensor(whole[-number:])
    logits = logits[-number:]
    chosen = logits.log_softmax(-1)[torch.arange(number), wanted]
    return chosen.sum().item(), bool((logits.argmax(-1) == wanted).all()), cut


@settings(deadline=None, max_examples=40)
@given(requests)
def test_scores_are_those_of_one_at_a_time(asked):
    for found, request in zip(score(loaded_of(MODEL), asked), asked, strict=True):
        logprob, greedy, cut = one_by_one(MODEL, request)
        assert found.logprob == pytest.approx(logprob, abs=1e-4)
        assert (found.greedy, found.cut) == (greedy, cut)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_scored_in_small_rows_and_groups(family, monkeypatch):
    """Rows of one sequence's room, groups of one row, logits of three positions: the seams change nothing."""
    heads = {"num_key_value_heads": 4} if family == "gpt2" else {}
    model = decoder_of(3, family=family, **heads)
    monkeypatch.setattr(score_, "_room", lambda sequences: max(map(len, sequences)))
    monkeypatch.setattr(score_, "AT_ONCE", {"cpu": 1})
    monkeypatch.setattr(score_, "positions_at_once", lambda head: 3)
    draw = np.random.default_rng(1)
    asked = [Request(draw.integers(6, 9, 4).tolist(), draw.integers(6, 9, n % 5 + 1).tolist()) for n in range(30)]
    for found, request in zip(score(loaded_of(model), asked), asked, strict=True):
        assert found.logprob == pytest.approx(one_by_one(model, request)[0], abs=1e-4)


def test_the_likeliest_continuation_is_greedy():
    tokens = [7, 9, 11]
    with torch.no_grad():
        for _ in range(4):
            tokens.append(int(MODEL.logits(MODEL(torch.tensor([tokens])))[0, -1].argmax()))
    (found, other) = score(loaded_of(MODEL), [Request(tokens[:3], tokens[3:]), Request(tokens[:3], [*tokens[3:6], 6])])
    assert found.greedy
    assert other.greedy is (tokens[6] == 6)


def test_a_context_that_is_too_long_loses_its_beginning_and_says_so():
    request = Request(list(range(6, 6 + LONGEST)), [8, 9, 10, 11])
    (found,) = score(loaded_of(MODEL), [request])
    assert found.cut == 3
    assert found.logprob == pytest.approx(one_by_one(MODEL, request)[0], abs=1e-4)


def test_a_continuation_that_is_too_long_is_refused():
    with pytest.raises(UserError, match=f"continuation: {LONGEST + 1} tokens"):
        score(loaded_of(MODEL), [Request([6], [7] * (LONGEST + 1))])
    (found,) = score(loaded_of(MODEL), [Request([6], [7] * LONGEST)])  # one less fits as a whole
    assert found.cut == 0


def test_shared_beginnings_are_read_once(monkeypatch):
    read = []
    forward = MODEL.forward
    monkeypatch.setattr(MODEL, "forward", lambda tokens, *rest: read.append(tokens.numel()) or forward(tokens, *rest))
    context = list(range(6, 46))
    asked = [Request(context, [n, n + 1]) for n in range(6, 14)] * 3
    score(loaded_of(MODEL), asked)
    assert sum(read) == 40 + 8  # the context, and of each continuation the first token


def test_scored_requests_are_counted_to_all():
    counted = []
    score(loaded_of(MODEL), [Request([6, n % 9 + 6], [8]) for n in range(50)], counted.append)
    assert sum(counted) == 50


def test_nothing_asked_is_nothing_scored():
    assert score(loaded_of(MODEL), []) == []


def test_in_bf16_the_scores_are_near():
    """Blocks in bf16, logits and softmax in fp32."""
    exact = loaded_of(decoder_of(spread=0.05))
    near = replace(exact, device=choose_device("cpu", "bf16"))
    asked = [Request([6, 7, 8], [n, n + 1]) for n in range(6, 40)]
    for one, other in zip(score(exact, asked), score(near, asked), strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=0.05)


@settings(deadline=None, max_examples=20)
@given(requests)
def test_of_first_tokens_rank_and_the_likeliest_entries_are_known(asked):
    for found, request in zip(score(loaded_of(MODEL), asked, likeliest=3), asked, strict=True):
        with torch.no_grad():
            logits = MODEL.logits(MODEL(torch.tensor([list(request.context)])))[0, -1].double()
        own, logs = logits[request.continuation[0]], logits.log_softmax(-1)
        assert found.first is not None
        assert found.first.rank == 1 + int((logits > own + 1e-6).sum())
        assert found.first.logprob == pytest.approx(float(logs[request.continuation[0]]), abs=1e-4)
        assert [nats for _, nats in found.first.likeliest] == pytest.approx(logs.topk(3).values.tolist(), abs=1e-4)
        assert all(nats == pytest.approx(float(logs[entry]), abs=1e-4) for entry, nats in found.first.likeliest)
