"""On real text: OCR is told from print, and the heuristic keeps the share that it is asked for."""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from calame.corpus.quality.decide import find_threshold
from calame.corpus.quality.heuristic import HeuristicScorer
from calame.corpus.quality.labelled import read_labelled, split
from calame.corpus.quality.linear import train_linear
from calame.corpus.quality.measure import measure
from calame.corpus.readers.kinds import read_rows
from support import write_lines

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA"),
]


def texts(name: str, number: int, every: int = 1) -> list[str]:
    path = Path(os.environ["CALAME_DATA"]) / "corpus" / f"{name}.jsonl.zst"
    rows = islice(read_rows(path), 0, number * every, every)
    return [row.values["text"] for row in rows if row.values]


def test_ocr_is_told_from_print_without_long_s_and_line_ends(tmp_path):
    rows = []
    for label, name, every in ((0, "raw/ocr-mazarinades-fr", 1), (1, "fr-novels-01", 20)):
        for number, text in enumerate(texts(name, 120, every)):
            plain = " ".join(text[3000:4500].replace("ſ", "s").lower().split())
            if len(plain) > 500:
                rows.append({"text": plain[:1000], "language": "fr", "label": label, "group": f"{name} {number}"})
    write_lines(tmp_path / "labels.jsonl", rows)
    learnt, held = split(read_labelled([str(tmp_path / "labels.jsonl")]), 0, 0.3)
    scores = train_linear(learnt, "words", 0).score_many(held.texts, held.languages)
    assert measure(scores, held.grades, held.groups).low > 0.95


@pytest.mark.parametrize(("name", "language"), [("fr-public-sector", "fr"), ("it-public-sector", "it")])
def test_a_share_of_real_documents_is_kept_as_asked(name, language):
    found = texts(name, 200)
    scores = HeuristicScorer().score_many(found, [language] * len(found))
    threshold, _ = find_threshold(scores, None, 0.85)
    assert threshold is not None
    assert (scores >= np.float32(threshold)).mean() == pytest.approx(0.85, abs=0.01)
