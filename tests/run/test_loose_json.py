"""JSON as models write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.run.loose_json import loads_loose

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('abc"{}[],\\ é', max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.lists(VALUES, max_size=4) | st.dictionaries(st.text("abc", max_size=3), VALUES, max_size=4)


@given(OBJECTS, st.sampled_from(["{}", "```json\n{}\n```", "Voici :\n{}\nVoilà.", "<think>[1]</think>{}"]))
def test_what_is_json_is_read_as_it_is_whatever_stands_around_it(value, frame):
    assert loads_loose(frame.replace("{}", json.dumps(value), 1)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[{"a": 1}, {"a": 2},]', [{"a": 1}, {"a": 2}]),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ('[{"q": "x", "a": "y"}, {"q": "z", "a": "cut of', [{"q": "x", "a": "y"}, {"q": "z"}]),
        ('{"pairs": [{"q": "x"}, {"q": "y"}', {"pairs": [{"q": "x"}, {"q": "y"}]}),
        ('{"label": "high", "reason": "well writ', {"label": "high"}),
        ('Voici [6 échanges] : [{"q": "x"}]', [{"q": "x"}]),
        ('[{"q": "x" "a": "y"}, {"q": "z"}, {"q": "w"}]', [{"q": "z"}, {"q": "w"}]),
        (r'{"a": "\ud800"}', {"a": "?"}),
        ("no JSON here", None),
        ("", None),
        ("[[[[", None),
        ("{]", None),
    ],
)
def test_what_is_nearly_json(text, value):
    assert loads_loose(text) == value


@given(
    st.lists(st.fixed_dictionaries({"q": st.text('ab"\\{}[], ', max_size=6), "a": st.integers()}), min_size=1),
    st.data(),
)
def test_of_a_list_that_was_cut_off_every_whole_object_is_read(objects, data):
    text = json.dumps(objects)
    cut = data.draw(st.integers(1, len(text)))
    whole = sum(len(json.dumps(objects[: n + 1])) - 1 <= cut for n in range(len(objects)))
    found = loads_loose(text[:cut]) or []
    assert found[:whole] == objects[:whole]


@given(st.text('[{]}",: \\a1', max_size=300))
def test_nothing_that_a_model_says_is_an_error(text):
    loads_loose(text)


def test_brackets_without_end_are_no_error():
    assert loads_loose("[" * 10_000 + "]" * 10_000) is None
