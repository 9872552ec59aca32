"""`calame pairs`: from a tuned model's answers and a judge at a local endpoint to pairs that dpo reads; mistakes and an
endpoint that fails as messages, with nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, fixture, mark

from builders import decoder_of, recipe_of, texts, tokenizer_of
from calame.cli import main
from calame.evaluation.judge.own_pairs import Summary
from calame.evaluation.judge.rubric import load_rubrics
from calame.evaluation.records import describe, read_record
from calame.inference.load import Loaded
from calame.road import own_pairs
from calame.run.files import digest
from calame.tuning.dpo import gather_pairs
from calame.tuning.openings import NO_LANGUAGE
from calame.tuning.own_pairs import ALIKE, NO_ROOM, NONE_WORSE
from evaluation.bigrams import saved
from support import conversation, write_lines
from web import Asked, Reply, Web, completion, models, web

CRITERIA = load_rubrics(None).by_language["fr"].criteria
ASKED = [{"prompt": text, "language": "fr"} for text in texts(12, words=(3, 6))]
LONG = "la mer " * 100


@fixture
def model(tmp_path: Path, monkeypatch: MonkeyPatch) -> Loaded:
    """A tuned model whose answers differ, and a file of prompts, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage/conversations.json").write_text("{}")
    write_lines(Path("prompts.jsonl"), [*ASKED, conversation("Qui es-tu ?", "Personne."), {"prompt": LONG}, {"a": 1}])
    return saved(tmp_path / "stage", decoder_of(spread=0.5, max_position_embeddings=128))


