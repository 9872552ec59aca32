"""Real text with planted copies and their true Jaccard indices."""

import io
import json
import os
from pathlib import Path

import pytest
import zstandard

from calame.corpus.decisions import TRAIN, VALIDATION
from corpus.dedup.near_text import decisions, reference_jaccard

pytestmark = [pytest.mark.data, pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA")]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    with (Path(os.environ["CALAME_DATA"]) / "corpus/raw/known-duplicates.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8", newline="\n")
        return {row["id"].rpartition("/")[2]: row["text"] for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str, str, float]]:
    """(original, copy, kind of change, Jaccard index to three digits)"""
    path = Path(os.environ["CALAME_DATA"]) / "corpus/raw/known-duplicates.truth.json"
    clusters = json.loads(path.read_text(encoding="utf-8"))["clusters"]
    return [(c["original"], x["id"], x["kind"], x["jaccard_5gram"]) for c in clusters for x in c["copies"]]


def test_our_words_are_those_of_the_truth(texts, pairs):
    for original, copy, _, index in pairs:
        assert round(reference_jaccard(texts[original], texts[copy]), 3) == index


def test_recall_and_precision(texts, pairs, tmp_path):
    names = list(texts)
    found = decisions(tmp_path, {"a": texts.values()}, near={})["a"]
    kept = {name for name, decision in zip(names, found, strict=True) if decision in (TRAIN, VALIDATION)}
    exact = [(one, other) for one, other, kind, _ in pairs if kind == "exact"]
    assert all(not {one, other} <= kept for one, other in exact)
    close = [(one, other) for one, other, *_ in pairs if reference_jaccard(texts[one], texts[other]) >= 0.8]
    assert len(close) > 900
    assert sum(not {one, other} <= kept for one, other in close) >= 0.97 * len(close)
    went = zstandard.ZstdDecompressor().stream_reader((tmp_path / "joined/near.jsonl.zst").read_bytes()).read()
    lines = [json.loads(line) for line in went.splitlines()]
    right = [
        names[line["of"][1]] in kept
        and reference_jaccard(texts[names[line["row"]]], texts[names[line["of"][1]]]) >= 0.8
        for line in lines
    ]
    assert len(right) > 600 and sum(right) >= 0.99 * len(right)
