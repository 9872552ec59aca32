"""The search end to end on small models: one that loops, one that does not; stopped and gone on with; its files."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, approx, fixture, mark, raises

from builders import corpus_of, decoder_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.behaviour.segments import words
from calame.evaluation.decoding import files
from calame.evaluation.decoding import search as searching
from calame.evaluation.decoding.decide import DEFAULT
from calame.evaluation.decoding.files import Recommended, Said, Summary
from calame.evaluation.decoding.objective import WEIGHTS, Objective
from calame.evaluation.decoding.reference import Reference, losses_of, words_of
from calame.evaluation.decoding.results import write_results
from calame.evaluation.decoding.search import Outcome, Plan, search
from calame.evaluation.decoding.settings import Setting, grid, with_presets
from calame.evaluation.decoding.trial import Way, measure, try_setting
from calame.evaluation.records import describe, read_lines, read_record
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.shards.read import Shard
from evaluation.bigrams import bigram_model, prompts_of, saved
from support import environment

REFERENCE = Reference({"fr": 1.6, "it": 1.6})  # nats a token: loops are below it, noise is above
OBJECTIVE = Objective(WEIGHTS).without("unknown_words")  # its words are numbers
SPACE = {
    "temperature": (0.8,),
    "top_k": (50,),
    "top_p": (0.95,),
    "no_repeat_ngram": (0, 3),
    "repetition_penalty": (1.0, 1.1),
}
SETTINGS = with_presets(grid(SPACE))


def plan_of(**changes: Any) -> Plan:
    given = {"settings": SETTINGS, "prompts": prompts_of(24), "objective": OBJECTIVE, "way": Way(32)}
    return Plan(**{**given, "space": SPACE, "reference": REFERENCE, **changes})


@fixture(scope="module")
def looping(tmp_path_factory: Any) -> Loaded:
    return saved(tmp_path_factory.mktemp("looping"), bigram_model(0.6))


@fixture(scope="module")
def found(looping: Loaded, tmp_path_factory: Any) -> tuple[Outcome, Path]:
    folder = tmp_path_factory.mktemp("decoding")
    outcome = search(looping, plan_of(), folder)
    write_results(outcome, looping, folder)
    return outcome, folder


def test_a_looping_model_profits_from_a_penalty_and_the_holdout_confirms_it(found: tuple[Outcome, Path]) -> None:
    outcome, _ = found
    assert outcome.decision.confirmed
    chosen = outcome.decision.recommended
    assert chosen.no_repeat_ngram == 3
    board = {place.setting: place for place in outcome.boards["holdout"]}
    assert board[chosen].numbers["loop_rate"].value == 0
    assert board[DEFAULT].numbers["loop_rate"].low > 0.3
    assert board[DEFAULT].behind.low > 0, "beyond the noise"
    assert any("the default (t0.8 k50 p0.95): beyond the noise" in word for word in outcome.words)


def test_halves_share_no_prompt(found: tuple[Outcome, Path]) -> None:
    outcome, _ = found
    halves = [
        {one.prompt.text for trial in trials.values() for one in trial.generations}
        for trials in outcome.trials.values()
    ]
    assert len(halves[0]) == len(halves[1]) == 24 and not halves[0] & halves[1]


def test_what_penalties_hide_stands_beside(found: tuple[Outcome, Path]) -> None:
    outcome, _ = found
    winner = outcome.roles["winner"]
    raw = outcome.roles.get("winner without penalties", outcome.roles["default"])
    assert raw == winner.raw
    measured = {place.setting: place.numbers["loop_rate"].value for place in outcome.boards["holdout"]}
    assert measured[raw] > 0.3 > measured[winner]


def test_without_surprise_noise_would_win(looping: Loaded, found: tuple[Outcome, Path]) -> None:
    """Which is why it is weighed: at temperature 1 little repeats, and nothing means anything."""
    _, folder = found
    outcome = search(looping, plan_of(objective=OBJECTIVE.without("surprise")), folder)
    assert outcome.roles["winner"] == Setting() != found[0].roles["winner"]
    nats = {place.setting: place.numbers["nats"].value for place in outcome.boards["tuning"]}
    assert nats[Setting()] > 1.2 * REFERENCE.nats["fr"]


def test_a_model_that_does_not_loop_gets_no_penalty(tmp_path: Path) -> None:
    loaded = saved(tmp_path, bigram_model(0.3))
    outcome = search(loaded, plan_of(reference=Reference({"fr": 4.5, "it": 4.5})), tmp_path / "out")
    assert outcome.decision.recommended == outcome.decision.recommended.raw
    assert outcome.decision.recommended.rules <= DEFAULT.rules


def test_the_files_have_the_shape_that_is_documented(found: tuple[Outcome, Path], looping: Loaded) -> None:
    outcome, folder = found
    summary = read_record(folder / files.SUMMARY, Summary)
    assert summary.weights == outcome.weights and summary.tried == len(SETTINGS) == len(summary.tuning)
    assert summary.prompts == {"tuning": {"fr": 12, "it": 12}, "holdout": {"fr": 12, "it": 12}}
    recommended = read_record(folder / files.RECOMMENDED, Recommended)
    assert recommended.transformers["no_repeat_ngram_size"] == 3 and recommended.transformers["do_sample"] is True
    assert recommended.holdout_prompts == 24 and recommended.holdout["distinct_2"]
    for half, settings in (("tuning", len(SETTINGS)), ("holdout", len(outcome.roles))):
        said = list(read_lines(folder / files.GENERATIONS.format(half=half), Said))
        assert len(said) == 24 * settings and {one.tokens for one in said} == {32}
        with (folder / files.LEADERBOARD.format(half=half)).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["rank"] for row in rows] == [str(n + 1) for n in range(settings)]
        scores = [float(row["score"]) for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert all(float(row["score_low"]) <= float(row["score"]) <= float(row["score_high"]) for row in rows)
    report = (folder / files.REPORT).read_text()
    assert (summary.recommended in report and "winner without penalties" in report) or "default" in report


def test_the_page_says_what_each_key_means() -> None:
    page = (Path(__file__).parents[3] / "docs" / "evaluation-selection.md").read_text()
    for kind in (Summary, Recommended, Said, files.Entry):
        for line in describe(kind):
            assert line in page, f"{kind.__name__}: {line}"


def test_what_was_tried_is_not_tried_again(
    looping: Loaded, found: tuple[Outcome, Path], monkeypatch: MonkeyPatch
) -> None:
    outcome, folder = found
    tried: list[Setting] = []

    def note(loaded: Loaded, setting: Setting, *rest: Any) -> Any:
        tried.append(setting)
        return try_setting(loaded, setting, *rest)

    monkeypatch.setattr(searching, "try_setting", note)
    again = search(looping, plan_of(), folder)
    assert not tried and again.words == outcome.words
    assert again.boards["tuning"] == outcome.boards["tuning"]
    other = search(looping, plan_of(settings=[*SETTINGS, Setting(0.5)]), folder)
    assert tried[0] == Setting(0.5) and len(other.trials["tuning"]) == len(SETTINGS) + 1
    tried.clear()
    search(looping, plan_of(way=Way(31), settings=SETTINGS[:2]), folder)
    assert len(tried) >= 4, "other generations, of both halves"


KILLED = """
import sys
from pathlib import Path
from calame.evaluation.decoding.search import search
from calame.inference.load import load_checkpoint
from evaluation.decoding.test_search import plan_of
search(load_checkpoint(Path(sys.argv[1]), "cpu"), plan_of(), Path(sys.argv[2]))
"""


@mark.slow
def test_a_kill_loses_the_setting_at_hand_and_no_other(
    looping: Loaded, found: tuple[Outcome, Path], tmp_path: Path
) -> None:
    journal = tmp_path / files.JOURNAL
    here = Path(__file__).parents[2]
    paths = os.pathsep.join([environment()["PYTHONPATH"], str(here)])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, looping.origin, str(tmp_path)],
        env={**environment(), "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
    )
    while not journal.is_file() or len(journal.read_bytes().splitlines()) < 2:
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = [line for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    assert 2 <= len(whole) <= len(SETTINGS)
    outcome = search(looping, plan_of(), tmp_path)
    assert journal.read_bytes().startswith(b"".join(whole))
    assert outcome.boards == found[0].boards and outcome.words == found[0].words
    settings = [json.loads(line)["setting"] for line in journal.read_text().splitlines()]
    assert len(settings) == len(SETTINGS) + len(outcome.roles)


def test_prompts_without_room_are_named_and_left_out(looping: Loaded, tmp_path: Path) -> None:
    prompts = [*prompts_of(24), Prompt(" ".join(map(str, range(60))), "fr", "narrative", "tuning")]
    outcome = search(looping, plan_of(prompts=prompts, settings=SETTINGS[:2]), tmp_path)
    assert len(outcome.left_out) == 1 and outcome.words[0].startswith("1 prompts leave no room for 32 tokens")
    with raises(UserError, match="0 tuning prompts behind which 120 tokens have room"):
        search(looping, plan_of(way=Way(120)), tmp_path)


def test_what_is_not_known_of_text_is_not_weighed_and_it_is_said(looping: Loaded, tmp_path: Path) -> None:
    plan = plan_of(objective=Objective(WEIGHTS), reference=Reference(), settings=SETTINGS[:2])
    outcome = search(looping, plan, tmp_path)
    assert not {"surprise", "unknown_words"} & set(outcome.objective.weights)
    assert outcome.words[:2] == (
        "surprise is not weighed: the model's loss on validation text is not known for fr, it.",
        "unknown words are not weighed: the text that the model learnt from is not here.",
    )
    with raises(UserError, match="nothing is left: surprise is not weighed"):
        search(looping, plan_of(objective=Objective({"surprise": -1.0}), reference=Reference()), tmp_path)


def test_surprise_is_how_far_a_loss_lies_above_that_of_text(looping: Loaded) -> None:
    """A loop is less surprising than text, which has its own number; noise is more."""
    trial = try_setting(looping, DEFAULT, prompts_of(4), Way(32))
    nats = measure(trial, Reference()).only("nats").above[:, 0]
    for text in (0.0, float(sorted(nats)[2]), 9.0):
        measured = measure(trial, Reference({"fr": text, "it": text}))
        assert measured.only("surprise").above[:, 0] == approx([max(found - text, 0) for found in nats])


def test_unknown_words_are_counted_and_a_piece_of_one_is_none() -> None:
    known = Reference(words=frozenset({"la", "mer", "est", "l'eau"}))
    assert known.unknown("La mer est blagueuse.", whole=True) == 0.25
    assert known.unknown("La mer est blagu", whole=False) == 0, "the last one is cut off"
    assert known.unknown("L'eau est.", whole=True) == 0
    assert known.unknown("...", whole=True) is known.unknown("mer", whole=False) is None


def test_words_are_those_of_the_training_text(tmp_path: Path) -> None:
    written = texts(150, words=(20, 40))
    corpus = corpus_of(tmp_path, {"a": rows_of(written)})
    shard = Shard(shards_of(tmp_path, corpus, tokenizer_of())["a"], "train", tokenizer_of())
    known = words_of(tokenizer_of(), [shard])
    there = {word.lower() for document in range(shard.documents) for word in words(text_of(shard, document))}
    assert known == there and len(known) > 20


def text_of(shard: Shard, document: int) -> str:
    start, end = shard.starts[document : document + 2]
    return tokenizer_of().decode(shard.tokens[start:end].tolist())


def test_words_that_nobody_wrote_speak_against_a_setting(looping: Loaded, tmp_path: Path) -> None:
    """By rates of repetition noise wins; held against the words of text it does not."""
    likely = try_setting(looping, DEFAULT, prompts_of(24), Way(32)).generations
    known = frozenset(word.lower() for one in likely for word in words(one.completion.text))
    plan = plan_of(objective=Objective(WEIGHTS).without("surprise"), reference=Reference(words=known))
    outcome = search(looping, plan, tmp_path)
    unknown = {place.setting: place.numbers["unknown_words"].value for place in outcome.boards["tuning"]}
    assert unknown[Setting()] > unknown[DEFAULT] == 0
    assert outcome.roles["winner"] != Setting()


def test_the_reference_is_the_loss_on_beginnings_of_validation_text(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"a": rows_of(texts(150, words=(20, 40)))}, share=0.4)
    shard = Shard(shards_of(tmp_path, corpus, tokenizer_of())["a"], "validation", tokenizer_of())
    uniform = saved(tmp_path / "m", bigram_model(0.0))
    found = losses_of(uniform, [shard], 6, 20)
    assert found == {"fr": approx(5.799, abs=1e-3)}, "ln 330"
    assert losses_of(uniform, [shard], 6, 4000) == {}, "no document is so long"
    other = losses_of(saved(tmp_path / "n", decoder_of(max_position_embeddings=128)), [shard], 6, 20)
    assert other["fr"] != found["fr"]
