"""datatrove's side of the corpus room's benchmarks, at its best: the word splitter of a regular expression, without
which it would need spaCy and be some ten times slower; texts written as zstd, which costs it less than its gzip; what
passes the filters is written and signed in one walk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import minhash
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.word_tokenizers import WordTokenizer

from calame.recipe.language_rules import LanguageRules


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


def filters(rules: LanguageRules) -> list[Any]:
    """The filters of C4, Gopher and FineWeb, with the stop words and line ends of a language."""
    words = Words()
    return [
        C4QualityFilter(language=words),
        GopherQualityFilter(language=words, stop_words=rules.stop_words),
        GopherRepetitionFilter(language=words),
        FineWebQualityFilter(language=words, stop_chars=tuple(rules.line_ends)),
    ]


def clean_and_dedup(path: Path, folder: Path, steps: Sequence[Any] = ()) -> Path:
    """The texts of a .jsonl.zst file through the filters and the four stages of MinHash with its own 14 bands of 8;
    returns the folder of what is kept."""
    config = minhash.MinhashConfig()
    parts = {name: str(folder / name) for name in ("passed", "signatures", "buckets", "clusters", "kept")}

    def reader(of: Path | str, pattern: str | None = None) -> JsonlReader:
        return JsonlReader(str(of), glob_pattern=pattern, compression="zstd")

    text = reader(path.parent, path.name)
    passed = [text, *steps, JsonlWriter(parts["passed"], compression="zstd")] if steps else [text]
    for number, (tasks, pipeline) in enumerate(
        (
            (1, [*passed, minhash.MinhashDedupSignature(parts["signatures"], config, language=Words())]),
            (config.num_buckets, [minhash.MinhashDedupBuckets(parts["signatures"], parts["buckets"], config=config)]),
            (1, [minhash.MinhashDedupCluster(parts["buckets"], parts["clusters"], config)]),
            (
                1,
                [
                    reader(parts["passed"]) if steps else text,
                    minhash.MinhashDedupFilter(parts["clusters"]),
                    JsonlWriter(parts["kept"], compression="zstd"),
                ],
            ),
        )
    ):
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(folder / f"logs-{number}")).run()
    return Path(parts["kept"])
