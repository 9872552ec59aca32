"""Text as it comes: joined it is the whole text, and no character is shown by halves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import mark

from builders import ScriptedModel, config_of, loaded_of, tokenizer_of
from calame.inference.engine import Engine
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream

KINDS = ("byte-bpe", "sentencepiece-bpe")


def streamed(kind: str, ids: list[int]) -> list[str]:
    """What is shown while a model says these ids and stops."""
    loaded = loaded_of(ScriptedModel([[*ids, 5]], config_of(max_position_embeddings=4096)), tokenizer_of(kind))
    request = Request.of(loaded, [2], Sampling(limit=4000), stream=TextStream(loaded.tokenizer))
    with Engine(loaded, slots=1) as engine:
        return [piece.text for piece in engine.stream(request) if piece.text]


@mark.parametrize("kind", KINDS)
@given(text=st.text("ab é🙂👩🏽‍🚀…中\n ", max_size=30) | st.text(max_size=20))
@settings(max_examples=80, deadline=None)
def test_what_is_shown_is_the_text(kind: str, text: str) -> None:
    ids = tokenizer_of(kind).encode(text)
    assert "".join(streamed(kind, ids)) == tokenizer_of(kind).decode(ids)


@mark.parametrize("kind", KINDS)
@given(ids=st.lists(st.integers(6, 329), max_size=25))
@settings(max_examples=80, deadline=None)
def test_what_is_shown_is_the_whole_decode_of_any_ids(kind: str, ids: list[int]) -> None:
    assert "".join(streamed(kind, ids)) == tokenizer_of(kind).decode(ids)


@mark.parametrize("kind", KINDS)
def test_no_character_is_shown_by_halves(kind: str) -> None:
    text = "a🙂é👩🏽‍🚀 b"
    ids = tokenizer_of(kind).encode(text)
    assert len(ids) > len(text), "the emoji are several tokens"
    pieces = streamed(kind, ids)
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert len([piece for piece in pieces if piece]) >= 3, "what is whole is shown before the end"


@mark.parametrize("kind", KINDS)
@given(
    text=st.text("ab é🙂中\n", max_size=30),
    stops=st.lists(st.text("ab é🙂", min_size=1, max_size=3), min_size=1, max_size=3),
)
@settings(max_examples=80, deadline=None)
def test_what_is_shown_ends_before_the_first_stop_string(kind: str, text: str, stops: list[str]) -> None:
    tokenizer = tokenizer_of(kind)
    stream, ids = TextStream(tokenizer, stops), tokenizer.encode(text)
    whole, shown = tokenizer.decode(ids), ""
    for token in ids:
        if not stream.stopped:
            shown += stream.add(token)
            assert not any(stop in shown for stop in stops)
    shown += stream.finish()
    found = [(whole.find(stop) + len(stop), whole.find(stop)) for stop in stops if stop in whole]
    assert stream.stopped == bool(found)
    assert shown == (whole[: min(found)[1]] if found else whole), "the one that is complete first"


@mark.parametrize("pieces", (["ab "], ["ab", " "], ["a", "b", " "]), ids=len)
def test_of_two_stop_strings_the_one_complete_first_counts_wherever_tokens_are_cut(pieces: list[str]) -> None:
    tokenizer = tokenizer_of()
    stream, shown = TextStream(tokenizer, ["ab ", "b"]), ""
    for token in (token for piece in pieces for token in tokenizer.encode(piece)):
        shown += stream.add(token) if not stream.stopped else ""
    assert (shown + stream.finish(), stream.stopped) == ("a", True)


def test_half_a_character_at_the_end_is_shown_in_the_end() -> None:
    ids = tokenizer_of().encode("a🙂")[:-1]
    assert "".join(streamed("byte-bpe", ids)) == "a\ufffd"
