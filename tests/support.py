"""A toy recipe with generated text, small enough that the whole road takes seconds; and `calame` as a process."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import calame
from calame.run.files import digest, file_digest
from calame.run.store import Store

SYLLABLES = ["ba", "ré", "lo", "mi", "tu", "cha", "vel", "dor", "nou", "è", "pa", "si", "gra", "ti", "con"]
TOY: dict[str, Any] = {
    "name": "toy",
    "languages": ["fr", "it"],
    "corpus": {
        "sources": {"contes": {"from": "contes", "language": "fr"}, "fiabe": {"from": "fiabe.jsonl"}},
        "validation": {"share": "10%"},
    },
    "tokenizer": {"vocabulary": 320},
    "model": {"hidden_size": 32, "num_hidden_layers": 2},
    "pretrain": {"tokens": 6144, "batch": 512, "context": 64},
    "sft": {"conversations": {"mine": {"from": "chat.jsonl"}}, "replay": 0.25},
    "evaluation": {"questions": "questions.jsonl", "prompts": ["Bonjour"]},
    "execution": {"device": "cpu", "threads": 1, "log_every": 1, "generate_every": 0},
}


def folder_digest(folder: Path) -> str:
    """One hash of the names and contents of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest([[str(path.relative_to(folder)), file_digest(path)] for path in files])


class Toy:
    """A folder with the toy recipe's inputs. `recipe()` writes toy.yaml, with changes `section__key=value`.

    documents: of each source; None where the inputs are there already.
    """

    def __init__(self, folder: Path, documents: int | None = 30):
        self.folder = folder
        if documents is not None:
            self._write_inputs(folder, documents)

    def _write_inputs(self, folder: Path, documents: int) -> None:
        (folder / "contes").mkdir(parents=True)
        for number, text in enumerate(texts(1, documents)):
            (folder / "contes" / f"{number:02d}.txt").write_text(text, encoding="utf-8")
        write_lines(folder / "fiabe.jsonl", [{"text": text, "lang": "it"} for text in texts(2, documents)])
        talk = list(texts(3, 40, sentences=1))
        write_lines(
            folder / "chat.jsonl", [conversation(ask, say) for ask, say in zip(talk[::2], talk[1::2], strict=True)]
        )
        asked = [{"question": text, "value": "ba", "kind": "recall", "language": "fr"} for text in texts(4, 3, 1)]
        write_lines(folder / "questions.jsonl", asked)

    def recipe(self, **changes: Any) -> str:
        data = copy.deepcopy(TOY)
        for key, value in changes.items():
            *sections, last = key.split("__")
            at = data
            for section in sections:
                at = at.setdefault(section, {})
            at[last] = value
        path = self.folder / "toy.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return str(path)


def made_by(monkeypatch) -> list[str]:
    """The names of the stages that are really made from now on, in order."""
    made: list[str] = []
    make = Store.make

    def note(self, stage, *rest):
        made.append(stage.name)
        return make(self, stage, *rest)

    monkeypatch.setattr(Store, "make", note)
    return made


def texts(seed: int, number: int, sentences: int = 6) -> Iterator[str]:
    """Different small texts in an invented language with accents and French punctuation."""
    draw = random.Random(seed)
    words = ["".join(draw.choice(SYLLABLES) for _ in range(draw.randint(1, 4))) for _ in range(200)]
    for _ in range(number):
        yield " ".join(_sentence(draw, words) for _ in range(sentences))


def _sentence(draw: random.Random, words: list[str]) -> str:
    text = " ".join(draw.choice(words) for _ in range(draw.randint(4, 9)))
    return text[0].upper() + text[1:] + draw.choice([".", " !", " ?", "…"])


def conversation(ask: str, say: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": say}]}


def write_lines(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def environment(**more: str) -> dict[str, str]:
    """The environment of a subprocess that imports the code under test, and what else is on this one's path."""
    paths = [str(Path(calame.__file__).parents[1]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    there = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
    return {**os.environ, **there, **more}


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """`calame ARGUMENTS` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "calame", *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_cli(*arguments: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """`calame ARGUMENTS` to its end: exit code, output, errors."""
    process = start(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
