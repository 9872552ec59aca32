"""Label documents low, medium or high by asking a language model with a rubric (Gaperon's five criteria: accuracy,
writing, clarity, depth, usefulness). Classifiers of quality are trained on what comes out."""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from calame.corpus.document import Document
from calame.corpus.read import SourceReader
from calame.recipe.corpus import Source
from calame.recipe.errors import refuse
from calame.run.endpoint import PATIENCE, Endpoint, Message, Model
from calame.run.files import atomic
from calame.run.http import Patience
from calame.run.loose_json import loads_loose
from calame.run.progress import Bar, say

LABELS = ("low", "medium", "high")
SHOWN_TEXT = 6000  # characters of a document that the model sees: its beginning tells, and small contexts hold it
SHOWN_ANSWER = 120  # characters of an answer that could not be read
TRANSLATED = {"faible": "low", "moyen": "medium", "élevé": "high", "basso": "low", "medio": "medium", "alto": "high"}


@dataclass
class Labelled:
    """What came of a labelling: documents by label, and by the reason why one has none."""

    labels: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.labels[label]:,} {label}" for label in LABELS)
        lost = "".join(f"; {count:,} {why}" for why, count in sorted(self.without.items()))
        return f"{self.labels.total():,} documents labelled ({counts}){lost}"


def label(
    location: str,
    to: Path,
    model: Model,
    rubric: Path | None = None,
    limit: int | None = None,
    source_keys: Sequence[str] = (),
    patience: Patience = PATIENCE,
) -> Labelled:
    """Write `to`: {"id", "hash", "language", "label", "reason", "text"} a line, in the order in which the documents are
    read. `limit` takes so many of them, evenly (by content hash: a larger limit holds a smaller one's documents).

    Answers are kept beside `to`, so that the same command goes on. Raises `UserError` for a source that cannot be read,
    an endpoint that cannot be used, or no readable answer at all.
    """
    if to.resolve().is_relative_to(Path(location).resolve()):
        raise refuse("--to", f"{to} lies in what is read: it would be read the next time", remedy="another folder")
    rubrics = _rubrics(rubric)
    reader = _reader(location, source_keys, list(rubrics))
    if reader.languages[0] not in rubrics:  # one that the source says
        if rubric is None:
            remedy = "--rubric FILE, in that language"
            raise refuse("source.language", f"no rubric for {reader.languages[0]}", ", ".join(rubrics), remedy)
        rubrics[reader.languages[0]] = next(iter(rubrics.values()))
    result = Labelled()
    with Endpoint(model, to.with_name(f".{to.name}.answers.jsonl"), patience) as endpoint:
        endpoint.check()
        documents = _sample(_documents(reader, result), limit)
        with atomic(to, "w") as file, Bar("label", limit, "documents") as bar:
            for row in _labelled(documents, endpoint, rubrics, result):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                bar.advance(1)
            if not result.labels:
                raise refuse(model.url, f"nothing could be labelled ({result})", remedy="try another model or rubric")
        say(f"  {endpoint.cost()}")
    return result


def _rubrics(path: Path | None) -> dict[str, str]:
    """The rubric of each language; one of the user's is for all of them."""
    folder = resources.files("calame.corpus") / "rubrics"
    shipped = {file.name.removesuffix(".txt"): file.read_text(encoding="utf-8") for file in folder.iterdir()}
    if path is None:
        return shipped
    if not path.is_file():
        raise refuse("--rubric", f"{path}: no such file", remedy="leave it out, or write one")
    own = path.read_text(encoding="utf-8")
    if "{text}" not in own:
        raise refuse("--rubric", f"{path}: nowhere says {{text}}", remedy="write {text} where the document is to stand")
    return dict.fromkeys(shipped, own)


def _reader(location: str, keys: Sequence[str], languages: list[str]) -> SourceReader:
    """A reader of the location with a source's keys as `source.KEY=VALUE`, as they would stand in a recipe."""
    values: dict[str, Any] = {"from": location}
    for item in keys:
        key, equals, value = item.partition("=")
        if not equals or not key.startswith("source."):
            raise refuse(item, "not a key of the source", "source.KEY=VALUE", "e.g. source.text=body")
        values[key.removeprefix("source.")] = yaml.safe_load(value)
    try:
        source = Source.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise refuse(".".join(("source", *map(str, fault["loc"]))), fault["msg"], "as in a recipe") from None
    name = re.sub(r"[^a-z0-9._-]+", "-", Path(location).name.lower()).strip("-.") or "source"
    reader = SourceReader(name, source, [source.language] if source.language else languages, 0)
    reader.key = "source"
    return reader


def _documents(reader: SourceReader, result: Labelled) -> Iterator[Document]:
    """The documents, each text once; what is set aside is counted."""
    seen: set[bytes] = set()
    for item in reader.read():
        if not isinstance(item, Document):
            result.without[f"not read ({item.reason.split(':')[0]})"] += 1
        elif item.hash in seen:
            result.without["seen before"] += 1
        else:
            seen.add(item.hash)
            yield item


def _sample(documents: Iterator[Document], limit: int | None) -> Iterator[Document]:
    """All documents, or the `limit` with the smallest hash, in their order."""
    if limit is None:
        return documents
    smallest = heapq.nsmallest(limit, enumerate(documents), key=lambda numbered: numbered[1].hash)
    return (document for _, document in sorted(smallest, key=lambda numbered: numbered[0]))


def _labelled(
    documents: Iterator[Document], endpoint: Endpoint, rubrics: dict[str, str], result: Labelled
) -> Iterator[dict[str, Any]]:
    asked = ((document, _messages(document, rubrics[document.language]), None) for document in documents)
    for document, answer in endpoint.ask_all(asked):
        found = None if answer.fault else parse_label(answer.text)
        if found is None:
            why = "not answered" if answer.fault else "answered without a label"
            if result.without[why] < 3:
                shown = answer.fault or " ".join(answer.text.split())[:SHOWN_ANSWER]
                say(f"  {document.metadata['place']}: {why}: {shown}")
            result.without[why] += 1
            continue
        result.labels[found[0]] += 1
        row = {"id": document.id, "hash": document.hash.hex(), "language": document.language, "label": found[0]}
        yield {**row, "reason": found[1], "text": document.text}


def _messages(document: Document, rubric: str) -> list[Message]:
    return [{"role": "user", "content": rubric.replace("{text}", document.text[:SHOWN_TEXT])}]


def parse_label(answer: str) -> tuple[str, str] | None:
    """(label, reason) of an answer; None where it holds none, or several."""
    data = loads_loose(answer)
    if isinstance(data, list) and data:
        data = data[0]
    if isinstance(data, dict):
        word, reason = str(data.get("label", "")).strip().lower(), data.get("reason")
        word = TRANSLATED.get(word, word)
        return (word, reason if isinstance(reason, str) else "") if word in LABELS else None
    found = {word.lower() for word in re.findall(r"\b(?:low|medium|high)\b", answer, re.IGNORECASE)}
    return (found.pop(), " ".join(answer.split())[:SHOWN_ANSWER]) if len(found) == 1 else None
