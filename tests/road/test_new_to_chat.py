"""The first thing people ask: a folder of two hundred plain files, as they lie there, and then a chat that stops."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import zstandard

from calame.corpus import petit_monde
from calame.inference.generate import Sampling, complete
from calame.inference.load import load_any
from calame.run.files import read_json
from support import environment

FILES = 200
MESSAGES = ("Continue : Il fait beau ce matin.", "Bonjour, qui es-tu ?", "Raconte-moi une histoire.")


def generated() -> Iterator[str]:
    """French prose about a little world that no other test has seen."""
    yield from (str(row["text"]) for row in petit_monde.rows("prose", seed=271828, size=900_000, languages=["fr"]))


def real() -> Iterator[str]:
    """Documents of French public offices, one to a file; not the first ones, on which `calame new` was tuned."""
    path = Path(os.environ["CALAME_DATA"]) / "corpus/fr-public-sector.jsonl.zst"
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        yield from (json.loads(line)["text"] for line in islice(lines, FILES, 2 * FILES))


def write(texts: Iterator[str], folder: Path) -> None:
    folder.mkdir()
    kept = list(texts)
    each = max(1, len(kept) // FILES)
    for number in range(FILES):
        part = kept[number * each : (number + 1) * each]
        (folder / f"{number:03}.txt").write_text("\n\n".join(part), encoding="utf-8")


def calame(*arguments: str, cwd: Path, said: str = "") -> str:
    command = [sys.executable, "-m", "calame", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment(), input=said, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts",
    [
        generated,
        pytest.param(
            real,
            marks=[
                pytest.mark.data,
                pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA"),
            ],
        ),
    ],
    ids=["generated", "real"],
)
def test_two_hundred_plain_files_to_a_chat_that_stops(texts, tmp_path: Path) -> None:
    write(texts(), tmp_path / "my-texts")
    calame("new", "mine", "--text", "my-texts", "--languages", "fr", cwd=tmp_path)
    calame("run", "mine.yaml", cwd=tmp_path)
    run = tmp_path / "runs/mine"

    said = calame("chat", "mine", cwd=tmp_path, said="\n".join(MESSAGES) + "\n")
    assert len(said.strip().splitlines()) >= len(MESSAGES), "a line for each answer, and it ends with the input"
    loaded = load_any(str(run), device="cpu")
    prompts = [loaded.tokenizer.chat([{"role": "user", "content": text}]) for text in MESSAGES]
    found = complete(loaded, prompts, Sampling(limit=200))
    assert all(completion.stopped and completion.text.strip() for completion in found), found

    losses = read_json(run / "evaluation/evaluation.json")["losses"]
    print({name: values["mixed"]["bpb"]["value"] for name, values in losses.items()}, [found_.text for found_ in found])
    assert (
        losses["tuned"]["mixed"]["bpb"]["value"] < 2.5
    )  # of text that was never read; letters alone, drawn by frequency, are 4.3
