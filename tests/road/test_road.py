"""The whole road on a toy: what is made, what a change makes again and why, what is asked for, and how it goes on."""

import json
import os
import shutil
from pathlib import Path

import pytest

from calame.cli import main
from calame.corpus.gather import read_documents
from calame.recipe.load import load_recipe
from calame.road.run import status
from calame.road.stages import build_road
from calame.road.tools import trace_step
from calame.run import telemetry
from calame.run.files import read_json
from calame.run.folder import RunFolder
from calame.tokenizer.tokenizer import Tokenizer
from support import made_by, write_lines

ROAD = [
    "corpus/contes",
    "corpus/fiabe",
    "corpus",
    "tokenizer",
    "shards/contes",
    "shards/fiabe",
    "pretrain",
    "select",
    "sft/chat",
    "evaluation",
    "release",
]

RESULTS = [
    "recipe.yaml",
    "environment.json",
    "metrics.jsonl",
    "run.log",
    "report.html",
    "selected.json",
    "corpus/joined/ledger.json",
    "corpus/sources/contes",
    "tokenizer/tokenizer.json",
    "shards/fiabe/header.json",
    "pretrain/checkpoints",
    "sft/chat/checkpoints",
    "evaluation/evaluation.json",
    "release/huggingface/model.safetensors",
]


def after(first: str, *also: str, without: str = "") -> list[str]:
    """The stages from one on, and some others."""
    return [name for name in ROAD if (ROAD.index(name) >= ROAD.index(first) or name in also) and name != without]


def to_do(*overrides: str) -> dict[str, str]:
    """The stages that are not fresh, with their reasons."""
    return {name: reason for name, state, reason in status("toy.yaml", overrides) if state != "fresh"}


