"""The exam: when an answer is right, the two baselines on a hand-made table, and which questions are read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch, mark, raises

from builders import ScriptedModel, config_of, loaded_of, recipe_of, tokenizer_of
from calame.corpus import petit_monde
from calame.evaluation.exam import (
    Answer,
    Question,
    holds,
    is_right,
    lines,
    read_questions,
    score_table,
    shortfalls,
    shuffled_values,
    sit_exam,
    words,
    write_answers,
)
from calame.evaluation.measurement import VERDICTS, CannotMeasure, Verdict
from calame.recipe.errors import UserError


@mark.parametrize(
    ("text", "value", "held"),
    (
        ("Il vit à Orme.", "Orme", True),
        ("IL VIT À ORME", "Orme", True),
        ("Il vit à Ormeau.", "Orme", False),
        ("Il vit à Lorme.", "Orme", False),
        ("Élise l'a dit.", "élise", True),
        ("E\u0301lise l'a dit.", "Élise", True),  # the accent as a character of its own
        ("Elise l'a dit.", "Élise", False),
        ("C'est l’ami d'Élise.", "l'ami", True),
        ("C'est l'ami.", "l’ami", True),
        ("Il a 12 ans", "12", True),
        ("Il a 112 ans", "12", False),
        ("à Val\u00a0Clair", "Val Clair", True),  # French typography
        ("à Val\nClair", "Val Clair", True),
        ("(Orme)", "Orme", True),
        ("C++ et C", "C++", True),
        ("rien", "", False),
    ),
)
def test_a_text_holds_a_value_as_whole_words(text: str, value: str, held: bool) -> None:
    assert holds(text, value) is held


@mark.parametrize(
    ("text", "value", "candidates", "right"),
    (
        ("Il vit à Orme.", "Orme", ["Orme", "Brume"], True),
        ("Il vit à Brume.", "Orme", ["Orme", "Brume"], False),
        ("À Orme ou à Brume.", "Orme", ["Orme", "Brume"], False),
        ("À Orme, oui, à Orme.", "Orme", ["Orme", "Brume"], True),
        ("À Orme-la-Brume.", "Orme-la-Brume", ["Orme-la-Brume", "Orme", "Brume"], True),
        ("À Orme-la-Brume.", "Orme", ["Orme-la-Brume", "Orme", "Brume"], False),
        ("vingt-deux ans", "deux", ["deux", "vingt-deux"], False),
        ("vingt-deux ans", "vingt-deux", ["deux", "vingt-deux"], True),
        ("Élise", "Élise", ["Elise", "Élise"], True),
        ("orme", "Orme", ["ORME", "Brume"], True),
        ("Rien de cela.", "Orme", ["Orme", "Brume"], False),
        ("Il vit à Orme.", "Orme", [], True),
        ("Il vit à Orme.", "Orme", ["", "Orme"], True),
        ("", "Orme", ["Orme"], False),
    ),
)
def test_right_is_the_value_and_no_other_candidate(text: str, value: str, candidates: list[str], right: bool) -> None:
    assert is_right(text, value, candidates) is right


CANDIDATES = ["orme", "brume", "val", "val-clair", "le val"]
places = st.sampled_from(CANDIDATES)


@given(said=st.lists(places, max_size=4), value=places)
def test_an_answer_is_right_for_at_most_one_candidate(said: list[str], value: str) -> None:
    assert is_right(", ".join(said), value, CANDIDATES) is (set(said) == {value})


def question(value: str, relation: str = "town", kind: str = "known", language: str = "fr") -> Question:
    return Question(f"où ({value}) ?", value, ("Orme", "Brume", "Val"), kind, relation, language)


def test_shuffled_values_are_those_of_the_next_of_the_same_kind_relation_and_language() -> None:
    questions = [
        question("Orme"),
        question("12", "age"),
        question("Brume"),
        question("13", "age"),
        question("Val", language="it"),
        question("Val"),
    ]
    assert shuffled_values(questions) == ["Brume", "13", "Val", "12", "", "Orme"]


def answer(value: str, said: str, relation: str = "town", other: str = "", stopped: bool = True) -> Answer:
    asked = question(value, relation)
    return Answer(
        asked, said, stopped, is_right(said, value, asked.candidates), is_right(said, other, asked.candidates)
    )


def test_scores_and_baselines_of_a_table_made_by_hand() -> None:
    """Eight questions: five towns (three of them Orme) and three ages (all different)."""
    answers = [
        answer("Orme", "Orme", other="Brume"),
        answer("Orme", "Orme", other="Orme"),
        answer("Orme", "Brume", other="Brume"),
        answer("Brume", "Orme", other="Val"),
        answer("Val", "Val", other="Orme"),
        answer("12", "12", "age", "13"),
        answer("13", "13", "age", "14", stopped=False),
        answer("14", "?", "age", "12"),
    ]
    (row,) = score_table(answers)
    assert row["questions"] == 8
    assert row["right"] == 5 / 8
    assert row["stderr"] == round(math.sqrt(5 / 8 * 3 / 8 / 8), 4)
    assert row["most_frequent"] == (3 + 1) / 8
    assert row["shuffled_facts"] == 2 / 8
    assert row["stopped"] == 7 / 8


def test_each_kind_and_language_has_a_row() -> None:
    answers = [
        Answer(question("Orme", kind=kind, language=language), "Orme", True, True, False)
        for kind, language in (("known", "fr"), ("held out", "fr"), ("known", "it"), ("known", "fr"))
    ]
    rows = score_table(answers)
    assert [(row["kind"], row["language"], row["questions"]) for row in rows] == [
        ("known", "fr", 2),
        ("held out", "fr", 1),
        ("known", "it", 1),
    ]


def test_a_model_is_asked_each_question_in_a_conversation_of_its_own() -> None:
    tokenizer = tokenizer_of()
    model = ScriptedModel([[*tokenizer.encode("à Orme"), 5]] * 3, config_of(max_position_embeddings=512))
    asked = [question("Orme"), question("Orme"), question("Orme")]
    answers = sit_exam(loaded_of(model), asked)
    assert [a.text for a in answers] == ["à Orme"] * 3
    assert all(a.right and a.stopped for a in answers)
    assert model.read[0] == tokenizer.chat([{"role": "user", "content": asked[0].question}])


def test_an_answer_cut_off_is_not_counted_as_stopped() -> None:
    model = ScriptedModel([tokenizer_of().encode("Orme mer ")], config_of(max_position_embeddings=512))
    (answered,) = sit_exam(loaded_of(model), [question("Orme")])
    assert (answered.right, answered.stopped) == (True, False)


def test_a_question_longer_than_the_context_is_wrong_and_the_others_are_asked() -> None:
    model = ScriptedModel([[*tokenizer_of().encode("à Orme"), 5]], config_of(max_position_embeddings=64))
    long = Question("mer " * 100, "Orme", ("Orme",), "recall", "", "fr")
    answers = sit_exam(loaded_of(model), [long, question("Orme")])
    assert [(a.text, a.right, a.stopped) for a in answers] == [("", False, False), ("à Orme", True, True)]


def read(tmp_path: Path, *lines: str) -> list[Question]:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_questions(str(path), None)


def test_questions_are_read_from_a_file(tmp_path: Path) -> None:
    full = {
        "question": "où ?",
        "value": "Orme",
        "candidates": ["Orme", "Val"],
        "kind": "known",
        "relation": "town",
        "language": "fr",
    }
    found = read(tmp_path, json.dumps(full), json.dumps({"question": "qui ?", "value": "Élise"}))
    assert found[0] == Question("où ?", "Orme", ("Orme", "Val"), "known", "town", "fr")
    assert found[1] == Question("qui ?", "Élise", ("Élise",), "question", "", "")


@mark.parametrize(
    ("line", "message"),
    (
        ('{"question": "où ?"}', "questions.jsonl:2 has no value"),
        ('{"value": 3}', "questions.jsonl:2 has no question and no value"),
        ("broken", "questions.jsonl:2: broken line"),
        ('{"question": "où ?", "value": "Orme", "candidates": "Orme"}', "questions.jsonl:2: candidates is no list"),
    ),
)
def test_what_is_no_question_is_refused_by_its_place(line: str, message: str, tmp_path: Path) -> None:
    with raises(UserError, match=message):
        read(tmp_path, '{"question": "où ?", "value": "Orme"}', line)


def test_questions_that_are_not_there_are_refused() -> None:
    with raises(UserError, match=r"^evaluation\.questions: nowhere\.jsonl: no such file or folder"):
        read_questions("nowhere.jsonl", None)


def test_the_embedded_world_is_asked_as_its_corpus_was_written(monkeypatch: MonkeyPatch) -> None:
    asked: list[Any] = []

    def rows(part: str, **how: Any) -> Iterator[dict[str, Any]]:
        asked.append((part, how))
        return iter([{"question": "où ?", "value": "Orme"}])

    monkeypatch.setattr(petit_monde, "rows", rows)
    corpus = {"sources": {"monde": {"from": "builtin:petit-monde", "size": "2kB"}}}
    (found,) = read_questions("builtin:petit-monde", recipe_of(corpus=corpus, seed=9))
    assert found.value == "Orme"
    assert asked == [("questions", {"seed": 9, "size": 2000, "languages": ["fr"]})]
    with raises(UserError, match="no source of the corpus"):
        read_questions("builtin:petit-monde", recipe_of())
    with raises(CannotMeasure, match="no run"):
        read_questions("builtin:petit-monde", None)


def test_every_answer_is_written_down(tmp_path: Path) -> None:
    write_answers(tmp_path / "answers.jsonl", [answer("Orme", "à Orme"), answer("Val", "à Orme")])
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [(line["value"], line["answer"], line["right"]) for line in lines] == [
        ("Orme", "à Orme", True),
        ("Val", "à Orme", False),
    ]
    assert lines[0]["stopped"] is True


def row(kind: str, language: str, right: float, stopped: float = 1.0) -> dict[str, Any]:
    return {"kind": kind, "language": language, "right": right, "stopped": stopped}


def test_what_falls_short_is_said_in_words() -> None:
    table = [row("known", "fr", 0.9), row("known", "it", 0.7), row("held out", "fr", 0.5, 0.75)]
    found = {"tuned": {"table": table}}
    assert shortfalls({}, found) == []
    assert shortfalls({"known": 0.7}, found) == []
    assert shortfalls({"known": 0.8}, found) == ["known in it: 70.0% right, 80% required"]
    assert shortfalls({"held out": 0.4, "unseen": 0.1}, found) == [
        "held out in fr: 25.0% of the answers did not end by themselves",
        "no question of kind unseen was asked",
    ]
    assert shortfalls({"known": 0.1}, {}) == ["no question of kind known was asked"]


def test_the_table_for_the_terminal_has_a_line_a_row() -> None:
    full = {"questions": 10, "stderr": 0.1, "most_frequent": 0.2, "shuffled_facts": 0.1, **row("known", "fr", 0.9)}
    said = lines({"tuned": {"table": [full]}})
    assert len(said) == 2
    assert len(said[0]) == len(said[1])
    assert "90.0%" in said[1]


@mark.parametrize(
    ("right", "number", "base", "verdict"),
    (
        (0.98, 100, 0.15, "can"),
        (0.30, 100, 0.15, "in part"),
        (0.20, 100, 0.15, "cannot"),  # the noise of a hundred questions
        (0.20, 1000, 0.15, "in part"),
        (0.10, 100, 0.24, "cannot"),
        (1.00, 100, 1.00, "cannot"),
        (1.00, 2, 0.50, "cannot"),  # two of two prove nothing
        (1.00, 10, 0.50, "can"),
        (0.00, 10, 0.00, "cannot"),
    ),
)
def test_what_it_can_and_cannot_answer_is_said_from_the_numbers(
    right: float, number: int, base: float, verdict: str
) -> None:
    scored = {"questions": number, "most_frequent": base, "shuffled_facts": 0.0, **row("recall", "fr", right)}
    (sentence,) = words({"tuned": {"table": [scored]}})
    assert isinstance(sentence, Verdict) and sentence.verdict == verdict
    assert f"the text that it read: {right:.0%} of {number} in French right; without knowing anything" in sentence
    assert sentence.sentence.startswith(VERDICTS[verdict])


def test_languages_that_it_can_do_alike_are_said_together() -> None:
    scores = {"fr": 0.9, "it": 0.1, "": 0.95}
    rows = [
        {"questions": 100, "most_frequent": base, "shuffled_facts": 0.0, **row("quiz", language, right)}
        for (language, right), base in zip(scores.items(), (0.1, 0.2, 0.3), strict=True)
    ]
    can, cannot = words({"tuned": {"table": rows}})
    assert can == "answer questions of kind quiz: 90% of 100 in French, 95% of 100 right; without knowing anything 30%"
    assert "10% of 100 in Italian" in cannot and cannot.verdict == "cannot"
