"""Labelled documents: {"text", "language", "label"} a row, optionally "group"; what classifiers learn from.

`label` is low, medium or high (Gaperon's grades, as `calame corpus label` writes them), or 0 or 1. `group` is what must
not be parted between training and measuring (the pages of one work, the scans of one pamphlet).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calame.corpus.document import content_hash
from calame.corpus.files import find_files, name_in
from calame.corpus.readers.kinds import JSON_KINDS, read_rows
from calame.corpus.readers.row import Row
from calame.recipe.errors import Problem, UserError, refuse
from calame.run.progress import say

KINDS = (*JSON_KINDS, ".parquet", ".csv")
SCALES = (("low", "medium", "high"), ("0", "1"))  # labels that may stand together, the worst first
LEAST_GROUPS = 5  # of a grade in each part: with fewer, a measure says nothing
MOST_PROBLEMS = 10  # that are listed in one message


@dataclass(frozen=True)
class Examples:
    """Documents with their grades. `grades`: (n,) positions in `names`, which counts up from the worst that occurs."""

    texts: list[str]
    languages: list[str]
    grades: np.ndarray
    groups: list[str]
    names: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: np.ndarray) -> Examples:
        """Those where the mask `chosen`, (n,), is true."""
        rows = np.flatnonzero(chosen).tolist()
        parts = [[part[row] for row in rows] for part in (self.texts, self.languages, self.groups)]
        return Examples(parts[0], parts[1], self.grades[rows], parts[2], self.names)


def read_labelled(locations: Sequence[str]) -> Examples:
    """All labelled documents of files or folders; of equal texts the first. Raises `UserError` for every row at fault,
    and where there is only one grade."""
    rows: list[tuple[str, str, str, str]] = []
    problems: list[Problem] = []
    seen: set[bytes] = set()
    total = 0
    for location in locations:
        for path in find_files(location, (), location, KINDS):
            for row in read_rows(path, name=name_in(location, path)):
                total += 1
                found = _example(row)
                if isinstance(found, Problem):
                    problems.append(found)
                elif (text_hash := content_hash(found[0])) not in seen:
                    seen.add(text_hash)
                    rows.append(found)
    labels = {row[2] for row in rows}
    scale = next((scale for scale in SCALES if labels <= set(scale)), None)
    if scale is None:
        problems.append(Problem(", ".join(locations), f"labels of both kinds: {', '.join(sorted(labels))}", _allowed()))
    elif len(labels) < 2 and not problems:
        raise refuse(", ".join(locations), f"one label only: {', '.join(labels) or 'no rows'}", "two or three of them")
    if problems or scale is None:
        more = len(problems) - MOST_PROBLEMS
        rest = [Problem("and", f"{more} more rows at fault")] if more > 0 else []
        raise UserError([*problems[:MOST_PROBLEMS], *rest])
    if total > len(rows):
        say(f"  {total - len(rows)} of {total} labelled documents repeat an earlier one and are left out")
    names = [name for name in scale if name in labels]
    grades = np.array([names.index(row[2]) for row in rows], np.int64)
    return Examples([row[0] for row in rows], [row[1] for row in rows], grades, [row[3] for row in rows], names)


def _example(row: Row) -> tuple[str, str, str, str] | Problem:
    """Text, language, label and group of a row."""
    if row.values is None:
        return Problem(row.place, row.fault)
    text, language, label = (row.values.get(column) for column in ("text", "language", "label"))
    if not isinstance(text, str) or not text.strip():
        return Problem(row.place, "no text in its column text")
    try:
        text.encode()
    except UnicodeEncodeError:
        return Problem(row.place, "not Unicode text (lone surrogates)")
    if not isinstance(language, str) or not language:
        return Problem(row.place, "no language in its column language", "fr, it, en...")
    name = str(int(label)) if isinstance(label, bool | float) and label in (0, 1) else str(label).strip().lower()
    if not any(name in scale for scale in SCALES):
        return Problem(row.place, f"its label is {label!r}", _allowed())
    group = row.values.get("group")
    return text, language, name, content_hash(text).hex() if group in (None, "") else str(group)


def _allowed() -> str:
    return ", or ".join(", ".join(scale) for scale in SCALES)


def split(examples: Examples, seed: int, held_out: float) -> tuple[Examples, Examples]:
    """Examples to learn from and to measure on; the latter get the share `held_out` of each grade's groups, which stay
    whole. Raises `UserError` where one of the two would have too few of a grade."""
    rank, groups = ranked(examples, seed)
    away = (rank + 0.5) / groups < held_out
    parts = examples.take(~away), examples.take(away)
    for part in parts:
        for grade, name in enumerate(examples.names):
            found = len({group for group, of in zip(part.groups, part.grades, strict=True) if of == grade})
            if found < LEAST_GROUPS:
                raise refuse(
                    f"label {name}",
                    f"{len({g for g, of in zip(examples.groups, examples.grades, strict=True) if of == grade})} groups "
                    f"of documents, of which one part gets {found}",
                    f"at least {LEAST_GROUPS} to learn from and {LEAST_GROUPS} to measure on",
                    "label more documents, or check the column group",
                )
    return parts


def ranked(examples: Examples, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """For each document the rank of its group among those of its (commonest) grade, in the order of a hash with the
    seed, and how many those are: (n,), (n,). Cutting by rank parts no group, and gives every grade its share."""
    names, at = np.unique(np.asarray(examples.groups), return_inverse=True)
    counts = np.zeros((len(names), len(examples.names)), int)
    np.add.at(counts, (at, examples.grades), 1)
    grade = counts.argmax(axis=1)
    order = np.argsort([hashlib.blake2b(f"{seed}\t{name}".encode(), digest_size=8).digest() for name in names])
    rank = np.zeros(len(names), int)
    for value in range(len(examples.names)):
        its = order[grade[order] == value]
        rank[its] = np.arange(len(its))
    return rank[at], np.bincount(grade, minlength=len(examples.names))[grade][at]