def marks(asked: Asked) -> Reply:
    """The longer, the better."""
    text = asked.json["messages"][0]["content"].split("=" * 20 + "\n")[3]
    return completion(json.dumps({name: 1 + min(4, len(text) // 30) for name in CRITERIA}))


def judge(answer: Callable[[Asked], Reply] = marks) -> Any:
    return web(lambda asked: answer(asked) if asked.body else models("m"))


def call(url: str, *changes: str, run: str = "stage/checkpoints/step-00000001") -> int:
    place = ["--endpoint", f"{url}/v1", "--model", "m", "--device", "cpu", "--prompts", "prompts.jsonl"]
    return main(["pairs", run, *place, "--to", "out/own.jsonl", "--language", "fr", "--new-tokens", "60", *changes])


def questions(site: Web) -> int:
    return sum(bool(asked.body) for asked in site.asked)


def test_the_pairs_are_read_by_dpo_and_what_became_of_every_prompt_is_said(model: Loaded, capsys: Any) -> None:
    with judge() as site:
        assert call(site.url, "--seed", "3", "--decoding", "temperature=1.1") == 0
        asked = questions(site)
    said = capsys.readouterr().out
    rows = [json.loads(line) for line in Path("out/own.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows and all(row["marks"][0] > row["marks"][1] for row in rows)
    summary = read_record(Path("out/own.summary.json"), Summary)
    assert summary.prompts == 15 == summary.pairs + sum(summary.left_out.values()) and summary.pairs == len(rows)
    assert summary.left_out[NO_ROOM] == 1
    assert (summary.answers, summary.seed, summary.judge.model, summary.judge.questions) == (4, 3, "m", asked)
    assert summary.rubrics == {"fr": digest(load_rubrics(None).by_language["fr"].model_dump(mode="json"))}
    assert "temperature 1.1" in summary.decoding and "as asked: temperature, seed, limit" in summary.decoding_from
    for words in (
        f"{len(rows)} pairs of 15 prompts",
        NO_ROOM,
        "seed 3",
        summary.rubrics["fr"][:12],
        "own.summary.json",
    ):
        assert words in said
    recipe = recipe_of(sft={"conversations": {"c": {"from": "x"}}}, dpo={"pairs": {"own": {"from": "out/own.jsonl"}}})
    recipe = recipe.model_copy(update={"dpo": recipe.dpo.model_copy(update={"context": 256}) if recipe.dpo else None})
    assert len(gather_pairs(recipe, tokenizer_of(), Path("out"))) == len(rows)


def test_an_endpoint_that_fails_leaves_nothing_and_the_same_command_goes_on(model: Loaded, capsys: Any) -> None:
    answered: list[Asked] = []
    failing = [True]

    def some(asked: Asked) -> Reply:
        answered.append(asked)
        return Reply(b"gone", 404) if failing[0] and len(answered) > 10 else marks(asked)

    with judge(some) as site:
        assert call(site.url, "--at-once", "1") == 2
        assert "no model 'm' here" in capsys.readouterr().err
        assert [path.name for path in Path("out").iterdir()] == [".answers-m.jsonl"]
        failing[0], before = False, len(answered)
        assert call(site.url, "--at-once", "1") == 0
    summary = read_record(Path("out/own.summary.json"), Summary)
    assert len(answered) - before == summary.judge.questions - 10
    assert call(site.url) == 2, "nobody is there any more"
    assert "start the server" in capsys.readouterr().err
    assert read_record(Path("out/own.summary.json"), Summary) == summary


def test_a_judge_who_tells_nothing_apart_gives_no_pair(model: Loaded, capsys: Any) -> None:
    with judge(lambda asked: completion(json.dumps(dict.fromkeys(CRITERIA, 3)))) as site:
        assert call(site.url) == 2
        assert f"no pair is left: {NONE_WORSE} (" in capsys.readouterr().err
    with judge(lambda asked: completion("I cannot say.")) as site:
        assert call(site.url, "--to", "other/own.jsonl") == 2
        assert "fewer than two of its answers have marks (13)" in capsys.readouterr().err
        assert call(site.url, "--decoding", "top_k=1") == 2
        assert f"{ALIKE} (13)" in capsys.readouterr().err
    assert not list(Path().glob("o*/own*"))


@mark.parametrize(
    ("changes", "words"),
    (
        (["--answers", "1"], "--answers: 1"),
        (["--prompts", "nowhere.jsonl"], "nowhere.jsonl: no such file of rows"),
        (["--prompts", "empty.jsonl"], "no prompt in it: there is none"),
        (["--to", "stage"], "stage: no file of pairs"),
        (["--to", "pairs.csv"], "pairs.csv: no file of pairs"),
        (["--to", "prompts.jsonl"], "it holds the prompts"),
        (["--to", "empty.jsonl/own.jsonl"], "nothing can be written in"),
        (["--language", "de"], "no rubric for de"),
        (["--rubric", "nowhere.yaml"], "no such file"),
        (["--decoding", "temperature=0"], "at temperature 0 all answers are alike"),
        (["--decoding", "top_p=2"], "top_p: 2.0"),
    ),
)
def test_what_cannot_be_done_is_a_message_and_2_before_anything_is_asked(
    model: Loaded, capsys: Any, changes: list[str], words: str
) -> None:
    Path("empty.jsonl").write_text("")
    assert call("http://127.0.0.1:1", *changes) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said
    assert not Path("out").exists()


def test_prompts_that_name_no_language_are_in_the_runs_only_one(
    model: Loaded, capsys: Any, monkeypatch: MonkeyPatch
) -> None:
    write_lines(Path("prompts.jsonl"), [{"prompt": row["prompt"]} for row in ASKED])
    for languages, code in ((["fr", "it"], 2), (["fr"], 0)):
        monkeypatch.setattr(own_pairs, "recipe_of", lambda path, spoken=languages: recipe_of(languages=spoken))
        with judge() as site:
            place = ["--endpoint", f"{site.url}/v1", "--model", "m", "--device", "cpu", "--new-tokens", "60"]
            assert main(["pairs", model.origin, "--prompts", "prompts.jsonl", "--to", "own.jsonl", *place]) == code
    assert f"{NO_LANGUAGE} (12)" in capsys.readouterr().err
    rows = [json.loads(line) for line in Path("own.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["language"] for row in rows} == {"fr"}


def test_a_model_that_has_not_learnt_to_converse_is_refused(model: Loaded, capsys: Any) -> None:
    Path("stage/conversations.json").unlink()
    assert call("http://127.0.0.1:1") == 2
    assert "has not learnt to converse" in capsys.readouterr().err


@mark.parametrize("wrong", ("warmth=1", "temperature=hot", "temperature"))
def test_a_decoding_that_means_nothing_cannot_be_parsed(wrong: str, capsys: Any) -> None:
    try:
        code = main(["pairs", "r", "--prompts", "p", "--to", "t", "--decoding", wrong])
    except SystemExit as end:
        code = end.code
    assert code == 2 and "NAME=NUMBER with one of temperature" in capsys.readouterr().err


def test_the_page_says_what_each_key_of_the_summary_means() -> None:
    page = (Path(__file__).parents[1] / "docs/tuning.md").read_text(encoding="utf-8")
    for line in describe(Summary):
        assert line in page
