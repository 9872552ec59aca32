"""Memory of gathering and joining a large corpus: python benchmarks/corpus_memory.py [GB...] [--workers N]

Writes a corpus of so many GB of text in a temporary folder (.jsonl.zst files of 100 MB of text, and one that holds a
third of the whole, so that whole parts and cut ones both occur) by repeating a text of 3 MB with noise: no documents
are equal. Gathers and joins it in a process of its own, and prints the greatest resident memory of all its processes
together, sampled 20 times a second (what they share counts in each). Memory that grows shows as a slope over two sizes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import zstandard

from calame.corpus.chain import Chain, chain_of
from calame.corpus.document import Document
from calame.corpus.engine import Local
from calame.corpus.gather import gather
from calame.corpus.join import join
from calame.corpus.read import SourceReader
from calame.corpus.step import Drop
from calame.recipe.corpus import Source, ValidationText
from calame.recipe.load import load_recipe

FILE = 100_000_000  # bytes of text
DOCUMENTS = 2000  # of the text that is repeated, 1.5 kB each on average


def documents(seed: int) -> list[list[str]]:
    """Documents of random words of random letters, as lists of words."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("aeioubcdfglmnprstvéà", k=draw.randint(2, 11))) for _ in range(30_000)]
    return [draw.choices(words, k=draw.randint(20, 480)) for _ in range(DOCUMENTS)]


def noisy(seed: int, size: int) -> Iterator[bytes]:
    """Lines of JSON until their texts have `size` bytes: each document again and again, a few words exchanged."""
    draw, base, written = random.Random(seed), documents(0), 0
    while written < size:
        words = list(draw.choice(base))
        for _ in range(3):
            words[draw.randrange(len(words))] = str(draw.random())
        text = " ".join(words)
        written += len(text.encode())
        yield json.dumps({"text": text, "url": f"https://site-{draw.randrange(100_000)}.fr/"}).encode() + b"\n"


def write_corpus(folder: Path, size: int) -> None:
    large, rest = size // 3, size - size // 3
    sizes = [large, *[FILE] * (rest // FILE), rest % FILE]
    for number, part in enumerate(sizes):
        path = folder / f"{number:04d}.jsonl.zst"
        with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as writer:
            for line in noisy(number, part):
                writer.write(line)


@dataclass
class Look:
    """Stands for the steps where no recipe gives some: looks at every word."""

    name: str = "look"

    def __call__(self, document: Document) -> Document | Drop:
        return document if len(set(document.text.split())) > 10 else Drop("too short")


def work(texts: Path, folder: Path, workers: int, recipe: str | None) -> None:
    source = Source.model_validate({"from": str(texts), "language": "fr"})
    make_chain = partial(chain_of, load_recipe(recipe)[0], "a") if recipe else partial(Chain, (Look(),))
    gathered, joined = folder / "a", folder / "joined"
    gathered.mkdir()
    joined.mkdir()
    gather(SourceReader("a", source, ["fr"], 1), gathered, make_chain, Local(workers))
    join({"a": gathered}, ValidationText(), joined)


def memory_of(process: int) -> tuple[int, int]:
    """Bytes that a process and all below it hold: resident, and of those what is theirs alone (not mapped files)."""
    resident = private = 0
    try:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        resident = int(fields["VmRSS"].split()[0]) * 1024
        private = int(fields["RssAnon"].split()[0]) * 1024
        children = [
            int(child)
            for task in Path(f"/proc/{process}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (OSError, KeyError):  # it has just ended
        return resident, private
    for child in children:
        more = memory_of(child)
        resident, private = resident + more[0], private + more[1]
    return resident, private


def measure(gigabytes: float, workers: int, recipe: str | None) -> str:
    with tempfile.TemporaryDirectory() as name:
        texts, folder = Path(name) / "texts", Path(name) / "out"
        texts.mkdir()
        folder.mkdir()
        write_corpus(texts, int(gigabytes * 1e9))
        process = multiprocessing.get_context("spawn").Process(target=work, args=(texts, folder, workers, recipe))
        began, peak = time.monotonic(), (0, 0)
        process.start()
        while process.is_alive():
            assert process.pid is not None
            now = memory_of(process.pid)
            peak = max(peak[0], now[0]), max(peak[1], now[1])
            process.join(0.05)
        seconds = time.monotonic() - began
        assert process.exitcode == 0
        rows = json.loads((folder / "joined/ledger.json").read_text())["a"]["came"]["documents"]
    said = f"{peak[0] / 1e6:8,.0f} MB resident ({peak[1] / 1e6:,.0f} MB without mapped files)"
    return f"{gigabytes:5g} GB  {rows:>10,} documents  {said}  {gigabytes * 1e3 / seconds:6.1f} MB/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("gigabytes", type=float, nargs="*", default=[0.5, 1.0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--recipe", help="whose steps to take the documents through, those of its source `a`")
    options = parser.parse_args()
    for gigabytes in options.gigabytes:
        print(measure(gigabytes, options.workers, options.recipe), flush=True)


if __name__ == "__main__":
    main()
