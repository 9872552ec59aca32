"""The corpus's ledger: whole, as the run's ledger.json, and for people, as the first part of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from calame.corpus.ledger import SourceLedger, Tally
from calame.corpus.ledger import table as ledger_table
from calame.recipe.units import say_bytes
from calame.run.files import read_json
from calame.run.tables import table

LONG = 12  # rows; a longer table is folded
CONTAMINATION = ("items", "documents", "whole", "dropped")
NAMED = 200  # files that the page names; provenance.json names all


def whole_ledger(path: Path, sources: Sequence[str]) -> dict[str, Any]:
    """By source: what came, what became of it, with samples, licences, origins and provenance; empty before the
    sources are joined. path: the run's folder."""
    joined = path / "corpus/joined/ledger.json"
    if not joined.is_file():
        return {}
    ledgers = read_json(joined)
    whole = {}
    for name in (name for name in sources if name in ledgers):
        whole[name] = ledgers[name]
        for part in ("provenance", "contamination"):
            where = path / f"corpus/sources/{name}/{part}.json"
            whole[name][part] = read_json(where) if where.is_file() else None
    return whole


def ledger_page(whole: Mapping[str, Any]) -> str:
    """A table of all sources, and of each source what became of every byte, unfolded on demand."""
    if not whole:
        return ""
    ledgers = {name: SourceLedger.from_json(data) for name, data in whole.items()}
    head = ["source", "documents", "came", "training", "validation", "dropped", "cut from texts", "licence"]
    rows = [_summary(row, ledgers[row["source"]]) for row in ledger_table(ledgers)]
    return table(head, rows) + "".join(
        _folded(f"{escape(name)}: where it went", _source(ledger, whole[name])) for name, ledger in ledgers.items()
    )


def _summary(row: Mapping[str, Any], ledger: SourceLedger) -> list[str]:
    came, dropped = ledger.came.documents, sum(row["dropped"].values())
    return [
        row["source"],
        f"{came:,}",
        say_bytes(ledger.came.bytes),
        say_bytes(row["train"].bytes),
        say_bytes(row["validation"].bytes),
        f"{dropped:,}" + (f" ({dropped / came:.1%})" if came else ""),
        _say_signed(sum(tally.bytes for tally in ledger.changed.values())),
        ", ".join(ledger.licenses) if len(ledger.licenses) <= 3 else f"{len(ledger.licenses)} licences",
    ]


def _source(ledger: SourceLedger, told: Mapping[str, Any]) -> str:
    parts = [_account(ledger), _samples(ledger), _contamination(told["contamination"])]
    if ledger.licenses:
        parts.append(_counted("licence", ledger.licenses))
    if ledger.origins:
        parts.append(_counted("from", ledger.origins))
    if told["provenance"]:
        parts.append(_provenance(told["provenance"]))
    return "".join(parts)


def _account(ledger: SourceLedger) -> str:
    """What came, and every place where some of it went, to the byte; the rows add up to the first."""
    rows = [["came", f"{ledger.came.documents:,}", f"{ledger.came.bytes:,}", ""]]
    for word, tallies in (("kept", ledger.kept), ("dropped", ledger.dropped)):
        for name, tally in sorted(tallies.items(), key=lambda item: -item[1].bytes):
            rows.append([f"{word}: {name}", f"{tally.documents:,}", f"{tally.bytes:,}", _share(tally, ledger.came)])
    for name, tally in sorted(ledger.changed.items(), key=lambda item: -item[1].bytes):
        touched = f"({tally.documents:,} of them touched)"
        rows.append([f"cut by {name}", touched, f"{tally.bytes:,}", _share(tally, ledger.came)])
    return table(["", "documents", "bytes", "of the bytes"], rows)


def _share(tally: Tally, whole: Tally) -> str:
    return f"{tally.bytes / whole.bytes:.2%}" if whole.bytes else ""


def _samples(ledger: SourceLedger) -> str:
    parts = []
    for rule, rejects in ledger.samples.items():
        quoted = "".join(
            f"<p class=soft>{escape(reject.place)}: {escape(reject.reason)}</p>"
            f"<blockquote>{escape(reject.sample)}</blockquote>"
            for reject in rejects
        )
        number = ledger.dropped[rule].documents if rule in ledger.dropped else len(rejects)
        parts.append(_folded(f"{escape(rule)}: {len(rejects)} of {number:,}", quoted))
    return "<h4>Some of what was dropped</h4>" + "".join(parts) if parts else ""


def _contamination(found: Mapping[str, Mapping[str, int]] | None) -> str:
    """Evaluation items that the source held, by the file that they are of."""
    rows = [[file, *(f"{counts[key]:,}" for key in CONTAMINATION)] for file, counts in (found or {}).items()]
    return table(["evaluation file", "items found", "in documents", "whole", "dropped"], rows)


def _counted(what: str, counts: Mapping[str, int]) -> str:
    rows = [[name, f"{number:,}"] for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    found = table([what, "documents"], rows)
    return _folded(f"{len(rows):,} different: {what}", found) if len(rows) > LONG else found


def _provenance(provenance: Mapping[str, Any]) -> str:
    files: Mapping[str, str] = provenance["files"]
    told = [(key, value) for key, value in provenance.items() if key not in ("files", "bytes") and value is not None]
    if files:
        told.append(("files", f"{len(files):,}, {say_bytes(provenance['bytes'])}"))
    listed = table(["file", "sha256"], list(files.items())[:NAMED])
    more = f"<p class=soft>and {len(files) - NAMED:,} more, in provenance.json</p>" if len(files) > NAMED else ""
    return table(["provenance", ""], told) + (_folded("contents of the files", listed + more) if files else "")


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _say_signed(number: int) -> str:
    return f"-{say_bytes(-number)}" if number < 0 else say_bytes(number)
