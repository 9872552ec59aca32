"""A judge at a local endpoint: good, biased, unreadable, busy, gone; stopped and gone on with; and two of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import approx, fixture, mark, raises

from calame.evaluation.judge.agreement import Agreement
from calame.evaluation.judge.asking import Asked as Asked_
from calame.evaluation.judge.generations import Generation
from calame.evaluation.judge.judge import Result, Task, judge
from calame.evaluation.judge.marks import Marked, Marks
from calame.evaluation.judge.pairs import Judgement, Position, Preference, Verdict
from calame.evaluation.judge.people import read_people
from calame.evaluation.judge.rubric import load_rubrics
from calame.evaluation.records import describe, read_lines, read_record
from calame.recipe.errors import UserError
from calame.run.endpoint import Model
from calame.run.http import Patience
from support import write_lines
from web import Asked, Reply, completion, models, web

QUICK = Patience(attempts=2, first=0.01, most=0.02)
NUMBER = 40
Say = Callable[[str, str], str]  # what a judge says of the text shown first and the one shown second


def texts(name: str, quality: Callable[[int], int]) -> list[Generation]:
    """Texts whose quality is written in them."""
    return [
        Generation(str(n), f"Début {n}", f"{name} {n} vaut {quality(n)}", ("fr", "it", "en")[n % 3])
        for n in range(NUMBER)
    ]


A = texts("A", lambda n: 3 if n % 4 else 1)  # better than B in three of four
B = texts("B", lambda n: 2)


def shown(asked: Asked) -> list[str]:
    """The texts of a question, without its prompt."""
    return asked.json["messages"][0]["content"].split("=" * 20 + "\n")[3::2]


def quality_of(text: str) -> int:
    return int(text.split("vaut ")[1].split("\n")[0])


def just(first: str, second: str) -> str:
    one, two = quality_of(first), quality_of(second)
    return json.dumps({"winner": "1" if one > two else "2" if two > one else "tie"})


def answering(say: Say) -> Callable[[Asked], Reply]:
    return lambda asked: completion(say(*shown(asked)))


def run(folder: Path, answer: Callable[[Asked], Reply], judges: tuple[str, ...] = ("m",), **changes: Any) -> Result:
    task = Task(
        **{"names": ("a.jsonl", "b.jsonl"), "texts": (A, B), "rubrics": load_rubrics(None), "by": "pairs", **changes}
    )
    with web(lambda asked: answer(asked) if asked.body else models("m", "other")) as site:
        return judge(task, [Model(f"{site.url}/v1", name, timeout=5.0) for name in judges], folder, QUICK)


def test_a_just_judge_finds_who_is_better_in_both_orders(tmp_path: Path) -> None:
    result = run(tmp_path, answering(just))
    (found,) = result.pairs
    assert (found.overall.a_wins, found.overall.b_wins, found.overall.ties) == (30, 10, 0)
    assert found.overall.a_win_rate and found.overall.a_win_rate.value == approx(0.75)
    assert found.overall.a_win_rate.low > 0.5
    assert (
        found.position.same
        and found.position.same.value == 1
        and (found.position.first, found.position.second) == (0, 0)
    )
    assert found.position.agreement.kappa and found.position.agreement.kappa.value == approx(1)
    assert set(found.languages) == {"fr", "it", "en"} and sum(part.pairs for part in found.languages.values()) == NUMBER
    assert any("beyond the noise" in word for word in result.words)


def test_each_pair_is_asked_in_both_orders_in_its_language(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def note(question: Asked) -> Reply:
        asked.append(shown(question))
        opening = question.json["messages"][0]["content"][:12]
        number = int(shown(question)[0].split()[1])
        assert opening == ("Deux program", "Due programm", "Two programs")[number % 3]
        return completion(just(*shown(question)))

    run(tmp_path, note)
    assert len(asked) == 2 * NUMBER
    assert sum(first.startswith("A") for first, _ in asked) == NUMBER


@mark.parametrize(("position", "bias"), (("1", 1.0), ("2", -1.0)))
def test_a_judge_who_looks_at_the_position_only_is_found_out(tmp_path: Path, position: str, bias: float) -> None:
    result = run(tmp_path, answering(lambda first, second: json.dumps({"winner": position})))
    (found,) = result.pairs
    assert found.overall.ties == NUMBER and found.overall.a_win_rate and found.overall.a_win_rate.value == 0.5
    assert found.position.bias and found.position.bias.value == bias
    assert (found.position.first, found.position.second) == ((NUMBER, 0) if bias > 0 else (0, NUMBER))
    assert found.position.agreement.raw and found.position.agreement.raw.value == 0
    assert any("say little about the models" in word for word in result.words)
    assert any("inside the noise" in word for word in result.words)


def test_verdicts_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    def some(first: str, second: str) -> str:
        return "I cannot say." if "A 5 " in first + second else just(first, second)

    result = run(tmp_path, answering(some))
    (found,) = result.pairs
    assert found.asked.faults == {"no readable verdict": 2} and found.overall.pairs == NUMBER - 1
    assert any(word.startswith("1 of 40 pairs have no verdict") for word in result.words)
    rows = list(read_lines(tmp_path / "verdicts.jsonl", Verdict))
    assert [row.verdict for row in rows].count(None) == 1 and len(rows) == NUMBER


def test_when_too_few_can_be_read_there_is_no_rate(tmp_path: Path) -> None:
    def few(first: str, second: str) -> str:
        number = int(first.split()[1])
        return just(first, second) if number % 3 == 0 else "{}"

    (found,) = run(tmp_path, answering(few)).pairs
    assert found.overall.pairs == 14 and found.overall.a_win_rate is None
    assert any("too little for a rate" in word for word in found.words)


def broken(reply: Reply) -> Callable[[Asked], Reply]:
    """Just at first, then broken for good."""
    seen: list[int] = []

    def answer(asked: Asked) -> Reply:
        seen.append(1)
        return completion(just(*shown(asked))) if len(seen) <= 20 else reply

    return answer


@mark.parametrize(
    ("reply", "words"),
    (
        (Reply(b"slow down", 429), "too many requests"),
        (Reply(b"gone", 404), "no model 'm' here"),
        (Reply(b"{}", cut=1), "no answer"),
        (Reply(b"<html>busy</html>"), "8 requests in a row had no usable answer"),
        (Reply(b"key?", 401), "a request without a key was refused"),
    ),
)
def test_an_endpoint_that_fails_is_stated_in_the_result_and_gives_no_rate(
    tmp_path: Path, reply: Reply, words: str
) -> None:
    with raises(UserError) as error:
        run(tmp_path, broken(reply))
    assert words in str(error.value)
    result = read_record(tmp_path / "judge.json", Result)
    (found,) = result.pairs
    assert not result.complete and found.asked.stopped and words in found.asked.stopped
    assert found.overall.a_win_rate is None and found.overall.pairs <= 10
    assert any(word.startswith("Not all was asked") for word in result.words)
    assert "Not all was asked" in (tmp_path / "judge_report.md").read_text()


def test_stopped_anywhere_the_same_command_asks_only_what_is_missing(tmp_path: Path) -> None:
    asked: list[Asked] = []
    failing = [True]

    def answer(question: Asked) -> Reply:
        asked.append(question)
        return Reply(b"", 429) if failing[0] and len(asked) > 25 else completion(just(*shown(question)))

    task = Task(("a", "b"), (A, B), load_rubrics(None), "pairs")
    with web(lambda asked: answer(asked) if asked.body else models("m")) as site:
        model = Model(f"{site.url}/v1", "m", at_once=1)
        with raises(UserError, match="too many requests"):
            judge(task, [model], tmp_path, QUICK)
        failing[0], before = False, len(asked)
        result = judge(task, [model], tmp_path, QUICK)
        assert len(asked) - before == 2 * NUMBER - 25
    assert result.complete and result.pairs[0].overall.a_wins == 30


def test_two_judges_and_people_are_held_against_each_other(tmp_path: Path) -> None:
    draw = random.Random(1)

    def answer(question: Asked) -> Reply:
        if question.json["model"] == "other":
            return completion(json.dumps({"winner": draw.choice("12")}))
        return completion(just(*shown(question)))

    write_lines(
        tmp_path / "people.jsonl", [{"id": str(n), "verdict": "a" if n % 4 else "b"} for n in range(0, NUMBER, 2)]
    )
    people = read_people(tmp_path / "people.jsonl", "pairs")
    result = run(tmp_path / "out", answer, ("m", "other"), people=people)
    assert result.judges and result.judges.n == NUMBER and result.judges.raw and result.judges.raw.value < 0.6
    mine, others = result.people
    assert mine.n == NUMBER / 2 and mine.kappa and mine.kappa.value == approx(1)
    assert others.kappa and others.kappa.value < 0.5
    assert {row.judge for row in read_lines(tmp_path / "out/verdicts.jsonl", Verdict)} == {"m", "other"}


def marks(asked: Asked) -> Reply:
    (text,) = shown(asked)
    mark = quality_of(text)
    return completion(json.dumps({"language": 5, "continuation": mark, "thread": mark, "sense": mark, "reason": "r"}))


def test_marks_by_a_rubric_with_their_intervals(tmp_path: Path) -> None:
    result = run(tmp_path, marks, by="marks", texts=(A,), names=("a.jsonl",))
    (found,) = result.marks
    assert found.criteria["language"].value == 5 and found.criteria["sense"].value == approx(2.5)
    assert found.mean and found.mean.value == approx((5 + 3 * 2.5) / 4) and found.mean.low < found.mean.value
    assert result.b is None and len(list(read_lines(tmp_path / "marks.jsonl", Marked))) == NUMBER


def test_marks_of_two_models_are_compared_on_the_same_prompts(tmp_path: Path) -> None:
    write_lines(tmp_path / "people.jsonl", [{"id": str(n), "of": "b", "marks": {"sense": 2}} for n in range(9)])
    result = run(tmp_path / "o", marks, by="marks", people=read_people(tmp_path / "people.jsonl", "marks"))
    (difference,) = result.differences
    assert difference and difference.value == approx(3 * 0.5 / 4) and difference.low > 0
    assert result.people[0].n == 9 and result.people[0].raw and result.people[0].raw.value == 1


def test_marks_that_are_mostly_unreadable_give_no_mean(tmp_path: Path) -> None:
    result = run(tmp_path, lambda asked: completion('{"language": 9}'), by="marks", texts=(A,), names=("a",))
    (found,) = result.marks
    assert found.mean is None and found.criteria == {} and found.asked.faults == {"no readable verdict": NUMBER}


def test_a_limit_takes_fewer_pairs(tmp_path: Path) -> None:
    assert run(tmp_path, answering(just), limit=7).texts == 7


@fixture
def people(tmp_path: Path) -> Path:
    write_lines(tmp_path / "p.jsonl", [{"id": "1", "verdict": "A is better"}, {"verdict": "a"}])
    return tmp_path / "p.jsonl"


def test_labels_that_cannot_be_read_are_all_named(people: Path) -> None:
    with raises(UserError) as error:
        read_people(people, "pairs")
    assert len(error.value.problems) == 2


def test_what_cannot_be_judged_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    german = [Generation("1", "Anfang", "Text", "de")]
    with raises(UserError, match="no rubric for de"):
        run(tmp_path, answering(just), texts=(german, german))
    with raises(UserError, match="two models"):
        run(tmp_path, answering(just), texts=(A,))


def test_the_page_says_what_each_key_means() -> None:
    page = (Path(__file__).parents[3] / "docs" / "evaluation-judge.md").read_text()
    kinds = (Result, Judgement, Preference, Position, Asked_, Agreement, Marks, Verdict, Marked)
    for line in (line for kind in kinds for line in describe(kind)):
        assert line in page
