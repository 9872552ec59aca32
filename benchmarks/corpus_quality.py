"""Classifiers of quality on two held-out questions: is a page translated by a human or by a machine (documentation in
French and Italian), and is a text printed or read by OCR (French pamphlets of 1648-1653 against novels in the spelling
before 1836)?

    CALAME_DATA=FOLDER python benchmarks/corpus_quality.py prepare --to .carry/quality      data, once
    python benchmarks/corpus_quality.py linear .carry/quality                              scikit-learn, any processor
    python benchmarks/corpus_quality.py neural .carry/quality --device cuda                from scratch, a GPU
    python benchmarks/corpus_quality.py neural .carry/quality --model FOLDER               from a trained encoder

`prepare` writes EXPERIMENT/train.jsonl and EXPERIMENT/test-*.jsonl (label 1: human, print) and a small tokenizer. Each
question is asked as it stands and then with its easy cues taken away, since a classifier answers by whatever parts the
labels: the last column of the table says what is left to go by. Groups (folders, pamphlets, works) are never parted,
and nothing was chosen by looking at the test files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calame.corpus.quality.heuristic import HeuristicScorer
from calame.corpus.quality.labelled import read_labelled
from calame.corpus.quality.measure import measure
from calame.corpus.quality.neural_train import Plan, train_neural
from calame.corpus.quality.stop_words import STOP_WORDS
from calame.corpus.readers.kinds import read_rows

PASSAGE = 1500  # characters of a document or passage, on both sides: length must not tell them apart
LEAST = 300
LETTERS = 1000  # of a passage where only letters are left: OCR loses some, and length must not tell
TRAIN = 0.7  # share of the groups
SHAPE = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
WHAT = {  # experiment/test: what the classifier can go by
    "mt-fr-raw/test": "everything but the front matter: mark-up, product names, one repository a side",
    "mt-fr-prose/test": "sentences without mark-up; still one subject a side",
    "mt-fr-function/test": "function words and punctuation alone: no subject, no mark-up",
    "mt-fr-prose/test-elsewhere": "as mt-fr-prose, but the human side from repositories that were never seen",
    "mt-fr-many/test": "sentences; human: two repositories in training, four others in the test",
    "mt-it-many/test": "sentences; no repository of the test, human or machine, was seen in training",
    "mt-it-many-function/test": "the same, function words and punctuation alone",
    "ocr-raw/test": "everything: long s, broken lines, a century or more between the two",
    "ocr-letters/test": "small letters alone, long s and u/v, i/j made one, no line ends: errors, spelling, subject",
    "ocr-letters/test-noise02": "trained as ocr-letters; both sides are print, one with 2 % of letters spoilt",
    "ocr-letters/test-noise10": "the same with 10 %: only errors part the two",
    "noise/test": "trained on print against spoilt print (5 %), other works: only errors part the two",
    "noise/test-ocr": "trained as noise; real OCR against print, letters alone",
}

Row = dict[str, Any]


def rows_of(name: str) -> Iterator[Row]:
    path = Path(os.environ["CALAME_DATA"]) / "corpus" / f"{name}.jsonl.zst"
    return (row.values for row in read_rows(path) if row.values is not None)


def place(group: str) -> float:
    """A number in [0, 1) by the group's name: which part it goes to."""
    return int.from_bytes(hashlib.blake2b(group.encode(), digest_size=6).digest()) / 2**48


def row(text: str, language: str, label: int, group: str) -> Row:
    return {"text": text[:PASSAGE], "language": language, "label": label, "group": group}


# --- human against machine translation


def strip_front(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.S)


def prose(text: str) -> str:
    """Whole sentences of running text: no code, tables, lists, headings, links, mark-up or names with capitals inside.
    The same for pages with mark-up and for those whose mark-up was removed before."""
    text = re.sub(r"```.*?```|<[^>]*>|`[^`]*`", " ", strip_front(text), flags=re.S)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    kept = []
    for line in text.split("\n"):
        line = re.sub(r"[*_\\#>|]+", " ", line)
        line = re.sub(r"\w*[^\W\d]\.\w+|\b\w*[a-z][A-Z]\w*|\b\w*\d\w*\b|https?:\S+", " ", line)  # names of code
        line = " ".join(re.sub(r"[^\w\s.,;:!?'’«»()-]", " ", line).split())
        if len(line) >= 60 and line[0].isupper() and line.endswith((".", "!", "?")):
            kept.append(line)
    return " ".join(kept)


