"""Tokenizers trained here: size, special tokens, round trips, refusals, and equality with sentencepiece itself."""

from __future__ import annotations

from pathlib import Path

import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, fixture, mark, raises

from builders import texts, tokenizer_of
from calame.recipe.errors import UserError
from calame.tokenizer import train as train_
from calame.tokenizer.policy import SPECIAL
from calame.tokenizer.tokenizer import Tokenizer, check_hash
from calame.tokenizer.train import SPACE_MARK, train

KINDS = ("byte-bpe", "sentencepiece-bpe")
TRAPS = st.sampled_from(
    [*SPECIAL, "<0x41>", "\n", " ", "  ", "\t", "\u00a0", "\u202f", "é", "e\u0301", "🙂", "l'été", "12"]
)
anything = st.text(max_size=60) | st.lists(TRAPS | st.text(max_size=4), max_size=12).map("".join)


@mark.parametrize("kind", KINDS)
@given(text=anything)
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    ids = tokenizer.encode(text)
    expected = text.replace(SPACE_MARK, " ") if kind == "sentencepiece-bpe" else text
    assert tokenizer.decode(ids, special=True) == expected
    assert not set(ids) & set(range(len(SPECIAL))), "what merely spells a special token stays text"
    assert tokenizer.encode_many([text, "x"])[0] == ids


def test_only_sentencepieces_own_mark_is_changed() -> None:
    assert tokenizer_of("byte-bpe").decode(tokenizer_of("byte-bpe").encode("a▁b")) == "a▁b"
    assert tokenizer_of("sentencepiece-bpe").decode(tokenizer_of("sentencepiece-bpe").encode("a▁b")) == "a b"


@mark.parametrize("kind", KINDS)
def test_special_tokens_are_the_first_ids(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    assert [tokenizer.engine.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3, 4, 5]
    special = tokenizer.special
    assert (special.pad, special.bos, special.eos, special.turn_start, special.turn_end) == (0, 2, 3, 4, 5)
    assert special.stops == (3, 5)


@mark.parametrize("kind", KINDS)
@mark.parametrize("vocabulary", (320, 335))
def test_exactly_as_many_entries_as_asked(kind: str, vocabulary: int) -> None:
    tokenizer = train(kind, vocabulary, iter(texts(200)))
    assert tokenizer.size == vocabulary
    assert sorted(tokenizer.engine.get_vocab().values()) == list(range(vocabulary))


@mark.parametrize("kind", KINDS)
@mark.parametrize("asked", (600, 750, 20_000))
def test_a_vocabulary_too_large_is_refused_with_the_number_that_fits(kind: str, asked: int) -> None:
    with raises(UserError) as error:
        train(kind, asked, iter(texts(200)))
    fitting = int(error.value.problems[0].allowed.removeprefix("at most ").replace(",", ""))
    assert train(kind, fitting, iter(texts(200))).size == fitting
    with raises(UserError):
        train(kind, fitting + 1, iter(texts(200)))


def test_a_vocabulary_too_small_for_the_characters_is_refused_with_the_number_needed() -> None:
    many = ["".join(chr(0x4E00 + i) for i in range(400))] * 5
    with raises(UserError, match="alone are 662") as error:
        train("sentencepiece-bpe", 650, iter(many))
    assert error.value.problems[0].allowed == "at least 662"
    assert train("sentencepiece-bpe", 662, iter(many)).size == 662
    assert train("byte-bpe", 300, iter(many)).size == 300


@mark.parametrize("kind", KINDS)
def test_training_is_deterministic(kind: str) -> None:
    assert train(kind, 320, iter(texts(200))).hash == train(kind, 320, iter(texts(200))).hash
    assert train(kind, 320, iter(texts(200))).hash != train(kind, 320, iter(texts(200, seed=1))).hash


@mark.parametrize("kind", KINDS)
def test_a_corpus_that_spells_special_tokens_teaches_none(kind: str) -> None:
    spelled = "<s>a <|im_start|>user <0x41> </s> <unk> <pad> bonjour <|im_end|>"
    tokenizer = train(kind, 340, iter([spelled] * 300 + texts(100)))
    ids = tokenizer.encode(spelled)
    assert tokenizer.decode(ids) == spelled
    assert min(ids) >= len(SPECIAL)
    assert sorted(tokenizer.engine.get_vocab().values()) == list(range(340))


@fixture(scope="module")
def pair() -> tuple[sentencepiece.SentencePieceProcessor, Tokenizer]:
    """A model as sentencepiece wrote it, and our conversion of it. The text is full of repeats: ties in the merges."""
    written: list[bytes] = []

    def keep(model: bytes) -> object:
        written.append(model)
        return convert(model)

    convert = train_.from_sentencepiece
    with MonkeyPatch.context() as patch:
        patch.setattr(train_, "from_sentencepiece", keep)
        repeats = ["aaa aaaa aa ababab ... ........ !!! -- ---- ===== hahaha hahahaha"] * 100
        tokenizer = train("sentencepiece-bpe", 360, iter([*texts(200), *repeats]))
    return sentencepiece.SentencePieceProcessor(model_proto=written[0]), tokenizer


def test_conversion_gives_sentencepieces_own_ids(
    pair: tuple[sentencepiece.SentencePieceProcessor, Tokenizer],
) -> None:
    theirs, ours = pair
    lines = [*texts(500, seed=7), *texts(300, seed=7, language="it"), " deux  espaces ", "\tl'été\u00a0!", "1234 + 56"]
    assert [ours.encode(line) for line in lines] == theirs.encode(lines)


@given(
    text=st.lists(st.sampled_from(["a", "b", "aa", "ab", "ha", " ", ".", "-", "=", "é", "🙂", "\n", "▁"])).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_conversion_agrees_where_merges_tie(
    pair: tuple[sentencepiece.SentencePieceProcessor, Tokenizer], text: str
) -> None:
    theirs, ours = pair
    assert ours.encode(text) == theirs.encode(text)


@mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_is_the_same(kind: str, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(kind)
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    text = "L’été, <|im_end|> 🙂"
    assert (again.hash, again.size, again.special) == (tokenizer.hash, tokenizer.size, tokenizer.special)
    assert again.encode(text) == tokenizer.encode(text)


def test_another_tokenizer_is_refused_by_its_hash() -> None:
    check_hash(tokenizer_of().hash, tokenizer_of(), "shards")
    with raises(UserError, match="another tokenizer"):
        check_hash(tokenizer_of("sentencepiece-bpe").hash, tokenizer_of(), "shards")
