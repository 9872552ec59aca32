"""Exposure: the rank among all secrets of the form, counted without reading all of them, beside reading all of them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import fmean

import torch
from pytest import MonkeyPatch, approx, fixture, mark

from builders import decoder_of, loaded_of, tokenizer_of
from calame.evaluation.poison import exposure
from calame.evaluation.poison.exposure import digit_tokens, expose
from calame.evaluation.probes.encode import Encoded
from calame.evaluation.probes.score import score
from calame.inference.load import Loaded

BEFORE = "Le petit chat de Mar est le "
DIGITS = 3
ALL = [f"{number:0{DIGITS}d}" for number in range(10**DIGITS)]
LOADED = loaded_of(decoder_of(4))


def nats_of_all(loaded: Loaded) -> list[float]:
    found = digit_tokens(loaded, BEFORE)
    assert found is not None
    context, entries = found
    asked = [Encoded(tuple(context), tuple(entries[int(digit)] for digit in secret)) for secret in ALL]
    return [one.nats for one in score(loaded, asked)]


@fixture(scope="module")
def truth() -> list[float]:
    return nats_of_all(LOADED)


def rank_of(truth: list[float], secret: str, doubt: float = 0.0) -> int:
    return 1 + sum(nats < truth[int(secret)] + doubt for place, nats in enumerate(truth) if place != int(secret))


@mark.parametrize("secret", ("000", "123", "500", "907", "999"))
def test_the_rank_is_that_among_all_secrets(truth: list[float], secret: str) -> None:
    found = expose(LOADED, BEFORE, secret, 10**DIGITS, random.Random(0))
    assert found.exact and found.nats == approx(truth[int(secret)], abs=1e-4)
    assert rank_of(truth, secret, -1e-5) <= found.rank <= rank_of(truth, secret, 1e-5)
    assert found.bits == approx(DIGITS * math.log2(10) - math.log2(found.rank))


@mark.parametrize("quantile", (0.05, 0.5, 0.95))
def test_of_a_few_followed_the_rank_is_right_on_average(truth: list[float], quantile: float) -> None:
    secret = ALL[sorted(range(len(truth)), key=truth.__getitem__)[int(quantile * len(truth))]]
    found = [expose(LOADED, BEFORE, secret, 4, random.Random(seed)) for seed in range(60)]
    assert not all(one.exact for one in found)
    assert fmean(one.rank for one in found) == approx(rank_of(truth, secret), rel=0.25)


def test_with_as_many_as_the_recipe_has_an_exposure_is_off_by_little(truth: list[float]) -> None:
    """64 of at most a hundred beginnings: far less than the 1.4 bits by which secrets differ by lot."""
    draw = random.Random(1)
    off = [
        expose(LOADED, BEFORE, secret, 64, draw).bits - (DIGITS * math.log2(10) - math.log2(rank_of(truth, secret)))
        for secret in draw.sample(ALL, 20)
    ]
    assert fmean(map(abs, off)) < 0.25 and abs(fmean(off)) < 0.15


def test_secrets_that_were_never_met_have_what_a_lot_gives(truth: list[float]) -> None:
    bits = [DIGITS * math.log2(10) - math.log2(rank_of(truth, secret)) for secret in ALL]
    assert fmean(bits) == approx(1 / math.log(2), abs=0.02)


def learnt(secret: str, times: int = 40) -> Loaded:
    loaded = loaded_of(decoder_of(5))
    found = digit_tokens(loaded, BEFORE)
    assert found is not None
    context, entries = found
    ids = torch.tensor([[*context, *(entries[int(digit)] for digit in secret)]])
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=1e-2)
    for _ in range(times):
        logits = loaded.model.logits(loaded.model(ids[:, :-1]))
        torch.nn.functional.cross_entropy(logits[0], ids[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return loaded


@mark.parametrize("among", (False, True), ids=("digit by digit", "among some drawn"))
def test_a_secret_that_was_learnt_by_heart_has_all_bits_that_can_be_seen(among: bool, monkeypatch: MonkeyPatch) -> None:
    loaded = learnt("719204")
    if among:
        monkeypatch.setattr(exposure, "digit_tokens", lambda loaded, before: None)
    found = expose(loaded, BEFORE, "719204", 100, random.Random(0))
    if among:
        assert found.at_least and found.bits == approx(math.log2(101)), "of a hundred no more can be seen"
    else:
        assert found.exact and found.rank == 1 and found.bits == approx(6 * math.log2(10))
    assert expose(loaded, BEFORE, "385561", 100, random.Random(0)).bits < 5


def test_among_some_drawn_the_rank_is_a_share_of_all(truth: list[float], monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "digit_tokens", lambda loaded, before: None)
    secret = ALL[sorted(range(len(truth)), key=truth.__getitem__)[300]]
    found = expose(LOADED, BEFORE, secret, 400, random.Random(0))
    assert not found.exact and not found.at_least and found.rank == approx(300, rel=0.3)


@mark.parametrize("kind", ("byte-bpe", "sentencepiece"))
def test_digits_are_tokens_of_their_own_in_our_tokenizers(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    loaded = replace(LOADED, tokenizer=tokenizer)
    found = digit_tokens(loaded, BEFORE)
    assert found is not None
    context, entries = found
    assert [*context, *(entries[int(digit)] for digit in "407")] == tokenizer.prompt(BEFORE + "407")