def function_words(text: str, language: str) -> str:
    """Every word that is not a stop word becomes x: no subject is left, but the order of small words and marks is."""
    stop = STOP_WORDS[language]
    return re.sub(r"\w+", lambda m: m[0].lower() if m[0].lower() in stop else "x", text)


def shingles(text: str) -> set[int]:
    words = re.findall(r"\w+", text.lower())
    return {hash(tuple(words[i : i + 5])) for i in range(len(words) - 4)}


def clustered(texts: list[str], folders: list[str], alike: float = 0.3) -> list[str]:
    """A group for each text: those that share a folder, or of whose 5-word shingles at least `alike` are common
    (Jaccard), are in one, and so is what is joined through others."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    sets = [shingles(text) for text in texts]
    holders: dict[Any, list[int]] = defaultdict(list)
    common: dict[tuple[int, int], int] = defaultdict(int)
    for i, (one, folder) in enumerate(zip(sets, folders, strict=True)):
        for key in one:
            for j in holders[key]:
                common[j, i] += 1
            holders[key].append(i)
        if folder:
            holders["folder", folder].append(i)
    pairs = [(i, j) for (i, j), n in common.items() if n >= alike * len(sets[i] | sets[j])]
    pairs += [(ones[0], i) for key, ones in holders.items() if isinstance(key, tuple) for i in ones]
    for i, j in pairs:
        parent[root(i)] = root(j)
    return [f"g{root(i)}" for i in range(len(texts))]


def folder_of(url: str) -> str:
    """Repository and folder of a page; none for the one folder that holds all human French pages."""
    folder = url.split("github.com/")[1].rsplit("/", 1)[0]
    return "" if folder.endswith("Lync/LyncServer") else folder


def translations() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    marked = []
    for values in rows_of("raw/markdown-mt-fr-it"):
        kind = re.search(r"^ms\.translationtype:\s*(HT|MT)\b", values["text"], re.M)
        if kind:
            language = "it" if ".it-it" in values["source"].lower() else "fr"
            marked.append((values, language, int(kind[1] == "HT")))
    texts = [prose(values["text"]) for values, _, _ in marked]
    groups = clustered(texts, [folder_of(values["url"]) for values, _, _ in marked])
    for (values, language, label), text, group in zip(marked, texts, groups, strict=True):
        if len(text) < LEAST:
            continue
        part = "train" if place(group) < TRAIN else "test"
        if language == "fr":
            found[f"mt-fr-raw/{part}"].append(row(strip_front(values["text"]), "fr", label, group))
            found[f"mt-fr-prose/{part}"].append(row(text, "fr", label, group))
            found[f"mt-fr-function/{part}"].append(row(function_words(text[:PASSAGE], "fr"), "fr", label, group))
            found[f"mt-fr-many/{part}"] += [row(text, "fr", label, group)] if not label or part == "train" else []
            found["mt-fr-prose/test-elsewhere"] += [row(text, "fr", 0, group)] if not label and part == "test" else []
        elif not label:
            part = "train" if "cpp-docs" in values["source"] else "test"  # parted by repository
            found[f"mt-it-many/{part}"].append(row(text, "it", 0, group))
    for language, seen in (("fr", ("sql-docs", "SkypeForBusiness")), ("it", ("sql-docs", "Dynamics-365-Operations"))):
        for text, group, source in unmarked(language):
            part = "train" if any(name in source for name in seen) else "test"
            found[f"mt-{language}-many/{part}"].append(row(text, language, 1, group))
            if language == "fr" and part == "test":
                found["mt-fr-prose/test-elsewhere"].append(row(text, "fr", 1, group))
    for part in ("train", "test"):
        found[f"mt-it-many-function/{part}"] = [
            {**one, "text": function_words(one["text"], "it")} for one in found[f"mt-it-many/{part}"]
        ]
    return found


def unmarked(language: str, most: int = 150) -> Iterator[tuple[str, str, str]]:
    """Prose, folder and repository of documentation without a mark of machine translation; `most` of a repository."""
    taken: dict[str, int] = defaultdict(int)
    pages = list(rows_of(f"{language}-techdocs-microsoft"))
    random.Random(0).shuffle(pages)
    for values in pages:
        text, source = prose(values["text"]), values["source"]
        machine = ("win32", "cpp-docs", "visualstudio")  # the machine side's own repositories
        if len(text) >= LEAST and taken[source] < most and not any(name in source for name in machine):
            taken[source] += 1
            yield text, folder_of(values["url"]) or values["id"], source


# --- OCR against print


def passages(text: str, number: int) -> list[str]:
    """Up to `number` passages from the middle of a text, where no title page stands."""
    starts = range(2000, len(text) - PASSAGE, max(PASSAGE, (len(text) - 2000) // number))
    return [text[start : start + PASSAGE] for start in starts][:number]


def letters(text: str) -> str:
    """Small letters a to z and spaces: words cut at line ends joined, long s an s, v a u, j an i, no accents."""
    text = re.sub(r"[-¬]\s*\n\s*", "", text.lower().replace("ſ", "s"))
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z]+", " ", text.replace("v", "u").replace("j", "i")).split())


def spoilt(text: str, share: float, draw: random.Random) -> str:
    """A share of the letters read wrongly, as scanners do: confused, lost, doubled, or a space put in or lost."""
    confused = {"s": "f", "f": "s", "e": "c", "c": "e", "n": "u", "u": "n", "i": "l", "l": "i", "r": "t", "m": "in"}
    out = []
    for c in text:
        if draw.random() >= share:
            out.append(c)
            continue
        kind = draw.random()
        out.append(confused.get(c, "a" if c != " " else "") if kind < 0.6 else "" if kind < 0.8 else c + " ")
    return "".join(out)


def prints() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    sides = []
    for values in rows_of("raw/ocr-mazarinades-fr"):
        group = re.sub(r"_\w+$", "", values["id"]).rsplit("-", 1)[0] if "-" in values["id"][4:] else values["id"]
        group = re.sub(r"^(ocr-[A-Za-z]+\d+).*", r"\1", group)  # scans of one pamphlet share its number
        sides += [(part, 0, group) for part in passages(values["text"], 4)]
    works: dict[str, list[str]] = defaultdict(list)
    for name in ("fr-novels-01", "fr-novels-02"):
        for values in rows_of(name):  # "étoit" for "était": the spelling before 1836
            if values["text"].count("oit ") > values["text"].count("ait "):
                works[values["url"]].append(values["text"])
    for work, chapters in works.items():
        sides += [(part, 1, work) for chapter in chapters[:20] for part in passages(chapter, 2)]
    draw = random.Random(0)
    for text, label, group in sides:
        part, plain = "train" if place(group) < TRAIN else "test", letters(text)
        if len(plain) < LETTERS:
            continue
        found[f"ocr-raw/{part}"].append(row(text, "fr", label, group))
        found[f"ocr-letters/{part}"].append(row(plain[:LETTERS], "fr", label, group))
        if part == "test":
            found["noise/test-ocr"].append(row(plain[:LETTERS], "fr", label, group))
        if label:
            for test, share in (("ocr-letters/test-noise02", 0.02), ("ocr-letters/test-noise10", 0.1), ("noise", 0.05)):
                if test == "noise" or part == "test":
                    name = f"noise/{part}" if test == "noise" else test
                    found[name].append(row(plain[:LETTERS], "fr", 1, group))
                    found[name].append(row(spoilt(plain, share, draw)[:LETTERS], "fr", 0, group))
    return found


def prepare(to: Path) -> None:
    from calame.tokenizer.train import train

    found = {**translations(), **prints()}
    for name, rows in found.items():
        path = to / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        random.Random(0).shuffle(rows)
        path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), encoding="utf-8")
        held = [sum(one["label"] == label for one in rows) for label in (0, 1)]
        print(f"{name:<28} {held[0]:>5} worse, {held[1]:>5} better, {len({one['group'] for one in rows}):>4} groups")
    texts = [one["text"] for name, rows in found.items() if name.endswith("/train") for one in rows]
    train("byte-bpe", 8192, iter(texts)).save(to / "tokenizer")


# --- measuring


def compare(folder: Path, kinds: dict[str, Any], wanted: Sequence[str] = ()) -> None:
    """A table: for each test, the area under the curve of each scorer with its interval."""
    names = ["length", "heuristic", *kinds]
    print("| test | documents, groups | " + " | ".join(names) + " | what is left to go by |")
    print("|" + "---|" * (len(names) + 3))
    for experiment in wanted or dict.fromkeys(test.split("/")[0] for test in WHAT):
        examples = read_labelled([str(folder / experiment / "train.jsonl")])
        scorers = {name: train(examples) for name, train in kinds.items()}
        for test in (test for test in WHAT if test.startswith(f"{experiment}/")):
            held = read_labelled([str(folder / f"{test}.jsonl")])
            assert held.names == examples.names and not set(held.groups) & set(examples.groups)
            found = [np.array([len(text) for text in held.texts], float), HeuristicScorer().score_many(*_of(held))]
            found += [scorer.score_many(*_of(held)) for scorer in scorers.values()]
            measured = [measure(scores, held.grades, held.groups) for scores in found]
            cells = [f"{m.auc:.3f} [{m.low:.3f}, {m.high:.3f}]" for m in measured]
            print(f"| {test} | {len(held)}, {measured[0].groups} | {' | '.join(cells)} | {WHAT[test]} |", flush=True)


def _of(examples: Any) -> tuple[list[str], list[str]]:
    return examples.texts, examples.languages


def linear(folder: Path, seed: int) -> None:
    from calame.corpus.quality.linear import FEATURES, train_linear

    def trained(features: str) -> Any:
        return lambda examples: train_linear(examples, features, seed)

    compare(folder, {name: trained(name) for name in FEATURES})
    speed(folder, {name: trained(name) for name in FEATURES})


def neural(folder: Path, options: argparse.Namespace) -> None:
    shape = folder / "shape.json"
    shape.write_text(json.dumps(TINY if options.tiny else SHAPE))
    scratch = {} if options.model else {"config": str(shape), "tokenizer": str(folder / "tokenizer")}
    plan = Plan(
        options.model, epochs=options.epochs, length=options.length, seed=options.seed, device=options.device, **scratch
    )
    compare(folder, {"neural": lambda examples: train_neural(examples, plan)}, options.only)
    if not options.only:
        speed(folder, {"neural": lambda examples: train_neural(examples, plan)})


def speed(folder: Path, kinds: dict[str, Any]) -> None:
    """MB/s of scoring, all in one run, as ratios to the heuristic."""
    examples = read_labelled([str(folder / "ocr-raw/train.jsonl")])
    scorers = {"heuristic": HeuristicScorer(), **{name: train(examples) for name, train in kinds.items()}}
    size, rates = sum(len(text.encode()) for text in examples.texts), {}
    for name, scorer in scorers.items():
        scorer.score_many(examples.texts[:200], examples.languages[:200])  # warm
        start = time.perf_counter()
        scorer.score_many(*_of(examples))
        rates[name] = size / (time.perf_counter() - start)
        print(f"{name}: {rates[name] / 1e6:.2f} MB/s, {rates[name] / rates['heuristic']:.2f} x heuristic")


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("what", choices=("prepare", "linear", "neural"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="", help="neural: hub id or folder of an encoder; else from scratch")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--tiny", action="store_true", help="neural: a shape for a processor")
    parser.add_argument("--only", nargs="*", default=[], metavar="EXPERIMENT", help="neural: e.g. mt-fr-prose noise")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(None if arguments is None else list(arguments))
    folder = options.to if options.what == "prepare" else options.folder
    if folder is None:
        parser.error("prepare needs --to FOLDER, the others FOLDER")
    if options.what == "prepare":
        prepare(folder)
    elif options.what == "linear":
        linear(folder, options.seed)
    else:
        neural(folder, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
