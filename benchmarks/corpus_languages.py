"""How well languages are told apart: passages of the labelled clean files, and short sentences of close languages.

    CALAME_DATA=FOLDER python benchmarks/corpus_languages.py [--documents 200] [--seed 1]

The margin of Italian was chosen on the even items of the sentences; the odd ones are held out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from calame.corpus.language_id import Judge, guess
from calame.corpus.readers.kinds import read_rows
from calame.recipe.texts import LanguageId

LEAST, MOST = 200, 1000  # characters of a passage
MARGINS = (0.0, 0.1, 0.3, 0.5, 0.7)


class Passage(NamedTuple):
    file: str
    language: str
    text: str


def passages(data: Path, documents: int, seed: int) -> Iterator[Passage]:
    """One passage, at a random place and of a random length, of so many random documents of each labelled file."""
    draw = random.Random(seed)
    for path in sorted((data / "corpus").glob("*.jsonl.zst")):
        rows = [row.values for row in read_rows(path) if row.values and len(row.values["text"]) >= LEAST]
        for values in draw.sample(rows, min(documents, len(rows))):
            text, length = values["text"], draw.randint(LEAST, MOST)
            begin = draw.randrange(max(1, len(text) - length + 1))
            yield Passage(path.name.split(".")[0], values["lang"], text[begin : begin + length])


def scores(found: Sequence[str], true: Sequence[str], language: str) -> tuple[float, float, float]:
    """Recall, precision and F1 of one language."""
    right = sum(f == t == language for f, t in zip(found, true, strict=True))
    recall, precision = right / max(1, true.count(language)), right / max(1, found.count(language))
    return recall, precision, 2 * recall * precision / max(1e-9, recall + precision)


def passage_table(chosen: Sequence[Passage], judge: Judge) -> float:
    """Prints the share that is right, as found and as believed, by file; returns that of all, as found."""
    print(f"{'passages of ' + f'{LEAST}-{MOST} characters':36} {'number':>7} {'right':>7} {'believed':>9}")
    rows: dict[str, list[tuple[bool, bool]]] = {}
    began = time.perf_counter()
    for file, language, text in chosen:
        answer = guess(text).language == language, judge(text).language == language
        for name in (file, f"all {language}", "all"):
            rows.setdefault(name, []).append(answer)
    seconds = (time.perf_counter() - began) / 2
    for name, answers in sorted(rows.items(), key=lambda item: (item[0].startswith("all"), item[0])):
        right, believed = (sum(column) / len(answers) for column in zip(*answers, strict=True))
        print(f"{name:36} {len(answers):7,} {right:7.2%} {believed:9.2%}")
    print(f"{len(chosen) / seconds:,.0f} passages/s")
    return sum(right for right, _ in rows["all"]) / len(chosen)


def sentence_table(data: Path) -> None:
    """Recall, precision and F1 on short sentences by the margin of Italian, and of every language as believed."""
    rows = [json.loads(line) for line in (data / "evals/xx-langid.jsonl").read_text(encoding="utf-8").splitlines()]
    true, guesses = [row["lang"] for row in rows], [guess(row["text"]) for row in rows]
    print(f"\n{len(rows):,} sentences, Italian by margin{'':14} recall  precision  F1")
    for margin in MARGINS:
        found = [g.language if g.language != "it" or g.margin >= margin else "" for g in guesses]
        for half, name in enumerate(("even (chosen on)", "odd (held out)")):
            measured = "  ".join(f"{x:.3f}" for x in scores(found[half::2], true[half::2], "it"))
            print(f"  margin {margin:.1f}, {name:30} {measured}")
    judge = Judge(LanguageId(letters=0), ())
    believed = [judge(row["text"]).language for row in rows]
    print("as believed, all items")
    for language in sorted(set(true), key=lambda code: (code not in ("fr", "it", "en"), code)):
        print(f"  {language:46} {'  '.join(f'{x:.3f}' for x in scores(believed, true, language))}")
    print(f"  accuracy {sum(b == t for b, t in zip(believed, true, strict=True)) / len(true):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200, help="of each file")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    data = Path(os.environ["CALAME_DATA"])
    passage_table(list(passages(data, asked.documents, asked.seed)), Judge(LanguageId(), ()))
    sentence_table(data)


if __name__ == "__main__":
    main()
