"""The verbs search-decoding, compare and judge on the command line: what they print, and mistakes as messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pytest import MonkeyPatch, fixture, mark, raises

from builders import texts
from calame.cli import main
from calame.evaluation.decoding.files import RECOMMENDED, Recommended, Summary
from calame.evaluation.judge.judge import Result
from calame.evaluation.records import read_record
from evaluation.bigrams import bigram_model, saved
from support import write_lines
from web import completion, models, web


@fixture
def model(tmp_path: Path, monkeypatch: MonkeyPatch) -> str:
    """A checkpoint that loops, and a file of prompts, in the current folder."""
    monkeypatch.chdir(tmp_path)
    loaded = saved(tmp_path / "stage", bigram_model(0.6))
    prompts = {"fr": {"narrative": texts(24, words=(3, 6))}}
    (tmp_path / "prompts.yaml").write_text(yaml.safe_dump(prompts, allow_unicode=True))
    return str(Path(loaded.origin).relative_to(tmp_path))


SMALL = ["--prompts", "prompts.yaml", "--languages", "fr", "--limit", "24", "--to", "out"]


def test_a_search_prints_what_it_recommends_and_where_it_is(model: str, capsys: Any) -> None:
    grid = ["--search", "grid", "--temperature", "0.8", "--top-k", "50", "--top-p", "0.95", "--min-p", "0"]
    few = [*grid, "--repetition-penalty", "1", "--no-repeat-ngram", "0,3", "--weight", "nats=0"]
    assert main(["search-decoding", model, *SMALL, *few]) == 2
    assert "nothing is called 'nats'" in capsys.readouterr().err
    few[-1] = "loop_rate=-5"
    assert main(["search-decoding", model, *SMALL, *few]) == 0
    said = capsys.readouterr().out
    assert "-5 x loop_rate" in said and "surprise is not weighed" in said
    recommended = read_record(Path("out") / RECOMMENDED, Recommended)
    summary = read_record(Path("out/decoding_summary.json"), Summary)
    assert f"{recommended.name} is recommended" in said or f"{recommended.name}, the winner" in said
    assert summary.tried == 5 and summary.prompts["tuning"] == {"fr": 12} and summary.objective["loop_rate"] == -5
    assert "grid, 2 of 2 combinations, seed 0, and the presets" in summary.method


@mark.parametrize(
    ("changes", "words"),
    (
        (["--temperature", "warm"], "--temperature: 'warm' are no numbers"),
        (["--prompts", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--languages", "de"], "there are none in de"),
        (["--limit", "500"], "0 tuning prompts behind which 500 tokens have room"),
        (["--chat"], "has not learnt to converse"),
    ),
)
def test_a_search_that_cannot_be_made_is_a_message_and_2(
    model: str, capsys: Any, changes: list[str], words: str
) -> None:
    assert main(["search-decoding", model, *SMALL, *changes]) == 2
    assert words in capsys.readouterr().err


def test_a_model_of_no_run_needs_a_folder_and_languages(model: str, capsys: Any) -> None:
    assert main(["search-decoding", model]) == 2
    assert "--to: " in capsys.readouterr().err
    assert main(["search-decoding", model, "--to", "out"]) == 2
    assert "--languages: " in capsys.readouterr().err


def says(winner: str) -> Any:
    return lambda asked: completion(json.dumps({"winner": winner})) if asked.body else models("m", "n")


def test_texts_of_files_and_of_models_are_judged(model: str, capsys: Any) -> None:
    prompts = [{"prompt": text, "language": "fr"} for text in texts(3, words=(3, 6))]
    write_lines(Path("prompts.jsonl"), prompts)
    write_lines(Path("a.jsonl"), [{**row, "text": "Il était une fois."} for row in prompts])
    with web(says("tie")) as site:
        arguments = ["--endpoint", f"{site.url}/v1", "--model", "m", "--to", "judged", "--prompts", "prompts.jsonl"]
        assert main(["judge", "a.jsonl", model, *arguments, "--second-model", "n"]) == 0
    said = capsys.readouterr().out
    assert "Judge m:" in said and "Judge n:" in said and "3 are ties" in said
    result = read_record(Path("judged/judge.json"), Result)
    assert result.b == f"{model} (t0.8 k50 p0.95)" and result.texts == 3
    lines = [json.loads(line) for line in Path("judged/texts-2.jsonl").read_text().splitlines()]
    assert [line["prompt"] for line in lines] == [row["prompt"] for row in prompts]


@mark.parametrize(
    ("arguments", "words"),
    (
        (["a.jsonl", "b.jsonl", "c.jsonl"], "3 of them"),
        (["nowhere.jsonl"], "is no run, checkpoint or model folder"),
        (["a.jsonl", "a.jsonl", "--rubric", "nowhere.yaml"], "no such file"),
        (["a.jsonl", "--by", "pairs"], "pairs need the texts of two models"),
    ),
)
def test_what_cannot_be_judged_is_a_message_and_2(model: str, capsys: Any, arguments: list[str], words: str) -> None:
    write_lines(Path("a.jsonl"), [{"prompt": "p", "text": "t", "language": "fr"}])
    endpoint = ["--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--to", "out"]
    assert main(["judge", *arguments, *endpoint]) == 2
    assert words in capsys.readouterr().err


def test_a_judge_that_is_not_there_is_a_message_and_2(model: str, capsys: Any) -> None:
    write_lines(Path("a.jsonl"), [{"prompt": "p", "text": "t", "language": "fr"}])
    with web(lambda asked: completion("")) as site:
        url = site.url
    endpoint = ["--endpoint", f"{url}/v1", "--model", "m", "--to", "out", "--timeout", "1"]
    assert main(["judge", "a.jsonl", *endpoint]) == 2
    assert "start the server" in capsys.readouterr().err


@mark.parametrize("arguments", (["judge", "a.jsonl"], ["compare"], ["search-decoding"]))
def test_a_line_that_cannot_be_parsed_is_2(arguments: list[str]) -> None:
    with raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
