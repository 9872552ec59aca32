"""Speed of the corpus room against datatrove: python benchmarks/corpus.py clean|whole FILE.jsonl.zst... [--megabytes 4]

clean: Gopher's two filters, C4's and FineWeb's with the same thresholds, ours against datatrove's given the same regex
word splitter; and our whole chain `clean: web` with c4, repairs and RODIN's rules included. Documents in memory, in
turn in one process.

whole: from compressed lines to compressed lines of what is kept: the same, and near duplicates. The filters and the
four stages of MinHash of datatrove beside our two stages with the same filters, and with the chain `web` with c4. Each
side in a process of its own, in turn; what is imported and made whatever the size of the text does not count.

Only the ratios count: seconds of processor time, median and spread over the rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from calame.corpus.chain import Chain, sign_of
from calame.corpus.clean.build import clean_steps
from calame.corpus.document import Document
from calame.corpus.gather import gather
from calame.corpus.join import join
from calame.corpus.kept import read_kept
from calame.corpus.read import SourceReader
from calame.corpus.step import Drop, Step, walk
from calame.recipe.clean import Clean
from calame.recipe.corpus import Source, ValidationText
from calame.recipe.dedup import Dedup
from calame.recipe.language_rules import LanguageRules, read_rules
from calame.run.files import zstd_writer

LANGUAGES = ("fr", "it", "en")
ALIKE = {  # datatrove's four filters in its order
    "kind": "none",
    "steps": ["c4", "gopher_quality", "gopher_repetition", "fineweb"],
    "c4": {"verse": False},
    "gopher_quality": {"signs_are_words": True},
    "gopher_repetition": {"signs_are_words": True},
}
C4_ENDS = [".", "?", "!", '"', "'"]
WEB = {"kind": "web", "also": ["c4"]}
THEIRS = "datatrove's filters"


def read(files: list[Path], size: int) -> list[Document]:
    """About `size` bytes of documents, the same from each file, evenly over it."""
    found: list[Document] = []
    for file in files:
        stream = zstandard.ZstdDecompressor().stream_reader(file.open("rb"))
        rows = [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8", newline="\n")]
        total = sum(len(row["text"].encode()) for row in rows)
        every = max(1, total * len(files) // size)
        found += [
            Document(row["text"].strip(), file.name, str(at), row["lang"]) for at, row in enumerate(rows[::every])
        ]
    return found


def steps_of(clean: dict) -> list[Step]:
    """ALIKE with C4's own ends of lines, so that verdicts are datatrove's; other chains with the language's."""
    ends = C4_ENDS if clean is ALIKE else None
    return clean_steps(Clean.model_validate(clean), {language: rules_of(language, ends) for language in LANGUAGES})


def rules_of(language: str, line_ends: list[str] | None = None) -> LanguageRules:
    rules = read_rules(language, None, "")
    assert isinstance(rules, LanguageRules)
    return rules.model_copy(update={"line_ends": line_ends}) if line_ends else rules


# clean: documents in memory


def ours(clean: dict) -> Callable[[list[Document]], int]:
    steps = steps_of(clean)
    return lambda documents: sum(not isinstance(walk(document, steps).result, Drop) for document in documents)


def theirs() -> Callable[[list[Document]], int]:
    from datatrove.data import Document as Page
    from datatrove_peer import filters

    steps = {language: filters(rules_of(language, C4_ENDS)) for language in LANGUAGES}

    def run(documents: list[Document]) -> int:
        kept = 0
        for document in documents:
            page = Page(text=document.text, id="")
            kept += all(step.filter(page) is True for step in steps[document.language])
        return kept

    return run


