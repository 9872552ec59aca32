"""Generations to be judged: read, paired, and taken by lot; rows at fault are all named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest import mark, raises

from calame.evaluation.judge.generations import pair_up, read_generations, take
from calame.recipe.errors import UserError
from support import write_lines


def row(number: int, text: str = "oui", **more: Any) -> dict[str, Any]:
    return {"prompt": f"Début {number}", "text": text, "language": "fr", **more}


def read(folder: Path, *rows: dict[str, Any], **options: Any) -> list[Any]:
    write_lines(folder / "g.jsonl", list(rows))
    return read_generations(folder / "g.jsonl", **options)


def test_columns_have_more_than_one_name(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        row(1),
        {"question": "Q ?", "answer": "", "lang": "it", "id": 7},
        {"prompt": "P", "text": "t"},
        language="en",
    )
    assert [(one.prompt, one.text, one.language) for one in found] == [
        ("Début 1", "oui", "fr"),
        ("Q ?", "", "it"),
        ("P", "t", "en"),
    ]
    assert found[1].id == "7" and found[0].id == read(tmp_path, row(1))[0].id


def test_pairs_are_of_equal_prompts_and_the_rest_is_counted(tmp_path: Path) -> None:
    ours = read(tmp_path, row(1), row(2), row(3))
    theirs = read(tmp_path, row(3, "non"), row(2, "si"), row(9))
    pairs, alone = pair_up(ours, theirs)
    assert [(pair.a.text, pair.b.text, pair.a.prompt) for pair in pairs] == [
        ("oui", "si", "Début 2"),
        ("oui", "non", "Début 3"),
    ]
    assert alone == 2


def test_a_greater_limit_holds_a_smaller_ones(tmp_path: Path) -> None:
    whole = read(tmp_path, *(row(number) for number in range(30)))
    five, nine = take(whole, 5), take(whole, 9)
    assert len(five) == 5 and set(five) < set(nine) and take(whole, None) == whole
    assert [whole.index(one) for one in nine] == sorted(whole.index(one) for one in nine)


@mark.parametrize(
    ("rows", "words"),
    (
        ([row(1), {"text": "x", "language": "fr"}], "no prompt in its column prompt or question"),
        ([{"prompt": "p", "language": "fr"}], "no text in its column text or continuation or answer"),
        ([{"prompt": "p", "text": "t"}], "no language"),
        ([row(1), row(1, "autre")], "a second text for the prompt 'Début 1'"),
        ([], "no generations in it"),
    ),
)
def test_rows_at_fault_are_named(tmp_path: Path, rows: list[Any], words: str) -> None:
    with raises(UserError, match=words):
        read(tmp_path, *rows)


def test_only_the_first_faults_are_listed(tmp_path: Path) -> None:
    with raises(UserError, match="5 more rows at fault"):
        read(tmp_path, *({"prompt": ""} for _ in range(15)))


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with raises(UserError, match="no prompt in common"):
        pair_up(read(tmp_path, row(1)), read(tmp_path, row(2)))
    with raises(UserError, match="one id, one prompt"):
        pair_up(read(tmp_path, row(1, id="a")), read(tmp_path, row(2, id="a")))
