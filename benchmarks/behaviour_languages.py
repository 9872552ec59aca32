"""How well behaviour's metrics of language see short texts: CALAME_DATA=FOLDER python benchmarks/behaviour_languages.py

Passages of the labelled clean files, as long as generations are. Of whole passages: how often their language is said,
and said right. Of passages in one language: the switches that are seen where there is none, by sentence and by window.
Of passages whose second half is in another language: the share in which the switch is seen.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from calame.corpus.readers.kinds import read_rows
from calame.evaluation.behaviour.languages import CONFIDENT, language_of
from calame.evaluation.behaviour.segments import sentences, windows
from calame.run.tables import text_table

LENGTHS = (5, 10, 20, 45, 90)  # words; 64 tokens are about 45
MARGINS = (0.0, 0.3, CONFIDENT, 0.9)
WORDS = 45  # of a passage in which switches are looked for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100, help="of each file (100)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    texts = list(documents(Path(os.environ["CALAME_DATA"]), asked.documents, random.Random(asked.seed)))
    print(f"{len(texts):,} documents")
    rows = [whole(texts, words, random.Random(words)) for words in LENGTHS]
    print("\n".join(text_table(("words", "said", *(f"{code} right" for code in ("fr", "it", "en"))), rows)))
    head = ("margin", "false, sentences", "false, windows", "seen, sentences", "seen, windows")
    print("\n".join(text_table(head, [switches(texts, margin, random.Random(0)) for margin in MARGINS])))


def documents(data: Path, number: int, draw: random.Random) -> Iterator[tuple[str, list[str]]]:
    """(language, words with the white space behind them) of documents that are long enough."""
    for path in sorted((data / "corpus").glob("*.jsonl.zst")):
        found = []
        for row in read_rows(path):
            pieces = row.values["text"].splitlines(keepends=True) if row.values else []
            words = [
                word if k < len(line.split()) - 1 else f"{word}\n"
                for line in pieces
                for k, word in enumerate(line.split())
            ]
            if row.values and len(words) >= max(LENGTHS):
                found.append((str(row.values["lang"]), words))
            if len(found) == 20 * number:
                break
        yield from draw.sample(found, min(number, len(found)))


def passage(words: Sequence[str], length: int, draw: random.Random) -> str:
    begin = draw.randrange(len(words) - length + 1)
    return " ".join(words[begin : begin + length])


def whole(texts: Sequence[tuple[str, list[str]]], length: int, draw: random.Random) -> list[str]:
    found = [(language, language_of(passage(words, length, draw))) for language, words in texts]
    said = [(language, answer) for language, answer in found if answer]
    shares = [fmean(answer == code for language, answer in said if language == code) for code in ("fr", "it", "en")]
    return [str(length), f"{len(said) / len(found):.3f}", *(f"{share:.3f}" for share in shares)]


def switches(texts: Sequence[tuple[str, list[str]]], margin: float, draw: random.Random) -> list[str]:
    """Means of the rate in passages of one language, and the share of passages of two in which it is above 0."""
    alone = [passage(words, WORDS, draw) for _, words in texts]
    mixed = []
    for (language, words), (other, more) in zip(texts, draw.sample(texts, len(texts)), strict=True):
        if language != other:
            mixed.append(f"{passage(words, WORDS // 2, draw)}. {passage(more, WORDS, draw)}")
    figures = [fmean(rate(cut(text), margin) for text in alone) for cut in (sentences, windows)]
    figures += [fmean(rate(cut(text), margin) > 0 for text in mixed) for cut in (sentences, windows)]
    return [f"{margin:g}", *(f"{figure:.4f}" for figure in figures)]


def rate(parts: Sequence[str], margin: float) -> float:
    labels = [language_of(part, margin) for part in parts]
    pairs = list(pairwise(labels))
    return fmean(bool(a and b and a != b) for a, b in pairs) if pairs else 0.0


if __name__ == "__main__":
    main()
