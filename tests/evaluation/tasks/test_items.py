"""Rows and manifests: what is no item is named by its place, and examples are never measured."""

from __future__ import annotations

import json

import pytest

from benches import ROWS, chosen_of, folder_of, write_rows
from calame.evaluation.tasks.items import read_items
from calame.evaluation.tasks.manifest import read_manifest, task_files
from calame.evaluation.tasks.shape import shape_of
from calame.evaluation.tasks.shots import choose_items
from calame.recipe.errors import UserError

CHOICE = shape_of("multiple_choice", "fr", "here", {})
GOOD = ROWS["multiple_choice"]


@pytest.mark.parametrize(
    ("changed", "fault"),
    (
        ({"question": None}, "no question"),
        ({"question": " "}, "question is no text, or an empty one"),
        ({"choices": ["seul"]}, "choices is no list of 2 texts"),
        ({"choices": ["a", ""]}, "choices is no list of 2 texts"),
        ({"choices": "ab"}, "choices is no list of 2 texts"),
        ({"answer": 2}, "answer is 2, none of 2 options"),
        ({"answer": "1"}, "answer is '1', none of 2 options"),
        ({"answer": True}, "answer is True, none of 2 options"),
    ),
)
def test_a_row_that_is_no_item_is_refused_by_its_place(tmp_path, changed, fault):
    rows = [{**GOOD[0], "choices": ["0", "1"]}, {**GOOD[0], "choices": ["0", "1"], **changed}]
    with pytest.raises(UserError, match=f"rows.jsonl:2: {fault}"):
        read_items(write_rows(tmp_path / "rows.jsonl", rows), CHOICE)


def test_a_line_that_is_broken_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(GOOD[0]) + "\nnot json\n")
    with pytest.raises(UserError, match=r"rows.jsonl:2: "):
        read_items(tmp_path / "rows.jsonl", CHOICE)


def test_one_faulty_row_in_a_hundred_is_left_out_and_told(tmp_path):
    rows = [*(GOOD[0] for _ in range(99)), {**GOOD[0], "answer": 9}]
    found = read_items(write_rows(tmp_path / "rows.jsonl", rows), CHOICE)
    assert len(found.items) == 99
    assert found.faults == ["rows.jsonl:100: answer is 9, none of 2 options"]
    with pytest.raises(UserError, match=r"\(and 1 more rows\)"):
        read_items(write_rows(tmp_path / "rows.jsonl", [*rows, rows[-1]]), CHOICE)


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no items"):
        read_items(write_rows(tmp_path / "rows.jsonl", []), CHOICE)


@pytest.mark.parametrize("name", ["MANIFEST.json", "MANIFEST.yaml"])
def test_a_manifest_says_what_files_are(tmp_path, name):
    entry = {"file": "a.b.jsonl", "type": "nli", "lang": "fr", "train": "t.jsonl", "context": "x", "license": "CC0"}
    (tmp_path / name).write_text(json.dumps({"files": [entry, {**entry, "name": "other", "train": None}]}))
    first, second = read_manifest(tmp_path)
    assert (first.name, first.shape, first.language, first.train) == ("a", "nli", "fr", tmp_path / "t.jsonl")
    assert (first.own, first.about) == ({"context": "x"}, {"license": "CC0"})
    assert (second.name, second.train) == ("other", None)


