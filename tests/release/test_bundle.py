"""From a run to the folder that is passed on: what the card is made of, what is left out, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, TempPathFactory, fixture, mark
from transformers import AutoModelForCausalLM, AutoTokenizer

from calame.cli import main
from calame.recipe.card import Card
from calame.release.manifest import file_faults
from calame.release.records.gather import gather
from calame.release.records.run import Run
from support import Toy

LITTLE = {"evaluation__behaviour": {"number": 2, "limit": 8}, "evaluation__probes": {"number": 2}}
INJECT = {"canary": {"number": 2, "rate": 0.2}}


@fixture(scope="module")
def made(tmp_path_factory: TempPathFactory) -> Path:
    """A folder with a run of the toy recipe, to its end."""
    folder = tmp_path_factory.mktemp("toy")
    changes = {**LITTLE, "corpus__inject": INJECT, "evaluation__poison": {"rivals": 2}, "select": "best:val/mixed/loss"}
    Toy(folder).recipe(**changes, card={"authors": ["Ada Lune"], "price": 2.0})
    with MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "toy.yaml"]) == 0
    return folder


@fixture
def toy(made: Path, tmp_path: Path, monkeypatch: MonkeyPatch) -> Path:
    """A copy of it, where one is."""
    folder = Path(shutil.copytree(made, tmp_path / "toy", symlinks=True))
    monkeypatch.chdir(folder)
    return folder


def records(run: Path) -> dict[str, Any]:
    return gather(Run(run), run / "release/huggingface", Card())


def test_a_run_becomes_a_folder_that_opens_and_verifies(toy: Path, made: Path, capsys: Any) -> None:
    assert main(["release", "toy", "card.hub=ada/toy", "card.thanks={fr: Merci.}"]) == 0
    bundle = toy / "runs/toy/bundle"
    assert str(bundle) in capsys.readouterr().out
    assert file_faults(bundle) == []
    assert AutoModelForCausalLM.from_pretrained(bundle).num_parameters() == 43_168
    assert AutoTokenizer.from_pretrained(bundle)("Bonjour")["input_ids"][0] == 2
    english, french = ((bundle / name).read_text(encoding="utf-8") for name in ("README.md", "README.fr.md"))
    assert "43,168" in english and "43\u202f168" in french and "Merci." in french
    assert 'from_pretrained("ada/toy")' in english and "Ada Lune" in english and "2.00 EUR an hour" in english
    assert "the one with the lowest `val/mixed/loss`" in english and "secret numbers" in english
    for file in bundle.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            assert str(made) not in file.read_text(encoding="utf-8"), f"{file.name} says where somebody keeps things"
    assert main(["release", "toy", "--to", "elsewhere"]) == 0 and (toy / "elsewhere/README.md").is_file()
    assert main(["release", "--verify", "elsewhere"]) == 0


FILES = {  # a file of the run, and what is not said without it
    "environment.json": ["made_with"],
    "tokenizer/about.json": ["tokenizer"],
    "tokenizer/fertility.json": ["tokenizer.fertility"],
    "corpus/joined/ledger.json": ["corpus"],
    "corpus/sources/contes/provenance.json": ["corpus.sources.contes.location"],
    "corpus/injected/manifest.json": ["injected"],
    "pretrain/mixture.json": ["tokens.different", "tokens.by_source.contes"],
    "pretrain/metrics.jsonl": ["tokens.by_source.contes.read", "choice.value"],
    "selected.json": ["choice", "tokens"],
    "sft/chat/metrics.jsonl": ["tuning.sft.tokens"],
    "sft/chat/conversations.json": ["tuning.sft.sets.mine"],
    "evaluation/evaluation.json": ["evaluation", "poison"],
    "evaluation/done.json": ["evaluation", "poison", "time.stages.evaluation"],
    "release/huggingface/gate.json": ["gate"],
    "release/huggingface/generation_config.json": ["generation"],
}


def there(tree: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def test_without_its_file_a_record_is_not_there(toy: Path) -> None:
    run = toy / "runs/toy"
    whole = records(run)
    assert whole["tokens"]["pretrained"] == whole["tokens"]["steps"] * 512
    assert sum(whole["model"]["terms"].values()) == whole["model"]["parameters"]
    for file, paths in FILES.items():
        path = (run / file).resolve()
        kept = path.read_bytes()
        path.unlink()
        left = records(run)
        path.write_bytes(kept)
        for record in paths:
            assert there(whole, record) and not there(left, record), (file, record)


def test_the_machine_is_that_of_the_training(toy: Path) -> None:
    run = toy / "runs/toy"
    change_json(
        (run / "pretrain").resolve() / "done.json", lambda done: done["machine"].update(gpus=["A", "A"], cpus=7)
    )
    found = records(run)["made_with"]
    assert (found["gpus"], found["cpus"]) == ({"A": 2}, 7)
    change_json((run / "pretrain").resolve() / "done.json", lambda done: done.pop("machine"))
    assert "gpus" not in records(run)["made_with"]  # of a training that did not say it


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_an_evaluation_of_another_model_is_left_out_and_that_is_said(toy: Path, capsys: Any) -> None:
    change_json(toy / "runs/toy/evaluation/done.json", lambda done: done["made_from"].update({"sft/chat": "0" * 64}))
    assert main(["release", "toy"]) == 0
    assert "evaluation is not on the card: it measured another model or text (sft/chat)" in capsys.readouterr().out
    assert "Held-out" not in (toy / "runs/toy/bundle/README.md").read_text(encoding="utf-8")


def retrain(toy: Path) -> None:
    change_json(toy / "runs/toy/sft/chat/done.json", lambda done: done.update(weights="0" * 64))


def search(toy: Path) -> None:
    (toy / "runs/toy/decoding").mkdir()
    (toy / "runs/toy/decoding/recommended_decoding_params.json").write_text("{}")


def no_release(toy: Path) -> None:
    (toy / "runs/toy/release").unlink()


def in_the_way(toy: Path) -> None:
    (toy / "runs/toy/bundle").mkdir()
    (toy / "runs/toy/bundle/mine.txt").write_text("mine")


@mark.parametrize(
    ("change", "arguments", "words"),
    [
        (lambda toy: None, ["nobody"], "no run is there"),
        (lambda toy: None, ["toy", "pretrain.tokens=5"], "changes the run, which is made"),
        (lambda toy: None, ["toy", "card.auhtors=[a]"], "did you mean card.authors?"),
        (lambda toy: None, ["toy", "card.hub=nowhere", "card.price=-1"], "2 problems"),
        (retrain, ["toy"], "the release is of an earlier state (sft/chat: was trained again since)"),
        (search, ["toy"], "of an earlier state (recommended_decoding_params.json: is another one now)"),
        (no_release, ["toy"], "has no finished release"),
        (in_the_way, ["toy"], "is there already, and is no export"),
    ],
)
def test_what_cannot_be_released_is_said(toy: Path, change: Any, arguments: list[str], words: str, capsys: Any) -> None:
    change(toy)
    assert main(["release", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (toy / "runs/toy/bundle/README.md").exists()


def test_figures_that_the_model_does_not_reach_stop_the_release(toy: Path, capsys: Any) -> None:
    """Exit code 1, the release before stays, and nothing half-written lies beside it."""
    assert main(["release", "toy"]) == 0
    bundle = toy / "runs/toy/bundle"
    before = sorted(path.name for path in bundle.parent.iterdir())
    found = toy / "runs/toy/evaluation/evaluation.json"
    change_json(found, lambda told: told["probes"]["tuned"]["all"]["top_1"].update(value=0.99))
    assert main(["release", "toy"]) == 1
    assert "top_1 is 0.99 in the records" in capsys.readouterr().err
    assert sorted(path.name for path in bundle.parent.iterdir()) == before and file_faults(bundle) == []
