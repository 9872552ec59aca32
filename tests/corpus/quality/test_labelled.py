"""Labelled documents: rows at fault are all named, groups are never parted, each grade gets its share."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.corpus.quality.labelled import LEAST_GROUPS, read_labelled, split
from calame.recipe.errors import UserError
from support import write_lines


def read(folder, rows):
    write_lines(folder / "labels.jsonl", rows)
    return read_labelled([str(folder / "labels.jsonl")])


def example(number: int, label: object, **more) -> dict:
    return {"text": f"texte {number}", "language": "fr", "label": label, **more}


def test_grades_count_up_from_the_worst(tmp_path):
    found = read(tmp_path, [example(0, "high"), example(1, "LOW"), example(2, "medium"), example(3, "low")])
    assert found.names == ["low", "medium", "high"]
    assert found.grades.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize("labels", [(0, 1), ("0", "1"), (0.0, 1.0), (False, True)])
def test_labels_may_be_0_and_1(labels, tmp_path):
    assert read(tmp_path, [example(n, label) for n, label in enumerate(labels)]).grades.tolist() == [0, 1]


def test_every_row_at_fault_is_named_at_once(tmp_path):
    rows = [
        example(0, "low"),
        example(1, "good"),
        {"text": "", "language": "fr", "label": "low"},
        {"text": "ici", "label": "low"},
        {"text": "\ud800", "language": "fr", "label": "low"},
        example(5, None),
    ]
    with pytest.raises(UserError) as error:
        read(tmp_path, rows)
    said = [str(problem).splitlines()[0] for problem in error.value.problems]
    assert [line.split(": ")[0][-1] for line in said] == ["2", "3", "4", "5", "6"]
    assert "'good'" in said[0] and "no text" in said[1] and "no language" in said[2] and "surrogates" in said[3]


@pytest.mark.parametrize(("labels", "fault"), [(["low", "0"], "both kinds"), (["low", "low"], "one label only")])
def test_labels_that_nothing_can_be_learnt_from_are_refused(labels, fault, tmp_path):
    with pytest.raises(UserError, match=fault):
        read(tmp_path, [example(n, label) for n, label in enumerate(labels)])


def test_of_equal_texts_the_first_counts(tmp_path, capsys):
    found = read(tmp_path, [example(0, 0), example(0, 1), example(1, 1)])
    assert found.grades.tolist() == [0, 1]
    assert "1 of 3 labelled documents repeat" in capsys.readouterr().out


@settings(max_examples=10)
@given(st.lists(st.integers(0, 1), min_size=26, max_size=80), st.integers(13, 30), st.integers(0, 5))
def test_a_split_parts_no_group_and_loses_nothing(tmp_path, labels, groups, seed):
    labels += [0] * groups + [1] * groups  # so that each label has its groups
    rows = [example(n, label, group=f"{label} {n % groups}") for n, label in enumerate(labels)]
    examples = read(tmp_path, rows)
    one, other = split(examples, seed, 0.4)
    assert not set(one.groups) & set(other.groups)
    assert sorted(one.texts + other.texts) == sorted(examples.texts)
    for label in (0, 1):
        groups = len({group for group, grade in zip(examples.groups, examples.grades, strict=True) if grade == label})
        away = len({group for group, grade in zip(other.groups, other.grades, strict=True) if grade == label})
        assert abs(away - 0.4 * groups) <= 1
    again = split(read(tmp_path, rows), seed, 0.4)
    assert again[1].texts == other.texts


def test_too_few_groups_are_refused(tmp_path):
    rows = [example(n, n % 2, group=f"{n % 2} {n % 8}") for n in range(100)]
    with pytest.raises(UserError, match=rf"4 groups.*\n.*at least {LEAST_GROUPS} to learn from"):
        split(read(tmp_path, rows), 0, 0.2)


def test_parquet_and_csv_are_read_too(tmp_path):
    import pyarrow
    import pyarrow.parquet

    rows = [example(0, 0), example(1, 1)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "labels.parquet")
    (tmp_path / "labels.csv").write_text("text,language,label\nun texte,fr,1\n", encoding="utf-8")
    found = read_labelled([str(tmp_path)])
    assert json.dumps([found.texts, found.grades.tolist()]) == '[["un texte", "texte 0", "texte 1"], [1, 0, 1]]'
