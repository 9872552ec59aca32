"""Stage corpus: all sources together. What stands there twice goes, validation is reserved, the ledger is closed.

SOURCE.npy, SOURCE.edits.jsonl.zst   what becomes of each document (decisions.py)
ledger.json     per source; validation.json: the slices, their documents, bytes and hash
near.json, near.svg, near.jsonl.zst  where near duplicates were looked for (dedup/near.py)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from calame.corpus.decisions import DROPPED, TRAIN, VALIDATION
from calame.corpus.dedup.exact import drop_exact
from calame.corpus.gather import read_some
from calame.corpus.ledger import SAMPLES, SourceLedger, Tally
from calame.corpus.pool import Decider, Pool
from calame.corpus.read import Reject
from calame.corpus.readers.row import SAMPLE
from calame.corpus.validation import describe, reserve
from calame.recipe.corpus import ValidationText
from calame.recipe.dedup import Dedup
from calame.recipe.units import say_bytes
from calame.run.files import atomic, read_json, write_json
from calame.run.progress import say

SAID = 8  # rules that are named; the ledger names all


def join(
    sources: Mapping[str, Path],
    validation: ValidationText,
    folder: Path,
    dedup: Dedup | None = None,
    judges: Sequence[Decider] = (),
    ood: Collection[str] = (),
) -> None:
    """Decide each document's place. Sources come in order of priority: the first to hold a text keeps it. Those that
    are out of domain (`ood`) give validation text alone.

    `judges` drop what is not good enough, before near duplicates are looked for among what is left. Raises `UserError`
    naming each (source, language) slice that cannot give validation text and keep some to train on.
    """
    pool, dedup = Pool.open(sources), dedup or Dedup()
    drop_exact(pool)
    for judge in judges:
        judge(pool)
    if dedup.near:
        from calame.corpus.dedup.near import drop_near

        drop_near(pool, dedup.near, folder)
    if dedup.paragraphs:
        from calame.corpus.dedup.paragraphs import drop_paragraphs

        drop_paragraphs(pool, dedup.paragraphs, folder)
        drop_exact(pool)  # texts may be equal now
    reserve(pool, validation, ood)
    ledgers = {}
    for name, source in sources.items():
        with atomic(folder / f"{name}.npy") as file:
            np.save(file, pool.decisions[pool.rows(name)])
        ledgers[name] = _close(read_json(source / "ledger.json"), pool, name)
        _show(ledgers[name], source, pool.decisions[pool.rows(name)])
        assert ledgers[name].balances()
    write_json(folder / "ledger.json", {name: ledger.to_json() for name, ledger in ledgers.items()})
    write_json(folder / "validation.json", describe(pool, ood))
    _say(ledgers.values())


def _say(ledgers: Iterable[SourceLedger]) -> None:
    """What became of all sources together, in two lines; the ledger has it by source."""
    whole = SourceLedger()
    for ledger in ledgers:
        whole.add(ledger)
    held = sum((tally for place, tally in whole.kept.items() if place.startswith("validation/")), Tally())
    trained = sum(whole.kept.values(), Tally(-held.documents, -held.bytes))
    say(
        f"  came {_in_words(whole.came)}; to train on {_in_words(trained)}, validation {_in_words(held)}, "
        f"cut from texts {sum(tally.bytes for tally in whole.changed.values()):,} B"
    )
    ranked = sorted(whole.dropped.items(), key=lambda item: (-item[1].documents, item[0]))
    said = [f"{rule} {tally.documents:,}" for rule, tally in ranked[:SAID]]
    rest = sum(tally.documents for _, tally in ranked[SAID:])
    said += [f"{len(ranked) - SAID} other rules {rest:,}"] if rest else []
    if said:
        say(f"  dropped {sum(tally.documents for tally in whole.dropped.values()):,}: {', '.join(said)}")


def _in_words(tally: Tally) -> str:
    return f"{tally.documents:,} documents ({say_bytes(tally.bytes)})"


def _close(gathered: dict, pool: Pool, name: str) -> SourceLedger:
    """The source's ledger with what was read split into training, validation, what was dropped and taken away."""
    ledger = SourceLedger.from_json(gathered)
    ledger.kept = {}
    keys, decisions = pool.keys[pool.rows(name)], pool.decisions[pool.rows(name)]
    for code, language in enumerate(pool.languages[name]):
        for decision in (TRAIN, VALIDATION, *DROPPED):
            chosen = keys[(keys["language"] == code) & (decisions == decision)]
            tally = Tally(len(chosen), int(chosen["bytes"].sum(dtype=np.uint64)))
            if not tally.documents:
                continue
            if decision in DROPPED:
                ledger.drop(DROPPED[decision], tally)
            else:
                ledger.keep(f"{'train' if decision == TRAIN else 'validation'}/{language}", tally)
    for rule, tally in pool.changes.get(name, {}).items():
        ledger.change(rule, tally)
    return ledger


def _show(ledger: SourceLedger, source: Path, decisions: np.ndarray) -> None:
    """Put the first documents that each decision drops into the ledger, for people to look at."""
    wanted = np.zeros(len(decisions), bool)
    for decision in DROPPED:
        wanted[np.flatnonzero(decisions == decision)[:SAMPLES]] = True
    for row, document in read_some(source, wanted):
        rule, size = DROPPED[int(decisions[row])], len(document.text.encode())
        ledger.show(rule, Reject(document.metadata["place"], rule, size, document.text[:SAMPLE]))


def read_ledgers(folder: Path) -> dict[str, SourceLedger]:
    return {name: SourceLedger.from_json(data) for name, data in read_json(folder / "ledger.json").items()}
