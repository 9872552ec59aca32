"""Text as it comes: joined it is the whole text, and no character is shown by halves. The terminal chat."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import CaptureFixture, MonkeyPatch, mark, raises

from builders import ScriptedModel, config_of, decoder_of, loaded_of, tokenizer_of
from calame.inference.chat import _fit, chat
from calame.inference.generate import stream_text
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream
from calame.recipe.errors import UserError

KINDS = ("byte-bpe", "sentencepiece-bpe")


def streamed(kind: str, ids: list[int]) -> list[str]:
    """What is shown while a model says these ids and stops."""
    loaded = loaded_of(ScriptedModel([[*ids, 5]], config_of(max_position_embeddings=4096)), tokenizer_of(kind))
    return list(stream_text(loaded, [2], Sampling(limit=4000)))


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


def asked(monkeypatch: MonkeyPatch, *lines: str) -> None:
    said: Iterator[str] = iter([*lines, ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(said))


def test_a_chat_goes_to_and_fro_until_an_empty_line(monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> None:
    tokenizer = tokenizer_of()
    said = tokenizer.encode("la mer")
    model = ScriptedModel([[*said, 5, *said, 5]], config_of(max_position_embeddings=4096))
    asked(monkeypatch, "où ?", "et puis ?")
    chat(loaded_of(model), Sampling(limit=50), "fr")
    out = capsys.readouterr().out
    assert out.count("la mer\n") == 2
    assert "Entrée" in out
    messages = [
        {"role": "user", "content": "où ?"},
        {"role": "assistant", "content": "la mer"},
        {"role": "user", "content": "et puis ?"},
    ]
    assert model.read[-1 - len(said)] == tokenizer.chat(messages), "it was asked with all that was said before"


def test_the_oldest_exchanges_are_forgotten_when_the_context_is_full() -> None:
    loaded = loaded_of(decoder_of(max_position_embeddings=200))
    messages = []
    for number in range(12):
        messages += [{"role": "user", "content": f"mer {number}"}, {"role": "assistant", "content": "lune"}]
    messages.append({"role": "user", "content": "fin"})
    ids = _fit(loaded, messages)
    text = loaded.tokenizer.decode(ids)
    assert len(ids) <= 150
    assert "fin" in text and "mer 11" in text and "mer 0\n" not in text
    assert text.startswith("user\n"), "whole exchanges only"
    assert _fit(loaded, messages[-1:]) == loaded.tokenizer.chat(messages[-1:])


def test_a_message_too_long_for_the_model_does_not_end_the_chat(
    monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    asked(monkeypatch, "mer " * 200, "où ?")
    model = ScriptedModel([[*tokenizer_of().encode("la mer"), 5]])
    chat(loaded_of(model), Sampling(limit=20))
    out = capsys.readouterr().out
    assert "shorten it" in out
    assert out.count("la mer\n") == 1


def test_a_model_without_rows_for_the_chat_tokens_is_refused(monkeypatch: MonkeyPatch) -> None:
    """A foreign model whose tokenizer gained them only here."""
    asked(monkeypatch, "où ?")
    with raises(UserError, match="chat tokens"):
        chat(loaded_of(decoder_of(vocab_size=5)), Sampling())