def clean(documents: list[Document], rounds: int) -> Iterator[str]:
    runs = {
        THEIRS: theirs(),
        "the same filters, ours": ours(ALIKE),
        "clean: web with c4, whole chain": ours(WEB),
        "clean: text": ours({"kind": "text"}),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    kept: dict[str, int] = {}
    for run in runs.values():
        run(documents[:20])  # tables and caches
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.process_time()
            kept[name] = run(documents)
            seconds[name].append(time.process_time() - start)
    yield from table(documents, seconds, kept)


# whole: from file to file, each side in a process of its own


def side(name: str, language: str, path: Path, folder: Path) -> None:
    """Do one side, and print seconds and documents kept as the last line."""
    if name == THEIRS:
        from datatrove_peer import clean_and_dedup, filters

        filters_ = filters(rules_of(language, C4_ENDS))
        start = time.process_time()
        kept = clean_and_dedup(path, folder, filters_)
        seconds = time.process_time() - start
        stream = zstandard.ZstdDecompressor().stream_reader(next(kept.iterdir()).open("rb"), read_across_frames=True)
        print(json.dumps({"seconds": seconds, "kept": sum(1 for _ in io.TextIOWrapper(stream, newline="\n"))}))
        return
    dedup, steps = Dedup.model_validate({"near": True}), steps_of(ALIKE if "filters" in name else WEB)
    chain = Chain(steps, sign_of(dedup.near))
    words = "Il était une fois un roi et une reine.\n" * 50
    for step in steps:
        step(Document(words, "a", "a", language))
    assert chain.sign is not None
    chain.sign(words)
    gathered, joined = folder / "a", folder / "joined"
    gathered.mkdir(parents=True)
    joined.mkdir()
    start, kept = time.process_time(), 0
    source = Source.model_validate({"from": str(path), "language": language})
    gather(SourceReader("a", source, [language], 1), gathered, lambda: chain)
    join({"a": gathered}, ValidationText(), joined, dedup)
    with zstd_writer(folder / "kept.jsonl.zst") as file:
        for found in read_kept(gathered, joined, "a"):
            kept += 1
            file.write(json.dumps({"id": found.row, "text": found.document.text}).encode() + b"\n")
    print(json.dumps({"seconds": time.process_time() - start, "kept": kept}))


def whole(documents: list[Document], rounds: int) -> Iterator[str]:
    languages = {document.language for document in documents}
    if len(languages) > 1:
        sys.exit(f"whole: files of one language, for datatrove's stop words; found {', '.join(sorted(languages))}")
    names = (THEIRS, "the same filters, ours", "clean: web with c4, whole chain")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    kept: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "text.jsonl.zst"
        with zstd_writer(path) as file:
            for at, document in enumerate(documents):
                file.write(json.dumps({"id": str(at), "text": document.text}, ensure_ascii=False).encode() + b"\n")
        for number in range(rounds):
            for name in names:
                folder = Path(temporary) / f"{number}-{names.index(name)}"
                command = [sys.executable, __file__, "side", name, *languages, str(path), str(folder)]
                done = subprocess.run(
                    command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
                )
                if done.returncode:
                    sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
                said = json.loads(done.stdout.splitlines()[-1])
                seconds[name].append(said["seconds"])
                kept[name] = said["kept"]
    yield from table(documents, seconds, kept)


def table(documents: list[Document], seconds: dict[str, list[float]], kept: dict[str, int]) -> Iterator[str]:
    """A line a run: MB/s, ratio to datatrove's in the same round, documents kept."""
    size, rounds = sum(len(document.text.encode()) for document in documents) / 1e6, len(seconds[THEIRS])
    yield f"{len(documents)} documents, {size:.1f} MB, {rounds} rounds, one core; MB/s and ratios: median (spread)"
    for name, found in seconds.items():
        ratios = sorted(theirs / mine for theirs, mine in zip(seconds[THEIRS], found, strict=True))
        speeds = sorted(size / each for each in found)
        speed = f"{statistics.median(speeds):6.2f} ({speeds[0]:.2f}-{speeds[-1]:.2f})"
        ratio = f"{statistics.median(ratios):5.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        yield f"{name:<34} {speed:>22} MB/s  {ratio:>22}  {kept[name]} kept"


if __name__ == "__main__":
    if sys.argv[1:2] == ["side"]:
        side(*sys.argv[2:4], *map(Path, sys.argv[4:]))  # type: ignore[arg-type]
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["clean", "whole"])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    texts = read(chosen.files, int(chosen.megabytes * 1e6))
    for line in {"clean": clean, "whole": whole}[chosen.part](texts, chosen.rounds):
        print(line)