@pytest.mark.parametrize(
    ("text", "message"),
    (
        ("files: {a: b}", "no list `files`"),
        ("files: [{file: a.jsonl}]", r"MANIFEST.yaml: files\[0\]: no type, no lang"),
        ("files: [", "cannot be read"),
        ("files: [{file: a.jsonl, type: nli, lang: fr}, {file: a.csv, type: nli, lang: fr}]", "two tasks are called a"),
    ),
)
def test_a_manifest_that_says_too_little_is_refused(tmp_path, text, message):
    (tmp_path / "MANIFEST.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no manifest"):
        read_manifest(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        read_manifest(tmp_path / "nowhere")


def test_the_files_of_a_folder_are_those_that_a_result_depends_on(tmp_path):
    folder = folder_of(tmp_path, "nli")
    write_rows(folder / "facebook/xnli/fr/test.jsonl", [{}])
    write_rows(folder / ".hidden/x.jsonl", [{}])
    names = [path.relative_to(folder).as_posix() for path in task_files(folder)]
    assert names == ["MANIFEST.json", "facebook/xnli/fr/test.jsonl", "fr-nli.jsonl"]


def test_examples_are_the_first_items_and_are_not_measured(tmp_path):
    chosen = chosen_of(tmp_path, "multiple_choice", GOOD, shots=2)
    assert [item.values["question"] for item in chosen.items] == [row["question"] for row in GOOD[2:]]
    assert (
        chosen.before
        == "Question : Combien font 0 et 1 ?\nRéponse : 1\n\nQuestion : Combien font 1 et 1 ?\nRéponse : 2\n\n"
    )
    assert chosen.left_out == 2


def test_items_of_an_examples_passage_are_not_measured_either(tmp_path):
    same = {**ROWS["extractive_qa"][0], "question": "Où est le lac ?", "answers": ["ici"]}
    chosen = chosen_of(tmp_path, "extractive_qa", [*ROWS["extractive_qa"], same], shots=1)
    assert len(chosen.items) == 5 and chosen.left_out == 2
    assert all(item.values["context"] != same["context"] for item in chosen.items)


def test_answers_that_are_alike_are_no_leak(tmp_path):
    rows = [{**row, "answer": "7"} for row in ROWS["math"]]
    assert len(chosen_of(tmp_path, "math", rows, shots=1).items) == 5


def test_examples_of_a_train_file_leave_every_item(tmp_path):
    train = write_rows(tmp_path / "train.jsonl", [{**GOOD[0], "question": "Autre chose ?"}])
    items = read_items(write_rows(tmp_path / "rows.jsonl", GOOD), CHOICE).items
    chosen = choose_items(items, CHOICE, 1, train, None)
    assert len(chosen.items) == len(GOOD) and chosen.left_out == 0
    with pytest.raises(UserError, match="1 rows for 2 examples"):
        choose_items(items, CHOICE, 2, train, None)


def test_a_train_file_with_an_item_in_it_is_refused(tmp_path):
    """Whatever its id, and its options' order."""
    train = write_rows(tmp_path / "train.jsonl", [{**GOOD[3], "id": "other", "answer": 0}])
    items = read_items(write_rows(tmp_path / "rows.jsonl", GOOD), CHOICE).items
    with pytest.raises(UserError, match=r"an example is an item that is measured \(rows.jsonl:4\)"):
        choose_items(items, CHOICE, 1, train, None)


def test_shapes_of_sentences_take_no_examples(tmp_path):
    chosen = chosen_of(tmp_path, "minimal_pairs", ROWS["minimal_pairs"], shots=3)
    assert chosen.examples == [] and len(chosen.items) == 6


def test_more_examples_than_items_are_refused(tmp_path):
    with pytest.raises(UserError, match="none is left beside 6 examples"):
        chosen_of(tmp_path, "multiple_choice", GOOD, shots=6)


def test_a_limit_draws_the_same_items_from_all_over_the_file(tmp_path):
    rows = [{**GOOD[0], "question": f"Combien font {n} ?", "id": str(n)} for n in range(200)]
    items = read_items(write_rows(tmp_path / "rows.jsonl", rows), CHOICE).items
    few = [item.id for item in choose_items(items, CHOICE, 0, None, 20).items]
    more = [item.id for item in choose_items(items, CHOICE, 0, None, 40).items]
    assert few == more[:20] and len(set(more)) == 40
    assert min(map(int, few)) < 60 and max(map(int, few)) > 140
