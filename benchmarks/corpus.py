"""Speed of the corpus room against datatrove: python benchmarks/corpus.py clean FILE.jsonl.zst... [--megabytes 4]

clean: Gopher's two filters, C4's and FineWeb's with the same thresholds, ours against datatrove's given the same regex
word splitter; and our whole chain `clean: web` with c4, repairs and RODIN's rules included. All walk the same
documents in turn in one process, so that only the ratio counts: seconds of CPU, median and spread over the rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from calame.corpus.clean.build import clean_steps
from calame.corpus.document import Document
from calame.corpus.step import Drop, Step, walk
from calame.recipe.clean import Clean
from calame.recipe.language_rules import LanguageRules, read_rules

LANGUAGES = ("fr", "it", "en")
FILTERS = ["c4", "gopher_quality", "gopher_repetition", "fineweb"]


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


def ours(clean: dict) -> Callable[[list[Document]], int]:
    rules = {language: read_rules(language, None, "") for language in LANGUAGES}
    assert all(isinstance(found, LanguageRules) for found in rules.values())
    steps: list[Step] = clean_steps(Clean.model_validate(clean), rules)  # type: ignore[arg-type]
    return lambda documents: sum(not isinstance(walk(document, steps).result, Drop) for document in documents)


def datatrove() -> Callable[[list[Document]], int]:
    """datatrove's filters in the order of FILTERS, with the splitter of words that needs no spaCy."""
    from datatrove.data import Document as Page
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Words(WordTokenizer):
        def __init__(self) -> None:
            pass

        def word_tokenize(self, text: str) -> list[str]:
            return re.findall(r"\w+|[^\w\s]", text)

        def sent_tokenize(self, text: str) -> list[str]:
            return re.split(r"(?<=[.!?])\s+", text)

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:  # of sentences, for which C4 asks
            ends = [match.end() for match in re.finditer(r"(?<=[.!?])\s+", text)] + [len(text)]
            return list(zip([0, *ends], ends, strict=False))

    words = Words()
    filters = {}
    for language in LANGUAGES:
        rules = read_rules(language, None, "")
        assert isinstance(rules, LanguageRules)
        filters[language] = [
            C4QualityFilter(language=words),
            GopherQualityFilter(language=words, stop_words=rules.stop_words),
            GopherRepetitionFilter(language=words),
            FineWebQualityFilter(language=words, stop_chars=tuple(rules.line_ends)),
        ]

    def run(documents: list[Document]) -> int:
        kept = 0
        for document in documents:
            page = Page(text=document.text, id="")
            kept += all(step.filter(page) is True for step in filters[document.language])
        return kept

    return run


def rounds(documents: list[Document], runs: dict[str, Callable[[list[Document]], int]], times: int) -> Iterator[str]:
    """A line a run: MB/s, ratio to datatrove's in the same round, documents kept."""
    size = sum(len(document.text.encode()) for document in documents)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    kept: dict[str, int] = {}
    for run in runs.values():
        run(documents[:20])  # tables and caches
    for _ in range(times):
        for name, run in runs.items():
            start = time.process_time()
            kept[name] = run(documents)
            seconds[name].append(time.process_time() - start)
    yield f"{len(documents)} documents, {size / 1e6:.1f} MB, {times} rounds, one core; MB/s and ratios: median (spread)"
    for name, found in seconds.items():
        ratios = sorted(theirs / mine for theirs, mine in zip(seconds["datatrove's filters"], found, strict=True))
        speeds = sorted(size / 1e6 / each for each in found)
        speed = f"{statistics.median(speeds):6.2f} ({speeds[0]:.2f}-{speeds[-1]:.2f})"
        ratio = f"{statistics.median(ratios):5.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        yield f"{name:<34} {speed:>22} MB/s  {ratio:>22}  {kept[name]} kept"


def clean(arguments: argparse.Namespace) -> None:
    documents = read(arguments.files, int(arguments.megabytes * 1e6))
    alike = {
        "kind": "none",
        "steps": FILTERS,
        "c4": {"verse": False},
        "gopher_quality": {"signs_are_words": True},
        "gopher_repetition": {"signs_are_words": True},
    }
    runs = {
        "datatrove's filters": datatrove(),
        "the same filters, ours": ours(alike),
        "clean: web with c4, whole chain": ours({"kind": "web", "also": ["c4"]}),
        "clean: text": ours({"kind": "text"}),
    }
    for line in rounds(documents, runs, arguments.rounds):
        print(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["clean"])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(sys.argv[1:])
    {"clean": clean}[chosen.part](chosen)
