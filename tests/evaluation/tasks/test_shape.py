"""Shapes as data: every one is whole, asked in its language, and known by its template."""

from __future__ import annotations

import pytest

from calame.evaluation.tasks.items import SORTS
from calame.evaluation.tasks.own import KINDS
from calame.evaluation.tasks.shape import FILTERS, SLOT, fill, shape_names, shape_of
from calame.recipe.errors import UserError

LANGUAGES = ("fr", "it", "en")


@pytest.mark.parametrize("name", shape_names())
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_shape_is_whole_in_every_language(name, language):
    base = shape_of(name, language, "here", {})
    for shape in (base, *(shape for _, shape in base.variants)):
        assert shape.kind in {*KINDS, "none"}
        assert set(shape.fields.values()) <= set(SORTS)
        known = {*shape.fields, "option", "answer"}
        for slot in SLOT.finditer(shape.context + shape.continuation):
            assert slot[1] in known
            assert slot[2] is None or slot[2] in FILTERS
        if shape.kind == "options":
            named = [shape.options] if isinstance(shape.options, str) else shape.options
            assert shape.words or set(named) <= set(shape.fields)
        assert shape.metrics or shape.reason


def test_rows_with_a_premise_are_asked_in_another_way():
    shape = shape_of("multiple_choice", "it", "here", {})
    row = {"premise": "La porta era chiusa.", "question": "effect", "choices": ["Entrò.", "Bussò."], "answer": 1}
    asked = shape.of_row(row)
    assert fill(asked.context, row) == "La porta era chiusa, quindi"
    assert fill(asked.continuation, {**row, "option": "Bussò."}) == " bussò."
    assert shape.of_row({"question": "Chi?"}) is shape


def test_a_template_of_ones_own_takes_the_shapes_place_and_has_a_name_of_its_own():
    usual = shape_of("multiple_choice", "fr", "here", {})
    own = shape_of("multiple_choice", "fr", "here", {"context": "{question} :"})
    assert own.context == "{question} :" and own.continuation == usual.continuation
    assert own.variants == ()
    assert own.template != usual.template
    assert shape_of("multiple_choice", "fr", "there", {}).template == usual.template


def test_another_language_takes_a_template_of_its_own():
    with pytest.raises(UserError, match="shape extractive_qa is not asked in 'de'"):
        shape_of("extractive_qa", "de", "here", {})
    german = shape_of("extractive_qa", "de", "here", {"context": "{context}\nFrage: {question}\nAntwort:"})
    assert german.language == "de"
    assert shape_of("minimal_pairs", "de", "here", {}).continuation == "{option}"  # sentences are what they are


def test_what_is_no_shape_is_refused_with_those_that_are():
    with pytest.raises(UserError, match="type 'quiz' is no shape") as refused:
        shape_of("quiz", "fr", "here", {})
    assert "multiple_choice" in str(refused.value)


def test_braces_in_a_text_stay_text():
    assert fill("{a} {b|small}", {"a": "{b}", "b": "Été"}) == "{b} été"
