"""`calame release RUN`: one folder with everything that is passed on, as the hub wants it, whole or not at all.

The Hugging Face files lie at its root, other formats in folders of their own (as the stage `release` made them), and

README.md, README.fr.md, README.it.md   the model card
records.json                            every figure that the card says, and where it is from
evaluation/                             single items that were measured, for `--verify` to measure again
manifest.json, SHA256SUMS               size and sha256 of every file
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import calame
from calame.inference.load import PASSED
from calame.recipe.card import Card
from calame.recipe.errors import refuse
from calame.recipe.load import load_recipe
from calame.release.card.card import wording, write_cards
from calame.release.manifest import MANIFEST, describe, files_of, write_manifest
from calame.release.place import GateFailed, placing
from calame.release.records.gather import Tree, gather
from calame.release.records.items import copy_items
from calame.release.records.run import RELEASE, Run
from calame.release.verify import RECORDS, Finding, verify
from calame.release.witness import witness
from calame.run.files import write_json
from calame.run.progress import say
from calame.run.store import BEGUN, DONE

FOLDER = "bundle"
MODEL = "huggingface"  # the stage's folder whose files lie at the bundle's root
PREFIX = "card."


def make_bundle(path: Path, overrides: Sequence[str], to: Path | None) -> Path:
    """Compose the release of a run's folder, verify it as whoever receives it would, and put it in place.

    Raises `UserError` for a run without a release, `GateFailed` (nothing is put in place) if it does not verify."""
    card = _card(path, overrides)
    run = Run(path)
    made = run.folder(RELEASE)
    if not (made / MODEL / PASSED).is_file():
        raise refuse(
            str(made), f"holds no {MODEL} that passed its gate", remedy="calame run RECIPE --only release --force"
        )
    folder = (to or path / FOLDER).resolve()
    with placing(folder, MANIFEST) as temporary:
        _copy(made, temporary)
        records = gather(run, temporary, card)
        _tell_stale(run)
        copy_items(run, records, temporary)
        findings = compose(temporary, records)
    for finding in findings:
        say(f"  {finding}")
    return folder


def compose(folder: Path, records: Tree) -> list[Finding]:
    """Write records, card and manifest to a folder with everything else, and verify it. Raises `GateFailed`."""
    records = {**records, "witness": witness(folder), "files": describe(folder, list(files_of(folder)))}
    write_json(folder / RECORDS, records)
    for name, page in write_cards(records).items():
        (folder / name).write_text(page, encoding="utf-8")
    write_manifest(folder, _about(records))
    findings = list(verify(folder, formats=False))  # the stage release has just been through their gate
    if bad := [finding for finding in findings if not finding.good]:
        raise GateFailed("the release does not verify, and was not put in place:\n" + "\n".join(map(str, bad)))
    return findings


def _card(path: Path, overrides: Sequence[str]) -> Card:
    """What the author says: the run's recipe, with the overrides. Raises `UserError` for other keys than the card's."""
    if other := [one for one in overrides if not one.startswith(PREFIX)]:
        raise refuse(other[0], "changes the run, which is made", "keys of the card, as card.authors=[...]")
    if not (path / "recipe.yaml").is_file():
        raise refuse(str(path), "no run is there", "a run's name, or its folder", "calame run RECIPE")
    return load_recipe(str(path / "recipe.yaml"), overrides)[0].card


def _copy(made: Path, folder: Path) -> None:
    """The model's files at the root, all else as it lies."""
    for source in sorted(made.rglob("*")):
        parts = source.relative_to(made).parts
        if not source.is_file() or parts in ((DONE,), (BEGUN,)):
            continue
        target = folder.joinpath(*(parts[1:] if parts[0] == MODEL else parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        _share(source, target)


def _share(source: Path, target: Path) -> None:
    """Large files, which never change once they are written, are shared where the disk can."""
    if source.suffix in (".safetensors", ".gguf"):
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copy2(source, target)


def _about(records: Tree) -> dict[str, Any]:
    about = records.get("about", {})
    return {
        "name": about.get("name"),
        "calame": calame.__version__,
        "release": about.get("fingerprint"),
        "wording": wording(),
    }


def _tell_stale(run: Run) -> None:
    for name, reason in run.stale.items():
        say(f"  {name} is not on the card: {reason}")
