"""Speed of the steps for language, personal data and decontamination, one core, on real text:

    CALAME_DATA=FOLDER python benchmarks/corpus_text_steps.py [--documents 150]

MB of text a second of processor time (so that others on the machine count little) of each step, and beside it that of
splitting the text into words, as a measure of the machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from calame.corpus.decontaminate import decontamination_steps
from calame.corpus.document import Document
from calame.corpus.language_id import language_steps
from calame.corpus.pii import pii_steps
from calame.corpus.pii.find import KINDS
from calame.corpus.readers.kinds import read_rows
from calame.corpus.words import compatible_hashes
from calame.recipe.texts import Decontamination, LanguageId, Pii

FILES = ("fr-novels-01", "fr-techdocs-microsoft", "fr-law-codes", "it-novels", "en-treebanks")
LANGUAGES = ["fr", "it", "en"]


def speed(name: str, documents: Sequence[Document], step: Callable[[Document], object]) -> None:
    step(documents[0])  # what is loaded at the first call
    began = time.process_time()
    for document in documents:
        step(document)
    size = sum(len(document.text.encode()) for document in documents)
    print(f"{name:34} {size / (time.process_time() - began) / 1e6:8.1f} MB/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150, help="of each file")
    data, number = Path(os.environ["CALAME_DATA"]), parser.parse_args().documents
    documents = [
        Document(row.values["text"], name, "g", name[:2])
        for name in FILES
        for row, _ in zip(read_rows(data / "corpus" / f"{name}.jsonl.zst"), range(number), strict=False)
        if row.values
    ]
    files = {path.stem: str(path) for path in sorted((data / "evals").glob("*.jsonl")) if path.stem != "xx-langid"}
    speed("words", documents, lambda document: compatible_hashes(document.text))
    speed("language_id.check: declared", documents, language_steps(LanguageId(check="declared"), LANGUAGES)[0])
    speed("language_id.mixed: report", documents[::5], language_steps(LanguageId(mixed="report"), LANGUAGES)[0])
    for kind in KINDS:
        speed(f"pii.{kind}", documents, pii_steps(Pii.model_validate({kind: "replace"}))[0])
    speed("pii.every", documents, pii_steps(Pii(every="replace"))[0])
    speed("decontaminate", documents, decontamination_steps(Decontamination(files=files))[0])


if __name__ == "__main__":
    main()
