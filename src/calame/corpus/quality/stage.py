"""Stage quality/SOURCE: a score for each document of a gathered source, in order.

scores.npy     (documents,) float32 in [0, 1]
quality.json   the scorer, and the deciles of the scores by language
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from calame.corpus.document import Document
from calame.corpus.gather import read_documents, read_keys
from calame.corpus.quality.scorer import Scorer
from calame.run.files import atomic, read_json, write_json
from calame.run.progress import Bar

SCORES = "scores.npy"
BATCH_DOCUMENTS, BATCH_CHARACTERS = 4096, 16_000_000  # that are given to a scorer at once


def score_source(name: str, source: Path, scorer: Scorer, folder: Path) -> None:
    """Write the scores of the source gathered in `source`. Raises `UserError` as the scorer does."""
    keys, languages = read_keys(source), read_json(source / "ledger.json")["languages"]
    scores = score_documents(name, read_documents(source), scorer, len(keys))
    assert len(scores) == len(keys)
    with atomic(folder / SCORES) as file:
        np.save(file, scores)
    deciles = {
        language: np.quantile(scores[keys["language"] == code], np.linspace(0, 1, 11)).round(4).tolist()
        for code, language in enumerate(languages)
        if (keys["language"] == code).any()
    }
    write_json(folder / "quality.json", {"scorer": scorer.name, "deciles": deciles})


def score_documents(name: str, documents: Iterable[Document], scorer: Scorer, total: int | None = None) -> np.ndarray:
    """(documents,) float32. `total`: how many there are, where that is known."""
    found = [np.zeros(0, np.float32)]
    with Bar(f"quality {name}", total, "documents") as bar:
        for batch in _batches(documents):
            scores = scorer.score_many([one.text for one in batch], [one.language for one in batch])
            assert scores.shape == (len(batch),) and np.isfinite(scores).all()
            found.append(scores)
            bar.advance(len(batch))
    return np.concatenate(found)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if len(batch) == BATCH_DOCUMENTS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_scores(folder: Path) -> np.ndarray:
    return np.load(folder / SCORES)
