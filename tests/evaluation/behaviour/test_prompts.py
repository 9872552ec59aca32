"""Prompts: those that are shipped, files of one's own, and a choice of fewer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pytest import mark, raises

from calame.evaluation.behaviour.languages import language_of
from calame.evaluation.behaviour.prompts import SHIPPED, choose, read_prompts, shipped_prompts
from calame.evaluation.behaviour.segments import words
from calame.recipe.errors import UserError

KINDS = 9


def test_at_least_two_hundred_of_each_language_of_the_same_kinds_in_two_halves() -> None:
    prompts = shipped_prompts(SHIPPED)
    cells = Counter((prompt.language, prompt.kind) for prompt in prompts)
    assert len(cells) == len(SHIPPED) * KINDS and set(cells.values()) == {24}
    assert all(count >= 200 for count in Counter(prompt.language for prompt in prompts).values())
    halves = Counter((prompt.language, prompt.kind, prompt.half) for prompt in prompts)
    assert set(halves.values()) == {12}


@mark.parametrize("language", SHIPPED)
def test_they_are_different_beginnings_in_their_language(language: str) -> None:
    texts = [prompt.text for prompt in shipped_prompts([language])]
    assert len({tuple(words(text)[:3]) for text in texts}) > 0.9 * len(texts), "few begin alike"
    assert all(2 <= len(words(text)) <= 25 and text == text.strip() for text in texts)
    judged = [found for text in texts if (found := language_of(text, margin=0.5))]
    assert judged.count(language) > 0.98 * len(judged)


def test_there_are_none_in_other_languages() -> None:
    assert shipped_prompts(["de"]) == []


@mark.parametrize("number", (0, 1, 9, 20, 200, 1000))
def test_fewer_are_taken_of_all_kinds_in_turn(number: int) -> None:
    prompts = shipped_prompts(["fr", "it"])
    chosen = choose(prompts, number)
    assert Counter(p.language for p in chosen) == Counter({code: n for code in ("fr", "it") if (n := min(number, 216))})
    kinds = Counter((p.language, p.kind) for p in chosen)
    assert not kinds or number < KINDS or max(kinds.values()) - min(kinds.values()) <= 1
    assert chosen == [prompt for prompt in prompts if prompt in chosen], "in the order of the file"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("de:\n  brief: [Liebe Anna, Sehr geehrte]\nfr:\n  conte: [Il était une fois]\n", encoding="utf-8")
    assert [(p.text, p.language, p.kind, p.half) for p in read_prompts(path)] == [
        ("Liebe Anna", "de", "brief", "tuning"),
        ("Sehr geehrte", "de", "brief", "holdout"),
        ("Il était une fois", "fr", "conte", "tuning"),
    ]


@mark.parametrize(
    ("text", "message"),
    (
        (None, "cannot be read"),
        ("fr: [", "not YAML"),
        ("fr: [un, deux]", "fr"),
        ("fr:\n  conte: []", "fr.conte"),
        ("fr:\n  conte: ['  ']", "fr.conte.0"),
        ("français:\n  conte: [Il]", "français"),
        ("fr:\n  conte: [Il, Elle, Il]\n  autre: [Elle]", "twice: 'Elle'"),
    ),
)
def test_what_is_no_file_of_prompts_is_refused_with_the_place(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with raises(UserError) as refused:
        read_prompts(path)
    assert message in str(refused.value) and str(path) in str(refused.value)
