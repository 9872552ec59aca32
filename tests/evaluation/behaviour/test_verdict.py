"""What is said of texts made by hand: periodic, code-switched, nothing but an end, blank, cut off."""

from __future__ import annotations

from pytest import mark

from calame.evaluation.behaviour.languages import LEAST_LETTERS, language_of, switch_rate
from calame.evaluation.behaviour.verdict import LEAST_TOKENS, judge
from calame.inference.generate import Completion

FRENCH = "Le vieux pêcheur rentrait chaque soir au village avec son panier vide."
ITALIAN = "La mattina dopo il ragazzo trovò la porta della cascina ancora chiusa."
ENGLISH = "The children were waiting near the old well behind the garden wall."


def said(text: str, stopped: bool = True, tokens: int | None = None) -> Completion:
    """A completion whose tokens are its words, each word always the same."""
    known: dict[str, int] = {}
    ids = [known.setdefault(word, len(known)) for word in text.split()]
    return Completion(tuple(ids if tokens is None else range(tokens)), text, stopped)


def test_a_text_without_fault() -> None:
    verdict = judge(said(f"{FRENCH} Personne ne lui demandait rien, et il aimait cela."))
    assert verdict.complete and verdict.stopped and not verdict.empty
    assert verdict.tokens.loop_period == verdict.words.loop_period == 0
    assert verdict.tokens.distinct_2 == 1.0 and verdict.tokens.rep4 == 0.0 and not verdict.tokens.repeated_4gram
    assert verdict.language == "fr" and verdict.switches == verdict.window_switches == 0.0


def test_a_periodic_tail() -> None:
    verdict = judge(said("Il marchait vers la mer " + "et puis la mer " * 8, stopped=False))
    assert verdict.tokens.loop_period == verdict.words.loop_period == 4
    assert verdict.tokens.repeated_4gram and verdict.words.repeated_4gram
    assert verdict.tokens.rep4 is not None and verdict.tokens.rep4 > 0.6


def test_a_sentence_said_three_times_is_a_loop_of_sentences_only_where_it_is_long() -> None:
    verdict = judge(said(f"{FRENCH} " * 2 + FRENCH))
    assert verdict.same_sentences and verdict.tokens.loop_period == 12
    verdict = judge(said(f"{FRENCH} {ITALIAN} " * 2))
    assert not verdict.same_sentences and verdict.tokens.loop_period == 0 and verdict.tokens.repeated_4gram


def test_a_code_switched_text() -> None:
    verdict = judge(said(f"{FRENCH} {ITALIAN} {ENGLISH} {ENGLISH}"))
    assert verdict.switches == 2 / 3
    assert judge(said(f"{FRENCH}\n{ITALIAN}")).switches == 1.0
    assert 0 < judge(said(f"{FRENCH} {FRENCH} {ITALIAN} {ITALIAN}")).window_switches <= 1.0


@mark.parametrize("text", ("", " \n ", "\u00a0"))
def test_nothing_but_an_end(text: str) -> None:
    verdict = judge(said(text, tokens=0 if not text else LEAST_TOKENS))
    assert verdict.empty and verdict.stopped and not verdict.complete, "stripped to blank is not complete"
    assert verdict.language == "" and verdict.switches == 0.0 and verdict.words.distinct_2 is None


@mark.parametrize(("stopped", "tokens", "complete"), ((True, 1, True), (False, 7, False), (False, 8, True)))
def test_complete_is_ended_by_itself_or_at_the_limit_with_enough(stopped: bool, tokens: int, complete: bool) -> None:
    assert judge(said("oui", stopped, tokens)).complete is complete


def test_a_language_is_said_of_enough_letters_and_a_switch_of_sure_ones() -> None:
    assert language_of("a" * (LEAST_LETTERS - 1)) == "" and language_of("12345 67890 12345 67890 12345") == ""
    assert [language_of(text) for text in (FRENCH, ITALIAN, ENGLISH)] == ["fr", "it", "en"]
    assert switch_rate([]) == switch_rate([FRENCH]) == 0.0
    assert switch_rate([FRENCH, "Oui.", ITALIAN]) == 0.0, "a short one is no language, and no bridge"
    assert switch_rate([FRENCH, ITALIAN, ITALIAN]) == 0.5
