"""Killed anywhere inside the stage, the same command gives what it would have given."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from calame.run.files import read_json
from corpus.dedup.near_text import changed, words_of
from support import Toy, environment, folder_digest, write_lines

# Walks the road to the end of its stage corpus, once for each moment (MODULE NAME COUNT, or nothing) that it is given,
# in a process that kills itself when the function is called for the COUNTth time. Prints the exit codes.
ROADS = """
import importlib, json, os, signal, sys
from calame.cli import main
import calame.corpus.dedup.near, calame.corpus.dedup.paragraphs, calame.corpus.join, calame.road.run, torch

def walk(module=None, name="", count=0):
    if module:
        module = importlib.import_module(module)
        real, left = getattr(module, name), [count]
        def deadly(*arguments, **keys):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **keys)
        setattr(module, name, deadly)
    os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT), 1)
    return main(["run", "toy.yaml", "--to", "corpus"])

for moment in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        os._exit(walk(*moment))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
MOMENTS = [
    ("calame.corpus.part", "_key", 20),
    ("calame.corpus.dedup.bands", "_band_keys", 2),
    ("calame.corpus.dedup.near", "shingles", 7),
    ("calame.corpus.dedup.near", "jaccard", 9),
    ("calame.corpus.dedup.near", "line_chart", 1),
    ("calame.corpus.dedup.paragraphs", "_without", 3),
    ("calame.corpus.join", "atomic", 2),
    ("calame.corpus.join", "describe", 1),
]


def roads(folder: Path, *moments: tuple) -> list[int]:
    command = [sys.executable, "-c", ROADS, json.dumps(moments)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert not done.stderr
    return [int(line) for line in done.stdout.split()]


def corpus(folder: Path) -> str:
    found = [path for path in (folder / "runs/.store/corpus").iterdir() if path.is_dir()]
    assert len(found) == 1 and read_json(found[0] / "done.json")["stage"] == "corpus"
    (found[0] / "done.json").unlink()  # it holds times
    return folder_digest(found[0])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    draw = random.Random(1)
    toy = Toy(tmp_path)
    shared = [" ".join(words_of(draw, 12)) for _ in range(8)]
    families = [words_of(draw, 90) for _ in range(20)]
    rows = [
        {"text": "\n\n".join([" ".join(changed(draw, words, share)), draw.choice(shared)]), "lang": "it"}
        for words in families
        for share in (0, 0.01, 0.03)
    ]
    write_lines(tmp_path / "fiabe.jsonl", rows)
    toy.recipe(corpus__dedup={"near": "on", "paragraphs": {"least": 40, "left": 30}})
    return tmp_path


def test_kills_lose_nothing(recipe):
    assert roads(recipe, ()) == [0]
    whole = corpus(recipe)
    (recipe / "runs").rename(recipe / "whole")
    assert roads(recipe, *MOMENTS, ()) == [*[-9] * len(MOMENTS), 0]
    assert corpus(recipe) == whole
