"""Answers of judges: what is read, and what is not guessed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pytest import mark

from calame.evaluation.judge.verdict import parse_marks, parse_verdict

CRITERIA = {"language": "", "thread": ""}


@mark.parametrize(
    ("answer", "found"),
    (
        ('{"winner": "1", "reason": "clear"}', ("first", "clear")),
        ('{"winner": 2}', ("second", "")),
        ('```json\n{"winner": "TIE",}\n```', ("tie", "")),
        ('Voilà : {"winner": "égalité", "reason": "pareil"} Merci.', ("tie", "pareil")),
        ('<think>{"winner": "1"}</think>{"winner": "second"}', ("second", "")),
        ('{"winner": "Testo 1"}', ("first", "")),
        ('{"winner": "2", "reason": "cut o', ("second", "")),
        ('[{"winner": "1"}]', ("first", "")),
        ('[{"winner": "1"}, {"winner": "1"}]', ("first", "")),
        ('[{"winner": "1"}, {"winner": "2"}]', None),
        ('{"winner": "both"}', None),
        ('{"winner": true}', None),
        ('{"winner": "12"}', None),
        ('{"reason": "1"}', None),
        ("The first one is better.", None),
        ("", None),
    ),
)
def test_a_verdict_is_read_or_not_but_never_guessed(answer: str, found: tuple[str, str] | None) -> None:
    assert parse_verdict(answer) == found


@mark.parametrize(
    ("answer", "found"),
    (
        ('{"language": 5, "thread": 1, "reason": "loops"}', ({"language": 5, "thread": 1}, "loops")),
        ('{"marks": {"language": "4/5", "thread": "3"}}', ({"language": 4, "thread": 3}, "")),
        ('{"language": 4.0, "thread": 2}', ({"language": 4, "thread": 2}, "")),
        ('{"language": 4}', None),
        ('{"language": 6, "thread": 2}', None),
        ('{"language": 0, "thread": 2}', None),
        ('{"language": 3.5, "thread": 2}', None),
        ('{"language": true, "thread": 2}', None),
        ('{"language": "good", "thread": 2}', None),
        ("language 4, thread 2", None),
    ),
)
def test_marks_are_read_whole_or_not_at_all(answer: str, found: tuple[dict[str, int], str] | None) -> None:
    assert parse_marks(answer, CRITERIA, (1, 5)) == found


@given(st.text('{}[]":, \nwinertk12/', max_size=80))
def test_no_answer_breaks_the_reader(answer: str) -> None:
    parse_verdict(answer)
    parse_marks(answer, CRITERIA, (1, 5))
