"""Near duplicates: what is found, how fast, in how much memory.

    python benchmarks/corpus_dedup.py found              recall and precision on planted copies
    python benchmarks/corpus_dedup.py speed --rounds 3   beside datatrove's four stages of MinHash
    python benchmarks/corpus_dedup.py memory --sizes 125 250 500 1000

The text is CALAME_DATA/corpus/raw/known-duplicates.jsonl.zst, with its truth beside it; Jaccard indices are computed
anew from sets of words. A pair below 0.8 is parted where one of the two has another copy. `speed` runs each side in a
process of its own, in turn, on the same lines, from the compressed lines to the compressed lines of what is kept, and
counts seconds of one core, so that what else runs on the machine matters little. datatrove gets the word splitter of a
regular expression, without which it would need spaCy and be some ten times slower; its bands are its own 14 of 8.
`memory` repeats the text with noise up to each size (MB) and prints the peak of each stage's own process.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

DATA = Path(os.environ.get("CALAME_DATA", ".")) / "corpus/raw"
TEXTS, TRUTH = DATA / "known-duplicates.jsonl.zst", DATA / "known-duplicates.truth.json"
THRESHOLD = 0.8


def read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        yield from map(json.loads, io.TextIOWrapper(stream, encoding="utf-8", newline="\n"))


# One side, in a process of its own


def gathered(path: Path, folder: Path, near: bool = True) -> Any:
    from calame.corpus.chain import Chain, sign_of
    from calame.corpus.gather import gather
    from calame.corpus.read import SourceReader
    from calame.recipe.corpus import Source
    from calame.recipe.dedup import Dedup

    dedup = Dedup.model_validate({"near": near})
    (folder / "source").mkdir(parents=True)
    source = Source.model_validate({"from": str(path), "language": "fr"})
    gather(
        SourceReader("a", source, ["fr"], 1),
        folder / "source",
        partial(Chain, (), sign_of(dedup.near)),
    )
    return dedup


def joined(folder: Path, dedup: Any) -> None:
    from calame.corpus.join import join
    from calame.recipe.corpus import ValidationText

    (folder / "joined").mkdir()
    join({"a": folder / "source"}, ValidationText(), folder / "joined", dedup)


def calame_side(path: Path, folder: Path) -> None:
    from calame.corpus.kept import read_kept
    from calame.run.files import zstd_writer

    joined(folder, gathered(path, folder))
    with zstd_writer(folder / "kept.jsonl.zst") as file:
        for kept in read_kept(folder / "source", folder / "joined", "a"):
            file.write(json.dumps({"text": kept.document.text, "row": kept.row}).encode() + b"\n")


def datatrove_side(path: Path, folder: Path) -> None:
    from datatrove_peer import clean_and_dedup

    clean_and_dedup(path, folder)


def peak() -> int:
    """Bytes of memory that this process held at most."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def warm(what: str) -> None:
    """What is imported and what tables are made whatever the size of the text."""
    if what == "datatrove":
        import datatrove_peer  # noqa: F401
    else:
        import calame.corpus.join
        import calame.corpus.read  # noqa: F401
        from calame.corpus.dedup.signature import signature
        from calame.recipe.dedup import Near

        signature("un mot", Near())


def part(what: str, path: Path, folder: Path) -> None:
    """Do one thing and print seconds and peak memory as the last line."""
    from calame.recipe.dedup import Dedup

    warm(what)
    start = time.process_time()
    if what == "calame":
        calame_side(path, folder)
    elif what == "datatrove":
        datatrove_side(path, folder)
    elif what == "gather":
        gathered(path, folder)
    elif what == "gather without":
        gathered(path, folder, near=False)
    elif what == "join":
        joined(folder, Dedup.model_validate({"near": True, "paragraphs": True}))
    print(json.dumps({"seconds": time.process_time() - start, "peak": peak()}))


def apart(what: str, path: Path, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "part", what, str(path), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


# What is asked


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(max(len(words) - 4, 1))}


def index(one: str, other: str) -> float:
    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