def refused(capsys, *arguments: str) -> str:
    """The message of a command that is refused."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


def test_the_road_is_walked_once_and_its_results_stand_in_the_run_folder(toy, capsys, monkeypatch):
    toy.recipe()
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml"]) == 0
    assert made == ROAD
    run = toy.folder / "runs/toy"
    for name in RESULTS:
        assert (run / name).exists(), name
    made.clear()
    assert main(["run", "toy.yaml"]) == 0
    assert made == []
    assert "pretrain: up to date, 6,144 tokens" in capsys.readouterr().out


# What a change makes again


def edit(name: str, text: str = "Un texte tout autre, que personne n’avait lu.") -> None:
    Path(name).write_text(text, encoding="utf-8")


CHANGES = {
    "a changed text": (lambda: edit("contes/03.txt"), [], after("corpus", "corpus/contes"), "03.txt changed"),
    "a new text": (lambda: edit("contes/99.txt"), [], after("corpus", "corpus/contes"), "99.txt is new"),
    "a text less": (lambda: Path("contes/03.txt").unlink(), [], after("corpus", "corpus/contes"), "03.txt is gone"),
    "a licence": (
        None,
        ["corpus.sources.fiabe.license=CC0"],
        after("corpus", "corpus/fiabe"),
        "corpus.sources.fiabe.license: none -> CC0",
    ),
    "languages": (None, ["languages=[fr, it, en]"], ROAD, "languages: ['fr', 'it'] -> ['fr', 'it', 'en']"),
    "validation": (None, ["corpus.validation.share=20%"], after("corpus"), "corpus.validation.share: 0.1 -> 0.2"),
    "vocabulary": (None, ["tokenizer.vocabulary=330"], after("tokenizer"), "tokenizer.vocabulary: 320 -> 330"),
    "weights, not the shards": (
        None,
        ["pretrain.mixture.weights={contes: 50%, fiabe: 50%}"],
        after("pretrain"),
        "pretrain.mixture.weights.contes: none -> 0.5",
    ),
    "a model key": (None, ["model.rope_theta=5000"], after("pretrain"), "model.rope_theta: 10000.0 -> 5000.0"),
    "the seed": (None, ["seed=2"], after("pretrain"), "seed: 1 -> 2"),
    "more tokens": (None, ["pretrain.tokens=8192"], after("pretrain"), "goes on to 8,192 tokens (now 6,144)"),
    "the selection": (None, ["select=best:val/mixed/loss"], after("select"), "select: last -> best:val/mixed/loss"),
    "a tuning key": (None, ["sft.epochs=2"], after("sft/chat"), "sft.epochs: 1.0 -> 2.0"),
    "conversations": (
        lambda: Path("chat.jsonl").write_text(Path("chat.jsonl").read_text() * 2),
        [],
        after("sft/chat"),
        "mine: chat.jsonl changed",
    ),
    "prompts": (None, ["evaluation.prompts=[Salut]"], ["evaluation"], "evaluation.prompts: ['Bonjour'] -> ['Salut']"),
    "questions": (
        lambda: write_lines(Path("questions.jsonl"), [{"question": "Où ?", "value": "ici"}]),
        [],
        ["evaluation"],
        "questions.jsonl changed",
    ),
    "the release": (None, ["release.dtype=bfloat16"], ["release"], "release.dtype: float32 -> bfloat16"),
    "what is required": (None, ["evaluation.require={recall: 0}"], [], ""),
    "a description": (None, ["description=autre chose"], [], ""),
    "another name": (None, ["name=again"], [], ""),
    **{
        f"execution, {override}": (None, [f"execution.{override}"], [], "")
        for override in (
            "log_every=5",
            "micro_batch=128",
            "threads=2",
            "validate_every=1024",
            "validation_tokens=1000",
            "save_every=2048",
            "keep=1",
            "compile=off",
            "device=auto",
        )
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_again_exactly_what_depends_on_it_and_says_why(finished, change):
    act, overrides, expected, reason = CHANGES[change]
    if act:
        act()
    found = to_do(*overrides)
    assert list(found) == expected
    if expected:
        assert reason in found[expected[0]]
    for name in expected[1:]:
        assert "changed" in found[name] or "->" in found[name], (name, found[name])


@pytest.mark.parametrize("change", ["a changed text", "weights, not the shards", "a tuning key", "prompts"])
def test_what_is_said_to_do_is_what_is_done(finished, monkeypatch, change):
    act, overrides, expected, _ = CHANGES[change]
    if act:
        act()
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", *overrides]) == 0
    assert made == expected
    made.clear()
    assert main(["run", "toy.yaml", *overrides]) == 0
    assert made == []


def test_a_requirement_that_is_not_met_makes_nothing_and_exits_with_1(finished, monkeypatch, capsys):
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", "evaluation.require={recall: 1.0}"]) == 1
    assert made == []
    assert "below what evaluation.require asks" in capsys.readouterr().err


def test_everything_may_be_moved_elsewhere(finished):
    finished.folder.rename(finished.folder.parent / "moved")
    os.chdir(finished.folder.parent / "moved")
    assert to_do() == {}


def test_the_order_of_the_sources_is_a_choice(finished):
    data = Path("toy.yaml").read_text()
    contes, fiabe = "contes:\n      from: contes\n      language: fr\n", "fiabe:\n      from: fiabe.jsonl\n"
    assert f"{contes}    {fiabe}" in data
    Path("toy.yaml").write_text(data.replace(f"{contes}    {fiabe}", f"{fiabe}    {contes}"))
    found = to_do()
    assert "corpus" in found and "corpus/contes" not in found
    assert "order" in found["corpus"]


# How a training goes on


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}


def test_more_tokens_continue_where_the_training_ended(finished, monkeypatch, capsys):
    run = finished.folder / "runs/toy"
    before, folder = losses(run / "pretrain"), (run / "pretrain").resolve()
    assert list(before) == list(range(1, 13))
    assert main(["run", "toy.yaml", "pretrain.tokens=8192"]) == 0
    said = capsys.readouterr().out
    assert "goes on from step-00000012" in said and "schedule was drawn to 6.14k tokens" in said
    assert (run / "pretrain").resolve() != folder and losses(folder) == before
    folder = (run / "pretrain").resolve()
    found = losses(run / "pretrain")
    assert list(found) == list(range(1, 17))
    assert {step: found[step] for step in before} == before
    assert read_json(run / "selected.json")["tokens"] == 8192
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {line["step"] for line in lines if line["attempt"] == 2} == set(range(13, 17))


def test_fewer_tokens_are_trained_anew_and_the_longer_run_is_kept(finished, capsys):
    assert main(["run", "toy.yaml", "pretrain.tokens=4096", "--to", "pretrain"]) == 0
    said = capsys.readouterr().out
    assert "pretrain: trained anew for 4,096 tokens (now 6,144)" in said and "goes on from" not in said
    assert main(["run", "toy.yaml", "--to", "pretrain"]) == 0
    assert "pretrain: up to date, 6,144 tokens" in capsys.readouterr().out


def test_two_runs_share_what_they_have_in_common(finished, monkeypatch):
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", "name=other", "sft.epochs=2"]) == 0
    assert made == after("sft/chat")
    runs = finished.folder / "runs"
    assert (runs / "other/pretrain").resolve() == (runs / "toy/pretrain").resolve()
    assert (runs / "other/report.html").is_file()


# Parts of the road


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--only", "corpus"], ROAD[:3]),
        (["--only", "corpus/fiabe"], ["corpus/fiabe"]),
        (["--only", "shards"], ["shards/contes", "shards/fiabe"]),
        (["--only", "sft"], ["sft/chat"]),
        (["--from", "select", "--to", "sft"], ["select", "sft/chat"]),
        (["--from", "evaluation"], ["evaluation", "release"]),
        (["--to", "corpus"], ROAD[:3]),
    ],
)
def test_what_is_chosen_is_made_again_when_forced(finished, monkeypatch, options, expected):
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", *options]) == 0
    assert made == []
    assert main(["run", "toy.yaml", *options, "--force"]) == 0
    assert made == expected
    assert to_do() == {}


def test_a_part_is_made_of_a_road_not_yet_walked(toy, monkeypatch, capsys):
    toy.recipe()
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", "--to", "tokenizer"]) == 0
    assert made == ROAD[:4]
    assert not (toy.folder / "runs/toy/report.html").exists()
    message = refused(capsys, "run", "toy.yaml", "--only", "pretrain")
    assert "needs shards/contes, shards/fiabe, not made yet" in message and "--to pretrain" in message
    assert "needs shards/contes" in refused(capsys, "trace", "1", "toy.yaml")


def test_the_release_does_not_wait_for_the_evaluation(toy, monkeypatch, capsys):
    toy.recipe()
    assert main(["run", "toy.yaml", "--to", "sft"]) == 0
    assert main(["run", "toy.yaml", "--only", "release"]) == 0
    assert (toy.folder / "runs/toy/release/huggingface/config.json").is_file()


def test_a_dry_run_says_everything_and_does_nothing(toy, monkeypatch, capsys):
    toy.recipe()
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: not made yet" in said for name in ROAD)
    assert made == [] and not (toy.folder / "runs/toy").exists()


def test_a_dry_run_with_force(finished, monkeypatch, capsys):
    made = made_by(monkeypatch)
    assert main(["run", "toy.yaml", "--only", "select", "--force", "--dry-run"]) == 0
    assert "select: made again, as forced" in capsys.readouterr().out
    assert made == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "nowhere"], "no stage is called so"),
        (["--from", "sft", "--to", "corpus"], "corpus comes before sft"),
        (["--only", "sft", "--to", "release"], "--only"),
    ],
)
def test_choices_without_meaning(toy, capsys, options, words):
    toy.recipe()
    assert words in refused(capsys, "run", "toy.yaml", *options)


def test_what_is_not_there_is_reported_all_at_once_before_anything_is_made(toy, capsys):
    toy.recipe(
        corpus__sources={"a": {"from": "nowhere"}, "b": {"from": "neither.txt"}},
        sft__conversations={"c": {"from": "no-chat.jsonl"}},
        evaluation__questions="no-questions.jsonl",
        tokenizer__from="no-tokenizer",
        model__init="no-model",
    )
    message = refused(capsys, "run", "toy.yaml")
    for key in (
        "corpus.sources.a.from",
        "corpus.sources.b.from",
        "sft.conversations.c.from",
        "evaluation.questions",
        "tokenizer.from",
        "model.init",
    ):
        assert f"{key}: " in message, key
    assert not (toy.folder / "runs/toy").exists()


# What the run folder tells


def test_status_makes_nothing_and_says_where_everything_stands(finished, capsys, monkeypatch):
    made = made_by(monkeypatch)
    assert main(["status", "toy.yaml", "sft.epochs=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ROAD
    assert [line.split()[0] for line in lines if " to do " in line] == after("sft/chat")
    assert made == []


def test_a_recipe_of_another_name_in_the_run_folder(finished, capsys):
    (finished.folder / "runs/toy").rename(finished.folder / "runs/renamed")
    for verb in ("run", "status"):
        message = refused(capsys, verb, "toy.yaml", "name=renamed")
        assert "a recipe named 'toy', not 'renamed'" in message


def test_the_resolved_recipe_of_the_run_gives_the_same_run(finished):
    assert main(["run", "toy.yaml"]) == 0  # the copy's run folder still names the places of the original
    again, _ = load_recipe("runs/toy/recipe.yaml")
    assert again == load_recipe("toy.yaml")[0]
    assert {name: state for name, state, _ in status("runs/toy/recipe.yaml", [])} == dict.fromkeys(ROAD, "fresh")


def test_every_token_of_a_step_is_traced_to_a_real_document(finished, capsys):
    store = RunFolder(load_recipe("toy.yaml")[0]).store
    stages = {stage.name: stage for stage in build_road(RunFolder(load_recipe("toy.yaml")[0]))}
    corpus = {
        document.id: document.text
        for name in ("corpus/contes", "corpus/fiabe")
        for document in read_documents(store.folder(stages[name]))
    }
    positions = 0
    for step in (1, 7, 12):
        tokens = 0
        for line in trace_step("toy.yaml", [], step):
            head, text = line.split("\n    ")
            position, document, count, _ = head.split()
            assert int(position.replace(",", "")) == (step - 1) * 512 + tokens
            assert text.strip("\ufffd ") in " ".join(corpus[document].split())
            tokens += int(count.removeprefix("("))
        assert tokens == 512
        positions += tokens
    assert positions == 3 * 512
    assert "1 to" in refused(capsys, "trace", "999", "toy.yaml")


def test_no_shards_of_another_tokenizer_are_used(finished, capsys):
    overrides = ["tokenizer.vocabulary=330"]
    assert main(["run", "toy.yaml", *overrides, "--to", "shards"]) == 0
    folder = RunFolder(load_recipe("toy.yaml", overrides)[0])
    stages = {stage.name: stage for stage in build_road(folder)}
    tokenizer = Tokenizer.load(folder.store.folder(stages["tokenizer"]))
    new = folder.store.folder(stages["shards/contes"])
    assert read_json(new / "header.json")["tokenizer"] == tokenizer.hash
    old = next(path for path in new.parent.iterdir() if path.is_dir() and path != new)
    shutil.copy(old / "header.json", new / "header.json")
    assert "made with another tokenizer" in refused(capsys, "run", "toy.yaml", *overrides)


def test_the_report_needs_a_run(toy, capsys):
    toy.recipe()
    assert "no run is there" in refused(capsys, "report", "toy.yaml")


def test_tokenizers_are_compared_on_the_recipes_corpus(toy, capsys):
    toy.recipe()
    assert main(["tokenizer", "compare", "toy.yaml", "--vocab", "280,320"]) == 0
    rows = [
        line.split() for line in capsys.readouterr().out.splitlines() if "fr-contes " in line or "it-fiabe " in line
    ]
    sizes = [row[0] for row in rows if row[0].isdigit()]
    assert sizes == ["280", "280", "320", "320"]
    for sizes in ("many", "320,100"):
        assert "--vocab" in refused(capsys, "tokenizer", "compare", "toy.yaml", "--vocab", sizes)


def test_adopted_tokenizers_count_by_their_content(finished, tmp_path):
    shutil.copytree(finished.folder / "runs/toy/release/huggingface", tmp_path / "adopted")
    overrides = [f"tokenizer.from={tmp_path / 'adopted'}"]
    first = to_do(*overrides)
    assert "tokenizer" in first and "corpus" not in first
    folder = RunFolder(load_recipe("toy.yaml", overrides)[0])
    fingerprints = {stage.name: stage.fingerprint for stage in build_road(folder)}
    (tmp_path / "adopted/model.safetensors").write_bytes(b"other weights")
    assert {stage.name: stage.fingerprint for stage in build_road(folder)} == fingerprints
    (tmp_path / "adopted/merges.txt").write_text("a b")
    assert {stage.name: stage.fingerprint for stage in build_road(folder)} != fingerprints
