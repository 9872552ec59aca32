"""`calame release --verify DIR`: is this folder what was released, and does it do what its card says?

Files by their hashes; the card by writing it again from the records; the model by loading it with `transformers`; and
figures by measuring a sample of the items again. Each is a finding, good or not, that names what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from calame.inference.load import Loaded, load_huggingface
from calame.model.huggingface import to_config
from calame.recipe.errors import refuse
from calame.release.card.card import wording, write_cards
from calame.release.card.check import card_faults
from calame.release.huggingface import gate
from calame.release.manifest import MANIFEST, file_faults
from calame.release.place import GateFailed
from calame.release.records.about import GGUF, MADE
from calame.release.remeasure import remeasure
from calame.run.files import read_json

RECORDS, CONFIG = "records.json", "config.json"


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. `told`: figures, or every fault."""

    name: str
    good: bool
    told: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{'ok   ' if self.good else 'FAULT'}  {self.name}"
        return f"{head}: {self.told[0]}" if len(self.told) == 1 else "\n         ".join([f"{head}:", *self.told])


def verify(folder: Path, formats: bool = True) -> Iterator[Finding]:
    """Every finding; what an earlier fault keeps from being examined is not. formats: GGUF files too, which takes long
    for large models. Raises `UserError` for a folder that is no release."""
    about = read_manifest(folder)
    faults = file_faults(folder)
    yield _finding("files", faults, f"{len(about['files'])} files, sizes and sha256 as in {MANIFEST}")
    if not (folder / RECORDS).is_file():
        yield Finding("card", False, (f"{RECORDS}: missing, and nothing says where its figures are from",))
        return
    try:
        records = read_json(folder / RECORDS)
    except ValueError as error:
        yield Finding("card", False, (f"{RECORDS}: no JSON ({error})",))
        return
    yield _card(folder, records, about)
    if any(name.startswith(("model", "config", "tokenizer")) and "missing" in name for name in faults):
        yield Finding("model", False, ("not examined: a file that it needs is missing",))
        return
    yield from _model(folder, records, formats)


def _finding(name: str, faults: list[str], good: str) -> Finding:
    return Finding(name, not faults, tuple(faults) or (good,))


def read_manifest(folder: Path) -> dict[str, Any]:
    remedy = "calame release RUN makes one"
    if not folder.is_dir():
        raise refuse(str(folder), "no such folder", "a folder that calame release made", remedy)
    if not (folder / MANIFEST).is_file():
        raise refuse(str(folder), f"has no {MANIFEST}", "a folder that calame release made", remedy)
    try:
        found = read_json(folder / MANIFEST)
        assert all(one["bytes"] >= 0 and one["sha256"] for one in found["files"].values())
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError):
        raise refuse(
            str(folder / MANIFEST), "no manifest of a release", "as calame release writes it", remedy
        ) from None
    return found


def _card(folder: Path, records: dict[str, Any], about: dict[str, Any]) -> Finding:
    """The pages say what the records say, to the letter, and the hub can read the header."""
    faults = card_faults(folder)
    if about.get("wording") != wording():
        told = (
            f"the header is valid; the text is not compared, Calame {about.get('calame')} words it otherwise than this"
        )
        return _finding("card", faults, told)
    try:
        pages = write_cards(records)
    except Exception as error:  # whatever records of others hold
        return Finding("card", False, (f"{RECORDS}: no card can be made of it ({type(error).__name__}: {error})",))
    for name, page in pages.items():
        if not (folder / name).is_file():
            faults.append(f"{name}: missing")
        elif (found := (folder / name).read_text(encoding="utf-8")) != page:
            faults.append(f"{name}: {_first_difference(found, page)}")
    return _finding("card", faults, f"{', '.join(pages)} say what {RECORDS} says; the header is valid")


def _first_difference(found: str, wanted: str) -> str:
    """Where a page departs from its records."""
    lines = zip_longest(found.splitlines(), wanted.splitlines(), fillvalue="")
    for number, (one, other) in enumerate(lines, 1):
        if one != other:
            return f"line {number} is {one[:80]!r}; by the records it is {other[:80]!r}"
    return "is longer or shorter than its records make it"


def _model(folder: Path, records: dict[str, Any], formats: bool) -> Iterator[Finding]:
    try:
        loaded = load_huggingface(folder, "cpu")
    except Exception as error:  # damaged files fail in the loaders of others, each in its way
        yield Finding(
            "model", False, (f"cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:200]}",)
        )
        return
    written = read_json(folder / CONFIG)
    wanted = to_config(loaded.model.config, written.get("dtype", ""), {})
    other = [
        f"{CONFIG}: {key} is {written.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if written.get(key) != value
    ]
    yield _finding("config", other, "what both major versions of transformers read of it is the same")
    try:
        figures = gate(loaded, dict(loaded.model.state_dict()), folder)
    except GateFailed as error:
        yield Finding("parity", False, tuple(str(error).splitlines()[1:]))
    except Exception as error:
        yield Finding("parity", False, (f"transformers cannot load it: {type(error).__name__}: {error}",))
    else:
        told = (
            f"transformers and Calame differ by {figures['logit_difference']:.1e} over {figures['positions']} positions"
        )
        yield Finding("parity", True, (f"{told}, same likeliest token, equal ids",))
    try:
        for name, faults, told in remeasure(loaded, folder, records):
            yield _finding(name, faults, told)
    except Exception as error:  # whatever records and items of others hold
        yield Finding("figures", False, (f"cannot be measured again: {type(error).__name__}: {error}",))
    if formats and (folder / GGUF / MADE).is_file():
        yield from _gguf(loaded, folder / GGUF)


def _gguf(loaded: Loaded, folder: Path) -> Iterator[Finding]:
    """The gate of each GGUF file again: weights, ids, configuration; and llama.cpp where it is installed."""
    from calame.release.gguf import gate, runtime
    from calame.release.gguf.read import GgufFile
    from calame.release.gguf.types import file_type

    by = "and by llama.cpp" if runtime.available() else "without llama.cpp, which is not installed"
    try:
        listed = read_json(folder / MADE)["files"]
    except (ValueError, TypeError, KeyError) as error:
        yield Finding(MADE, False, (f"does not list GGUF files: {type(error).__name__}: {error}",))
        return
    for one in listed:
        try:
            wanted = file_type(one["type"].lower(), loaded.model.config)
            _, faults = gate.gate(loaded, GgufFile(folder / one["path"]), wanted)
        except Exception as error:  # a damaged file fails in the reader of others
            faults = [f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:200]}"]
        yield _finding(Path(one["path"]).name, faults, f"weights, configuration and ids are the model's, {by}")
