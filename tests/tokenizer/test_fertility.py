"""Fertility: words, bytes, tokens and texts that change, counted on texts small enough to count by hand."""

from __future__ import annotations

from pytest import approx, mark

from builders import texts, tokenizer_of
from calame.tokenizer.measure import fertility


@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
def test_counts(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    lines = ["L'été, 12 mers !", "où ça ?"]  # words: L été 12 mers, où ça
    found = fertility(tokenizer, {"fr-a": lines, "fr-b": []})
    measure = found["fr-a"]
    tokens = sum(len(tokenizer.encode(line)) for line in lines)
    assert (measure.texts, measure.words, measure.bytes, measure.tokens) == (2, 6, 18 + 9, tokens)
    assert measure.changed == 0
    assert measure.tokens_per_word == approx(tokens / 6)
    assert measure.bytes_per_token == approx(27 / tokens)
    assert found["fr-b"].to_json() == {
        "texts": 0,
        "bytes": 0,
        "tokens_per_word": 0.0,
        "bytes_per_token": 0.0,
        "changed": 0,
    }


def test_a_text_that_does_not_come_back_is_counted() -> None:
    assert fertility(tokenizer_of("sentencepiece-bpe"), {"fr-a": ["a▁b", "a b"]})["fr-a"].changed == 1
    assert fertility(tokenizer_of("byte-bpe"), {"fr-a": ["a▁b", "a b"]})["fr-a"].changed == 0


def test_a_tokenizer_fits_the_language_it_has_learnt_better() -> None:
    found = fertility(tokenizer_of(), {"fr": texts(20, seed=5), "xx": ["zxqwv kjhgf qqxz"] * 5})
    assert found["fr"].bytes_per_token > 1.5 * found["xx"].bytes_per_token
