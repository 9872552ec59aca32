"""What a report of quality is about: the scored sources of a run, or files that are scored for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from calame.corpus.document import Document
from calame.corpus.files import find_files, name_in
from calame.corpus.gather import read_documents, read_keys
from calame.corpus.quality.labelled import KINDS
from calame.corpus.quality.report import Part
from calame.corpus.quality.scorer import Scorer, open_scorer, read_about
from calame.corpus.quality.stage import read_scores, score_documents
from calame.corpus.readers.kinds import read_rows
from calame.corpus.readers.row import Row
from calame.recipe.errors import refuse
from calame.run.files import read_json
from calame.run.progress import say


def parts_of(what: Sequence[str], runs: Path, scorer: str, device: str) -> tuple[list[Part], str]:
    """The parts that are meant, and what scored them. A run brings its scores; files are scored by `scorer`."""
    run = next((path for path in (Path(what[0]), runs / what[0]) if (path / "corpus/sources").is_dir()), None)
    if run is not None and len(what) == 1:
        return _of_run(run)
    if scorer == "heuristic":
        opened = open_scorer(scorer)
    else:
        opened = open_scorer(read_about(Path(scorer), "--scorer")["kind"], Path(scorer), device)
    return [_of_files(location, opened) for location in what], scorer


def _of_run(run: Path) -> tuple[list[Part], str]:
    """The sources of a run that have scores: of their own column, or of a stage quality/SOURCE."""
    parts, scorers = [], set()
    decided = run / "corpus/joined/quality.json"
    cells = read_json(decided)["cells"] if decided.is_file() else []
    for source in sorted((run / "corpus/sources").iterdir()):
        keys, languages = read_keys(source), read_json(source / "ledger.json")["languages"]
        stage = run / "corpus/quality" / source.name
        scores = read_scores(stage) if stage.is_dir() else keys["score"]
        if np.isnan(scores).all():
            continue
        scorers.add(read_json(stage / "quality.json")["scorer"] if stage.is_dir() else "the source's column")
        its = {cell["language"]: cell["threshold"] for cell in cells if cell["source"] == source.name}
        thresholds = {language: threshold for language, threshold in its.items() if threshold is not None}
        names = np.array(languages)[keys["language"]]
        parts.append(Part(source.name, partial(read_documents, source), scores, keys["bytes"], names, thresholds))
    if not parts:
        remedy = "write corpus.quality in its recipe, then calame run RECIPE --to corpus"
        raise refuse(str(run), "none of its sources has scores", remedy=remedy)
    return parts, ", ".join(sorted(scorers))


def _of_files(location: str, scorer: Scorer) -> Part:
    read = partial(_documents, location)
    scores = score_documents(location, read(), scorer)
    about = [(len(document.text.encode()), document.language) for document in read()]
    left_out = sum(1 for _ in _rows(location)) - len(about)
    if not about:
        raise refuse(location, "no row has a text and a language", "rows with the columns text and language (or lang)")
    if left_out:
        say(f"  {location}: {left_out} rows have no text or no language and are left out")
    return Part(location, read, scores, np.array([size for size, _ in about]), np.array([name for _, name in about]))


def _documents(location: str) -> Iterator[Document]:
    for row in _rows(location):
        values = row.values or {}
        text, language = values.get("text"), values.get("language") or values.get("lang")
        if isinstance(text, str) and text and isinstance(language, str):
            yield Document(text.encode("utf-8", "replace").decode(), location, row.place, language)


def _rows(location: str) -> Iterator[Row]:
    for path in find_files(location, (), location, KINDS):
        yield from read_rows(path, name=name_in(location, path))
