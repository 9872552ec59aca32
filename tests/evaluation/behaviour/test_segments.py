"""Words, sentences and windows: nothing of a text is lost but what lies between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import mark

from calame.evaluation.behaviour.segments import WINDOW, sentences, windows, words


@mark.parametrize(
    ("text", "wanted"),
    (
        ("L’été, l'enfant dit : « Où va-t-on ? »", ["L’été", "l'enfant", "dit", "Où", "va", "t", "on"]),
        ("Perché 3,5 metri...", ["Perché", "3,5", "metri"]),
        ("", []),
        ("… — !", []),
    ),
)
def test_words_are_unicodes(text: str, wanted: list[str]) -> None:
    assert words(text) == wanted


def test_sentences_end_at_their_sign_or_at_the_line() -> None:
    text = "Il dort. « Qui ? » dit-elle… Bon\nC'est tout"
    assert sentences(text) == ["Il dort.", "« Qui ?", "» dit-elle…", "Bon", "C'est tout"]
    assert sentences(" \n ") == []


@given(st.text())
def test_nothing_but_white_space_is_lost(text: str) -> None:
    plain = "".join(text.split())
    assert "".join("".join(sentences(text)).split()) == plain
    assert "".join("".join(windows(text)).split()) == plain
    assert all(len(window.split()) <= WINDOW for window in windows(text))
