"""Language identification: what is in another language goes or is named as it is found, and doubt has its own rule."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.document import Document
from calame.corpus.language_id import guess, language_steps, paragraphs, windows
from calame.corpus.readers.kinds import read_rows
from calame.corpus.step import Drop, Step
from calame.recipe.errors import UserError
from calame.recipe.texts import LanguageId

FRENCH = "Le vieux moulin tournait encore au bord de la rivière, et les enfants du village y allaient chaque soir."
ITALIAN = "Il vecchio mulino girava ancora sulla riva del fiume, e i bambini del paese ci andavano ogni sera."
ENGLISH = "The old mill was still turning on the bank of the river, and the children went there every evening."
GERMAN = "Die alte Mühle drehte sich noch am Ufer des Flusses, und die Kinder gingen jeden Abend dorthin."
LANGUAGES = ["fr", "it", "en"]


def document(text: str, language: str = "fr") -> Document:
    return Document(text, "s", "g", language)


def step(**keys) -> Step:
    (only,) = language_steps(LanguageId(**keys), LANGUAGES)
    return only


def test_by_default_the_source_is_taken_at_its_word():
    assert language_steps(LanguageId(), LANGUAGES) == []


def test_declared_documents_in_another_language_go():
    check = step(check="declared")
    assert check(document(FRENCH)) == document(FRENCH)
    dropped = check(document(GERMAN))
    assert isinstance(dropped, Drop)
    assert dropped.rule == "other language"
    assert dropped.detail.startswith("de ")
    assert isinstance(check(document(ENGLISH)), Drop)


def test_detected_languages_are_set_if_they_are_the_recipes():
    check = step(check="detect")
    for text, language in ((FRENCH, "fr"), (ITALIAN, "it"), (ENGLISH, "en")):
        assert check(document(text, "")) == document(text, language)
    assert isinstance(check(document(GERMAN, "")), Drop)


def test_too_few_letters_are_not_judged():
    assert step(check="declared")(document("42 km", "it")) == document("42 km", "it")
    assert isinstance(step(check="declared", unsure="drop")(document("42 km", "it")), Drop)
    verdict = step(check="detect")(document("42 km", ""))
    assert isinstance(verdict, Drop)  # nobody says its language
    assert verdict.rule == "language unsure"


def test_a_margin_that_is_not_reached_is_doubt():
    assert step(check="declared", margin={"de": 1.0})(document(GERMAN)) == document(GERMAN)


def test_code_has_no_language():
    assert step(check="declared")(document(ENGLISH, "code")) == document(ENGLISH, "code")
    assert step(mixed="drop")(document(ENGLISH, "code")) == document(ENGLISH, "code")


def test_among_the_recipes_languages_the_nearest_is_found():
    catalan = "Els nens del poble hi anaven cada vespre, i el vell molí encara girava a la vora del riu amb força."
    assert guess(catalan).language == "ca"
    assert guess(catalan, ("fr", "it", "en")).language in LANGUAGES
    assert step(check="declared", labels="recipe", margin={})(document(FRENCH)) == document(FRENCH)


def test_a_foreign_beginning_does_not_decide_for_a_long_text():
    assert guess((ENGLISH + " ") * 9 + (FRENCH + " ") * 60).language == "fr"


def test_a_language_that_cannot_be_told_is_refused():
    with pytest.raises(UserError, match="does not know xyz"):
        language_steps(LanguageId(check="declared"), ["fr", "xyz"])


def mixture(*parts: str) -> str:
    return "\n\n".join(parts)


def test_the_languages_inside_a_document_are_reported():
    text = mixture(*[FRENCH * 6] * 3, ENGLISH * 6)
    found = step(mixed="report")(document(text))
    assert isinstance(found, Document)
    assert found.text == text
    assert found.metadata["languages"] == pytest.approx({"fr": 0.75, "en": 0.25}, abs=0.02)


def test_a_document_mostly_in_another_language_goes():
    text = mixture(FRENCH * 6, *[ENGLISH * 6] * 3)
    verdict = step(mixed="drop")(document(text))
    assert isinstance(verdict, Drop)
    assert verdict.rule == "mixed languages"
    assert isinstance(step(mixed="drop", least_share=0.1)(document(text)), Document)


def test_foreign_paragraphs_are_cut_away_with_the_titles_between_them():
    text = mixture("I", FRENCH * 2, "II", FRENCH * 2, ENGLISH * 2, "III", ENGLISH * 2)
    found = step(mixed="cut")(document(text))
    assert isinstance(found, Document)
    assert found.text == mixture("I", FRENCH * 2, "II", FRENCH * 2)
    assert step(mixed="cut")(document(FRENCH * 2)) == Document(
        FRENCH * 2, "s", "g", "fr", metadata={"languages": {"fr": 1.0}}
    )
    assert isinstance(step(mixed="cut")(document(mixture(FRENCH, ENGLISH * 6))), Drop)


@given(st.text())
def test_windows_and_paragraphs_hold_the_whole_text(text):
    assert "\n".join(windows(text)) == text
    assert "".join("".join(paragraphs(text)).split()) == "".join(text.split())


@pytest.mark.data
@pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA")
def test_passages_of_the_labelled_files():
    """At least 99 % of passages of 200 to 1,000 characters; benchmarks/corpus_languages.py has the table."""
    draw = random.Random(3)
    answers = []
    for path in sorted((Path(os.environ["CALAME_DATA"]) / "corpus").glob("*.jsonl.zst")):
        rows = [row.values for row, _ in zip(read_rows(path), range(2000), strict=False) if row.values]
        for values in draw.sample(rows, 40):
            text, length = values["text"], draw.randint(200, 1000)
            if len(text) >= 200:
                begin = draw.randrange(max(1, len(text) - length + 1))
                answers.append(guess(text[begin : begin + length]).language == values["lang"])
    print(f"  {len(answers)} passages, {sum(answers) / len(answers):.2%} right")
    assert len(answers) > 1000
    assert sum(answers) / len(answers) >= 0.99