def found() -> None:
    """Recall: of the planted pairs, how many no longer stand in the corpus both. Precision: of the documents that went,
    how many resemble the kept one that stands for them as declared."""
    rows = list(read(TEXTS))
    texts = {row["id"].rpartition("/")[2]: row["text"] for row in rows}
    names = list(texts)
    clusters = json.loads(TRUTH.read_text(encoding="utf-8"))["clusters"]
    pairs = [(c["original"], x["id"], x["kind"]) for c in clusters for x in c["copies"]]
    indices = [index(texts[one], texts[other]) for one, other, _ in pairs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart("calame", TEXTS, folder / "ours")
        ours = {names[row["row"]] for row in read(folder / "ours/kept.jsonl.zst")}
        went = list(read(folder / "ours/joined/near.jsonl.zst"))
        apart("datatrove", TEXTS, folder / "theirs")
        theirs = datatrove_kept(folder / "theirs/kept")
    kinds = [kind for *_, kind in pairs]
    for title, keys in (
        ("kind of change (0.8 and above)", [k if j >= THRESHOLD else "" for k, j in zip(kinds, indices, strict=True)]),
        ("Jaccard index", [f"{int(j * 20) / 20:.2f}" if j < 1 else "1" for j in indices]),
        ("all at 0.8 and above", ["all" if j >= THRESHOLD else "" for j in indices]),
    ):
        print(f"\n| {title} | pairs | parted by calame | by datatrove |\n| --- | --- | --- | --- |")
        counts = Counter(keys)
        for key in sorted(filter(None, counts)):
            chosen = [pair[:2] for pair, own in zip(pairs, keys, strict=True) if own == key]
            shares = [sum(not {*pair} <= kept for pair in chosen) / len(chosen) for kept in (ours, theirs)]
            print(f"| {key} | {counts[key]} | {shares[0]:.1%} | {shares[1]:.1%} |")
    right = [
        names[line["of"][1]] in ours and index(texts[names[line["row"]]], texts[names[line["of"][1]]]) >= THRESHOLD
        for line in went
    ]
    print(f"\nprecision: {sum(right)} of {len(right)} near duplicates that went, {sum(right) / len(right):.2%}")
    hashes = Counter(row["text"].strip() for row in rows)
    extra = sum(count - 1 for count in hashes.values())
    print(f"exact duplicates: {extra} in the file, {len(rows) - len(ours) - len(went)} went as such")


def datatrove_kept(folder: Path) -> set[str]:
    return {row["id"].rpartition("/")[2] for path in folder.iterdir() for row in read(path)}


def speed(rounds: int) -> None:
    size = sum(len(row["text"].encode()) for row in read(TEXTS)) / 1e6
    ratios, rates = [], {"calame": [], "datatrove": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            for side in rates:
                rates[side].append(size / apart(side, TEXTS, Path(name) / side)["seconds"])
        ratios.append(rates["calame"][-1] / rates["datatrove"][-1])
    for side, values in rates.items():
        print(
            f"{side}: {statistics.median(values):.2f} MB a second of one core ({min(values):.2f} to {max(values):.2f})"
        )
    print(f"ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}), {rounds} rounds")


def write_noise(path: Path, size: float, characters: int | None) -> int:
    """The text again and again, up to `size` MB: each document with a 2 % or a 40 % of its words replaced, so that a
    third of the repetitions are near duplicates. Returns the number of documents."""
    draw, written, documents = random.Random(1), 0, 0
    texts = [row["text"][:characters] for row in read(TEXTS)]
    with path.open("wb") as raw, zstandard.ZstdCompressor(level=1).stream_writer(raw) as file:
        while written < size * 1e6:
            text = texts[documents % len(texts)]
            words = re.split(r"(?<= )", text)
            share = 0.005 if documents % 3 == 0 else 0.4
            for at in draw.sample(range(len(words)), max(1, int(share * len(words)))):
                words[at] = f"{draw.getrandbits(40):x} "
            text = "".join(words)
            file.write(json.dumps({"text": text}).encode() + b"\n")
            written += len(text.encode())
            documents += 1
    return documents


def memory(sizes: list[float], characters: int | None) -> None:
    print(
        "| MB of text | documents | gather, MB | join, MB | near duplicates | MB/s of one core |\n" + "| --- " * 6 + "|"
    )
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder, path = Path(name) / "out", Path(name) / "noise.jsonl.zst"
            documents = write_noise(path, size, characters)
            first, second = (apart(what, path, folder) for what in ("gather", "join"))
            went = json.loads((folder / "joined/near.json").read_text())["went"]
            rate = size / (first["seconds"] + second["seconds"])
            peaks = f"{first['peak'] / 1e6:.0f} | {second['peak'] / 1e6:.0f}"
            print(f"| {size:g} | {documents:,} | {peaks} | {went:,} | {rate:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["found", "speed", "memory", "part"])
    parser.add_argument("of", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=float, nargs="+", default=[125, 250, 500])
    parser.add_argument("--characters", type=int, help="memory: of each text, since memory goes by documents")
    asked = parser.parse_args()
    if asked.what == "part":
        what, path, folder = asked.of
        part(what, Path(path), Path(folder))
    elif not TEXTS.is_file():
        sys.exit("CALAME_DATA must name the folder that holds corpus/raw/known-duplicates.jsonl.zst")
    elif asked.what == "found":
        found()
    elif asked.what == "speed":
        speed(asked.rounds)
    else:
        memory(asked.sizes, asked.characters)


if __name__ == "__main__":
    main()
