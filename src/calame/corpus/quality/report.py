"""What each threshold keeps: a page with shares of documents and bytes by source and language, and texts just above and
just below. It is read before a threshold is chosen, since a number alone does not say what goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from calame.corpus.document import Document
from calame.corpus.quality.decide import find_threshold
from calame.recipe.units import say_bytes
from calame.run.files import atomic

SHARES = (0.99, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5, 0.3)  # of documents that a threshold keeps
THRESHOLDS = tuple(round(step / 10, 1) for step in range(1, 10))
SHOWN_SHARES = (0.95, 0.85, 0.5)  # where texts are shown, where nothing was decided
SAMPLES = 3  # texts on each side of a threshold
SAMPLE = 400  # characters of a text
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}blockquote{margin:.3rem 0;padding:.3rem .8rem;border-left:3px solid #3a7}
blockquote.below{border-color:#c43}blockquote b{font-weight:600}small{color:#666}"""


@dataclass(frozen=True)
class Part:
    """A source: its documents (read twice at most, never held), and of each its score, bytes and language."""

    name: str
    documents: Callable[[], Iterable[Document]]
    scores: np.ndarray  # (n,) float32, NaN where there is none
    sizes: np.ndarray  # (n,) bytes
    languages: np.ndarray  # (n,) names
    decided: Mapping[str, float] = field(default_factory=dict)  # thresholds by language, where there are any


@dataclass(frozen=True)
class _Cell:
    """The scored documents of a part in one language."""

    part: Part
    language: str
    rows: np.ndarray  # positions in the part

    @property
    def scores(self) -> np.ndarray:
        return self.part.scores[self.rows]

    @property
    def name(self) -> str:
        return f"{self.part.name} / {self.language}"

    def kept(self, threshold: float) -> tuple[float, float]:
        """Shares of documents and of bytes."""
        stay, sizes = self.scores >= np.float32(threshold), self.part.sizes[self.rows].astype(float)
        return float(stay.mean()), float(sizes[stay].sum() / max(sizes.sum(), 1))

    def shown(self) -> dict[float, str]:
        """The thresholds at which texts are shown, with their reasons."""
        if self.language in self.part.decided:
            return {self.part.decided[self.language]: "as decided"}
        found = [find_threshold(self.scores, None, share) for share in SHOWN_SHARES]
        return {threshold: reason for threshold, reason in found if threshold is not None}

    def around(self, threshold: float) -> tuple[list[int], list[int]]:
        """Rows just above a threshold, the nearest first, and just below."""
        order = np.lexsort((self.rows, self.scores))
        at = int(np.searchsorted(self.scores[order], np.float32(threshold)))
        return self.rows[order[at : at + SAMPLES]].tolist(), self.rows[order[max(0, at - SAMPLES) : at][::-1]].tolist()


def write_quality_report(parts: Sequence[Part], scorer: str, to: Path) -> list[str]:
    """Write the page to `to`; returns its first table as lines for a terminal."""
    cells = [cell for part in parts for cell in _cells(part)]
    texts = {part.name: _texts(part, [cell for cell in cells if cell.part is part]) for part in parts}
    body = [
        f"<h1>Quality: what each threshold keeps</h1><p>Scores by: {escape(scorer)}. The greater the better.</p>",
        "<h2>By share of documents</h2><p>The threshold that keeps each share, and the share of bytes it keeps.</p>",
        _table(["source / language", "documents", "bytes", *(f"{share:.0%}" for share in SHARES)], map(_shares, cells)),
        "<h2>By threshold</h2><p>Share of documents that stay, and of bytes.</p>",
        _table(["source / language", *(f"{threshold:g}" for threshold in THRESHOLDS)], _thresholds(cells)),
        "<h2>Texts at the border</h2>",
        *(_samples(cell, texts[cell.part.name]) for cell in cells),
    ]
    page = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Quality</title><style>{STYLE}</style>'
    with atomic(to, "w") as file:
        file.write(f"{page}</head><body>{''.join(body)}</body></html>\n")
    unscored = sum(int(np.isnan(part.scores).sum()) for part in parts)
    return [*_lines(cells), *([f"{unscored} documents have no score"] if unscored else []), f"written to {to}"]


def _cells(part: Part) -> Iterator[_Cell]:
    for language in np.unique(part.languages).tolist():
        rows = np.flatnonzero((part.languages == language) & ~np.isnan(part.scores))
        if len(rows):
            yield _Cell(part, language, rows)


def _texts(part: Part, cells: Sequence[_Cell]) -> dict[int, str]:
    """The beginnings of the documents that are shown, by row."""
    wanted = {row for cell in cells for threshold in cell.shown() for side in cell.around(threshold) for row in side}
    found = {}
    for row, document in enumerate(part.documents()):
        if row in wanted:
            found[row] = document.text[:SAMPLE]
            if len(found) == len(wanted):
                break
    return found


def _shares(cell: _Cell) -> list[str]:
    sizes = cell.part.sizes[cell.rows]
    found = [find_threshold(cell.scores, None, share)[0] or 0.0 for share in SHARES]
    columns = [f"{threshold:.3f}<br><small>{cell.kept(threshold)[1]:.0%}</small>" for threshold in found]
    return [escape(cell.name), f"{len(sizes):,}", say_bytes(int(sizes.sum(dtype=np.uint64))), *columns]


def _thresholds(cells: Sequence[_Cell]) -> Iterator[list[str]]:
    """A row for each cell, and one for each language over all its sources."""
    for cell in cells:
        yield [escape(cell.name), *(_both(*cell.kept(threshold)) for threshold in THRESHOLDS)]
    for language in sorted({cell.language for cell in cells}):
        its = [cell for cell in cells if cell.language == language]
        scores = np.concatenate([cell.scores for cell in its])
        sizes = np.concatenate([cell.part.sizes[cell.rows] for cell in its])
        rows = np.arange(len(scores))
        whole = _Cell(Part("", tuple, scores, sizes, np.full(len(scores), language)), language, rows)
        yield [f"all / {escape(language)}", *(_both(*whole.kept(threshold)) for threshold in THRESHOLDS)]


def _both(documents: float, size: float) -> str:
    return f"{documents:.1%}<br><small>{size:.0%}</small>"


def _samples(cell: _Cell, texts: Mapping[int, str]) -> str:
    found = [f"<h3>{escape(cell.name)}</h3>"]
    for threshold, reason in cell.shown().items():
        above, below = cell.around(threshold)
        found.append(f"<h4>{threshold:.4f} <small>{escape(reason)}</small></h4>")
        for side, rows in (("above", above), ("below", below)):
            found.append(f"<p>Just {side}{'' if rows else ': nothing'}</p>")
            found += [
                f'<blockquote class="{side}"><b>{cell.part.scores[row]:.4f}</b> {escape(texts[row])}</blockquote>'
                for row in rows
            ]
    return "".join(found)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr><tr>{'</tr><tr>'.join(lines)}</tr></table>"


def _lines(cells: Sequence[_Cell]) -> list[str]:
    shares: Any = [*SHARES]
    lines = [f"{'threshold that keeps':<36}" + "".join(f"{share:>8.0%}" for share in shares)]
    for cell in cells:
        found = [find_threshold(cell.scores, None, share)[0] or 0.0 for share in shares]
        lines.append(f"{cell.name:<36}" + "".join(f"{threshold:>8.3f}" for threshold in found))
    return lines
