"""Scores of probes: what the model says token by token, one sequence at a time; and targets that have none."""

from __future__ import annotations

import math
from dataclasses import replace

import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx, mark
from tokenizers import models, pre_tokenizers

from builders import decoder_of, loaded_of, tokenizer_of
from calame.evaluation.probes.encode import Encoded, encode_probes
from calame.evaluation.probes.read import Probe
from calame.evaluation.probes.score import Score, score
from calame.inference.load import Loaded
from calame.tokenizer.tokenizer import Tokenizer

LOADED = loaded_of(decoder_of(3))
IDS = st.integers(6, 329)


def nats_of(loaded: Loaded, context: tuple[int, ...], target: tuple[int, ...]) -> torch.Tensor:
    """(target tokens, entries) log-probabilities in the place of each, by one plain pass."""
    with torch.no_grad():
        tokens = torch.tensor([[*context, *target[:-1]]])
        logits = loaded.model.logits(loaded.model(tokens))[0, -len(target) :]
    return logits.double().log_softmax(-1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(IDS, max_size=9), st.lists(IDS, min_size=1, max_size=5)), min_size=1, max_size=4))
def test_scores_are_those_of_one_plain_pass_each(parts: list[tuple[list[int], list[int]]]) -> None:
    encoded = [Encoded((2, *context), tuple(target)) for context, target in parts]
    for part, found in zip(encoded, score(LOADED, encoded, top=4), strict=True):
        logs = nats_of(LOADED, part.context, part.target)
        own = logs[torch.arange(len(part.target)), list(part.target)]
        assert found.nats == approx(-float(own.sum()), abs=1e-4) and found.tokens == len(part.target)
        assert found.probability == approx(float(own[0].exp()), rel=1e-4)
        assert found.perplexity == approx(math.exp(-float(own.mean())), rel=1e-4)
        better = int((logs[0] > own[0] + 1e-6).sum())
        assert better <= found.rank - 1 <= int((logs[0] > own[0] - 1e-6).sum())
        values, entries = logs[0].topk(4)
        assert [probability for _, probability in found.top] == approx(values.exp().tolist(), rel=1e-4)
        assert {entry for entry, _ in found.top} == set(entries.tolist())


@given(st.lists(IDS, min_size=1, max_size=9), IDS)
@settings(max_examples=25, deadline=None)
def test_perplexity_of_a_single_token_is_one_over_its_probability(context: list[int], token: int) -> None:
    (found,) = score(LOADED, [Encoded((2, *context), (token,))])
    assert found.perplexity == approx(1 / found.probability, rel=1e-6)
    assert (found.rank == 1) == (found.top[0][0] == token) and found.probability <= found.top[0][1]


def test_perplexity_beyond_a_number_is_infinite() -> None:
    assert Score(9, 0.0, 5000.0, 2, ()).perplexity == math.inf


def reason(probe: Probe, tokenizer: Tokenizer | None = None, entries: int = 330, room: int = 64) -> str:
    (found,) = encode_probes([probe], tokenizer or tokenizer_of(), entries, room)
    assert isinstance(found, str)
    return found


def probe_of(prompt: str, target: str) -> Probe:
    return Probe(prompt, target, "fr", "factual")


@mark.parametrize("kind", ("byte-bpe", "sentencepiece"))
def test_context_and_target_are_the_text_cut_as_one_behind_bos(kind: str) -> None:
    tokenizer, probe = tokenizer_of(kind), probe_of("Le soleil et la", "lune bleue")
    (found,) = encode_probes([probe], tokenizer, tokenizer.size, 64)
    assert isinstance(found, Encoded)
    assert [*found.context, *found.target] == [tokenizer.special.bos, *tokenizer.encode(probe.whole)]
    assert tokenizer.decode(found.target).strip() == "lune bleue"
    (without,) = encode_probes([probe], tokenizer.without_bos(), tokenizer.size, 64)
    assert without == replace(found, context=found.context[1:])


@mark.parametrize("target", ("", " ", "\n"))
def test_an_empty_target_has_no_score(target: str) -> None:
    assert reason(probe_of("Le soleil", target)) == "the target is empty"


def test_a_target_that_the_vocabulary_does_not_know_has_no_score() -> None:
    engine = tokenizers.Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "le": 2, "chat": 3}, unk_token="<unk>"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad": 0, "bos": 1, "eos": 1, "turn_start": 1, "turn_end": 1}
    tokenizer = Tokenizer(engine, {"kind": "words", "special": special})
    (known,) = encode_probes([probe_of("le", "chat")], tokenizer, 4, 8)
    assert known == Encoded((1, 2), (3,))
    unknown = "the vocabulary does not know all of the target"
    assert reason(probe_of("le", "chat noir"), tokenizer, 4) == unknown
    assert reason(probe_of("le", "chat"), tokenizer, entries=3) == unknown, "the model has fewer entries"


def test_a_probe_that_is_longer_than_the_context_has_no_score_and_one_that_just_fits_has() -> None:
    tokenizer, probe = tokenizer_of(), probe_of("la mer" + " la mer" * 19, "bleue")
    size = len(tokenizer.encode(probe.whole))
    assert "longer than the model's context" in reason(probe, room=size - 1)
    (found,) = encode_probes([probe], tokenizer, 330, size)
    assert isinstance(found, Encoded), "BOS and all but the last token are read"
    longest = loaded_of(decoder_of(max_position_embeddings=size))
    assert math.isfinite(score(longest, [found])[0].nats)


def test_a_target_in_the_middle_of_a_token_has_no_score() -> None:
    """The space before a word is a part of its token: a prompt that ends with it ends within the token."""
    assert reason(probe_of("Le soleil et la ", "mer")) == "no token begins where the target does"
    assert isinstance(encode_probes([probe_of("Le soleil et la", "mer")], tokenizer_of(), 330, 64)[0], Encoded)


def test_without_bos_an_empty_prompt_has_no_score() -> None:
    assert "the prompt is empty" in reason(probe_of("", "Paris"), tokenizer_of().without_bos())
    (found,) = encode_probes([probe_of("", "Paris")], tokenizer_of(), 330, 64)
    assert isinstance(found, Encoded) and found.context == (2,)
