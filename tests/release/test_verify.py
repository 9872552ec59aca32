"""A release that was tampered with says where; whole, it verifies, and so does its copy from the hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest import TempPathFactory, fixture, mark, raises
from safetensors.torch import load_file, save_file

from calame.cli import main
from calame.recipe.errors import UserError
from calame.release.bundle import compose
from calame.release.card.card import write_cards
from calame.release.manifest import MANIFEST, SUMS, file_faults, write_manifest
from calame.release.place import GateFailed
from calame.release.verify import verify
from released import release_of

Change = Callable[[Path], object]


@fixture(scope="module")
def whole(tmp_path_factory: TempPathFactory) -> Path:
    return release_of(tmp_path_factory.mktemp("released") / "conteur")


@fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "conteur"))


def faults(folder: Path) -> dict[str, str]:
    return {found.name: "\n".join(found.told) for found in verify(folder) if not found.good}


def edit(name: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def other_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 3] += 1.0
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def hashed_again(*changes: Change) -> Change:
    """With a manifest that knows nothing of it: by somebody who wants it not to be seen."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)
        about = json.loads((folder / MANIFEST).read_text())
        write_manifest(folder, {key: about[key] for key in about if key not in ("format", "files")})

    return change


def rewritten(change: Callable[[dict[str, Any]], object]) -> Change:
    """Records with another figure, and the card that they make."""

    def rewrite(folder: Path) -> None:
        records = json.loads((folder / "records.json").read_text(encoding="utf-8"))
        change(records)
        (folder / "records.json").write_text(json.dumps(records), encoding="utf-8")
        for name, page in write_cards(records).items():
            (folder / name).write_text(page, encoding="utf-8")

    return rewrite


def better_probes(records: dict[str, Any]) -> None:
    records["evaluation"]["probes"]["all"]["top_1"]["value"] = 0.99


def better_items(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "evaluation/probes.jsonl").read_text().splitlines()]
    for line in lines:
        line["perplexity"] = 1.5
    (folder / "evaluation/probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_release_verifies_wherever_it_lies(folder: Path, capsys: Any) -> None:
    (folder / ".gitattributes").write_text("*.gguf filter=lfs\n")  # the hub's own
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/x.lock").touch()
    assert main(["release", "--verify", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == [
        f"ok     {n}" for n in ("files", "card", "config", "parity", "weights", "probes")
    ]
    assert "measured again, at most 0e+00 nats off" in said[-1]


TAMPERED: list[tuple[Change, str, str]] = [
    (other_weights, "files", "model.safetensors: its content changed"),
    (edit("tokenizer.json", '"type"', '"typo"'), "files", "tokenizer.json: its content changed"),
    (edit("README.md", "1,314,944", "9,314,944"), "files", "README.md: its content changed"),
    (edit("README.fr.md", "Licence", "Licences"), "files", "README.fr.md: "),
    (lambda folder: (folder / "tokenizer.json").unlink(), "files", "tokenizer.json: missing"),
    (lambda folder: (folder / "evaluation/probes.jsonl").unlink(), "files", "evaluation/probes.jsonl: missing"),
    (lambda folder: (folder / "extra.py").write_text("x"), "files", "extra.py: not in the manifest"),
    (lambda folder: (folder / SUMS).unlink(), "files", f"{SUMS}: missing"),
    (edit(SUMS, "  README.md", "  READYOU.md"), "files", f"{SUMS}: does not say what"),
]


@mark.parametrize(("change", "name", "words"), TAMPERED)
def test_what_was_tampered_with_is_named(folder: Path, change: Change, name: str, words: str) -> None:
    change(folder)
    found = file_faults(folder)
    assert name == "files" and any(words in fault for fault in found), found


UNSEEN: list[tuple[Change, str, str]] = [
    (hashed_again(edit("README.md", "1,314,944", "9,314,944")), "card", "README.md: line"),
    (hashed_again(edit("README.md", "license: cc-by-nc-4.0", "license: beer")), "card", "none of the hub's"),
    (hashed_again(lambda folder: (folder / "README.it.md").unlink()), "card", "README.it.md: missing"),
    (hashed_again(other_weights), "weights", "nats a token likelier or less likely than released"),
    (hashed_again(rewritten(better_probes)), "probes", "top_1 is 0.99 in the records"),
    (hashed_again(better_items), "probes", "perplexity 1.5 is written, not measured"),
    (hashed_again(lambda folder: (folder / "records.json").unlink()), "card", "records.json: missing"),
    (hashed_again(lambda folder: (folder / "records.json").write_text("{")), "card", "records.json: no JSON"),
    (hashed_again(edit("config.json", '"rope_theta": 10000.0', '"rope_theta": 99.0')), "config", "rope_theta is 99.0"),
    (
        hashed_again(*[edit("config.json", '"rope_theta": 10000.0', '"rope_theta": 99.0')] * 2),
        "weights",
        "other weights",
    ),
    (hashed_again(lambda folder: (folder / "tokenizer.json").write_text("{}")), "model", "cannot be loaded"),
    (lambda folder: (folder / "model.safetensors").unlink(), "model", "a file that it needs is missing"),
]


@mark.parametrize(("change", "name", "words"), UNSEEN)
def test_so_is_what_was_hidden(folder: Path, change: Change, name: str, words: str, capsys: Any) -> None:
    change(folder)
    found = faults(folder)
    assert words in found.get(name, ""), found
    assert main(["release", "--verify", str(folder)]) == 1
    assert f"FAULT  {name}" in capsys.readouterr().out


def test_a_card_of_another_calame_is_not_compared_word_by_word(folder: Path) -> None:
    hashed_again(edit("README.md", "1,314,944", "1 314 944"), edit(MANIFEST, '"wording": "', '"wording": "0'))(folder)
    assert faults(folder) == {}
    hashed_again(edit("README.md", "language:", "language: [français]\nx:"))(folder)
    assert "'français' is no code" in faults(folder)["card"]


def test_what_is_no_release_is_a_users_mistake(tmp_path: Path, folder: Path, capsys: Any) -> None:
    assert main(["release", "--verify", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["release", "--verify", str(tmp_path)]) == 2
    assert "has no manifest.json" in capsys.readouterr().err
    (folder / MANIFEST).write_text("[]")
    with raises(UserError, match="no manifest of a release"):
        list(verify(folder))


def test_a_release_that_does_not_verify_is_not_made(folder: Path) -> None:
    records = json.loads((folder / "records.json").read_text(encoding="utf-8"))
    better_probes(records)
    with raises(GateFailed, match=r"does not verify.*\n.*top_1 is 0.99"):
        compose(folder, records)
