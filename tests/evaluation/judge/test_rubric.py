"""Rubrics: shipped ones for three languages, places filled once, own ones checked."""

from __future__ import annotations

from pathlib import Path

import yaml
from pytest import mark, raises

from calame.evaluation.judge.rubric import load_rubrics
from calame.recipe.errors import UserError

OWN = {
    "pairwise": "P {prompt} A {first} B {second}",
    "scoring": "P {prompt} T {text} {criteria}",
    "criteria": {"wit": "is it funny?"},
}


def write(path: Path, **changes: object) -> Path:
    path.write_text(yaml.safe_dump({**OWN, **changes}))
    return path


def test_three_languages_are_shipped_and_ask_for_the_same_things() -> None:
    rubrics = load_rubrics(None)
    assert list(rubrics.by_language) == ["en", "fr", "it"]
    assert len({tuple(rubric.criteria) for rubric in rubrics.by_language.values()}) == 1
    for rubric in rubrics.by_language.values():
        asked = rubric.ask_pair("debut", "texte a", "texte b")[0]["content"]
        assert asked.index("debut") < asked.index("texte a") < asked.index("texte b")
        assert '{"winner": "1"' in asked
        assert all(meaning in rubric.ask_marks("p", "t")[0]["content"] for meaning in rubric.criteria.values())


def test_names_in_braces_within_a_text_are_left_alone(tmp_path: Path) -> None:
    rubric = load_rubrics(write(tmp_path / "own.yaml")).of("fr")
    assert rubric is not None
    assert rubric.ask_pair("{first}", "{second}", "x")[0]["content"] == "P {first} A {second} B x"


def test_a_rubric_of_ones_own_is_for_its_language_or_for_all(tmp_path: Path) -> None:
    common = load_rubrics(write(tmp_path / "own.yaml"))
    assert common.of("de") is common.of("fr") is not None
    german = load_rubrics(write(tmp_path / "de.yaml", language="de"))
    assert sorted(german.by_language) == ["de", "en", "fr", "it"] and german.of("es") is None
    german.check(["de", "fr"])
    with raises(UserError, match="no rubric for es"):
        german.check(["fr", "es"])


@mark.parametrize(
    ("changes", "words"),
    (
        ({"pairwise": "no place"}, "pairwise nowhere says {prompt}"),
        ({"scoring": "{prompt} {text}"}, "scoring nowhere says {criteria}"),
        ({"scale": [5, 1]}, "does not rise"),
        ({"criteria": {}}, "criteria"),
        ({"pairwize": "x"}, "pairwize"),
    ),
)
def test_a_rubric_that_cannot_be_asked_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with raises(UserError) as error:
        load_rubrics(write(tmp_path / "own.yaml", **changes))
    assert words in str(error.value)


def test_a_file_that_is_not_there_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with raises(UserError, match="no such file"):
        load_rubrics(tmp_path / "nowhere.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with raises(UserError, match="no YAML"):
        load_rubrics(tmp_path / "bad.yaml")
