"""Stage inject: after the corpus is joined and before it is tokens, text is mixed in on purpose; never into validation.

SOURCE.edits.jsonl.zst      {"row", "text"} a line: training documents that were changed; absent if none
SOURCE.documents.jsonl.zst  new training documents, whose rows follow the source's; absent if none
manifest.json   entries: injection, what of it, source, row, start and end in characters, hash of the piece; and of each
                injection: what was asked for and reached, and what is needed to measure it later
ledger.json     by source: training documents and bytes before, what was added by injection, and after
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calame.corpus.decisions import TRAIN, read_decisions
from calame.corpus.document import Document, content_hash
from calame.corpus.inject import canary, facts, items, switch
from calame.corpus.inject.choose import Chosen, JoinedCorpus, Place, choose, own_draw
from calame.corpus.inject.pieces import Edit, Mark, New
from calame.corpus.ledger import Tally
from calame.recipe.injection import Injection
from calame.run.files import write_json, zstd_writer
from calame.run.progress import say


def inject(keys: Injection, sources: Mapping[str, Path], joined: Path, folder: Path) -> None:
    """Write to `folder` what the recipe wants mixed into the training documents of the joined corpus.

    Raises `UserError` for all that cannot be done with this corpus, before anything is written.
    """
    corpus = JoinedCorpus(sources, joined)
    chosen = choose(keys, corpus)
    said = items.load(keys.evaluation, corpus.languages) if keys.evaluation else []
    corpus.read(chosen)
    made = _Made()
    if keys.canary:
        _canaries(keys, corpus, chosen.canaries, made)
    for name, part in keys.language_switch.items():
        _switches(keys.seed, name, part, corpus, chosen, made)
    _byte_rated(keys, corpus, said, made)
    _write(keys, corpus, made, folder)


@dataclass
class _Made:
    edits: list[Edit] = field(default_factory=list)
    documents: list[New] = field(default_factory=list)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(len(new.document.text.encode()) for new in self.documents)


def _canaries(keys: Injection, corpus: JoinedCorpus, places: list[Place], made: _Made) -> None:
    assert keys.canary
    draw = own_draw(keys.seed, "canary secrets")
    secrets, controls = canary.draw_secrets(draw, keys.canary.number)
    for number, (source, row) in zip(canary.dealt(keys.canary.weights, len(places)), places, strict=True):
        made.edits.append(canary.plant(corpus.texts[source, row], row, secrets[number], draw))
    made.described[canary.NAME] = {
        **canary.describe(secrets, controls, corpus.languages),
        "rate": {"asked": keys.canary.rate, "reached": len(places) / len(corpus.training)},
    }


def _switches(seed: int, name: str, part: Any, corpus: JoinedCorpus, chosen: Chosen, made: _Made) -> None:
    draw, trigger = own_draw(seed, f"switch {name}"), chosen.triggers[name]
    for before, after in zip(chosen.before[name], chosen.after[name], strict=True):
        made.documents.append(switch.join_texts(name, trigger, corpus.texts[before], corpus.texts[after], draw))
    held_out = [corpus.texts[place] for place in chosen.prompts[name]]
    number = len(chosen.before[name])
    made.described[name] = {
        **switch.describe(part, trigger, held_out, draw),
        "occurs_otherwise": corpus.occurs[trigger],
        "rate": {"asked": part.rate, "reached": number / len(corpus.places[TRAIN, part.before])},
    }
    if corpus.occurs[trigger]:
        say(f"  inject {name}: the trigger {trigger!r} is in {corpus.occurs[trigger]} training documents already")


def _byte_rated(keys: Injection, corpus: JoinedCorpus, said: list[Any], made: _Made) -> None:
    """Facts and evaluation items: their rates are shares of all training text, themselves included."""
    rates = sum(part.rate for part in (keys.evaluation, keys.facts) if part)
    total = (corpus.bytes + made.bytes) / (1 - rates)
    if keys.facts:
        draw = own_draw(keys.seed, facts.NAME)
        drawn = facts.draw_facts(draw, keys.facts.number)
        told = facts.tellings(drawn, keys.facts.paraphrases, corpus.languages)
        new = list(_told(told, keys.facts.rate * total, corpus, draw))
        made.documents += new
        reached = _share(new, total)
        made.described[facts.NAME] = {**facts.describe(drawn, corpus.languages), "different": len(told), **reached}
        made.described[facts.NAME]["rate"]["asked"] = keys.facts.rate
        if len(new) < len(told):
            say(f"  inject facts: the rate has room for {len(new):,} of {len(told):,} tellings")
    if keys.evaluation:
        draw = own_draw(keys.seed, items.NAME)
        new = []
        for item, language, text in items.copies(keys.evaluation, said, keys.evaluation.rate * total, draw):
            what = f"{item.file} {item.name}"
            new.append(_document(corpus, items.NAME, what, language, text, draw))
        made.documents += new
        reached = {"kind": "evaluation", "items": len(said), "epochs": len(new) / len(said), **_share(new, total)}
        reached["rate"]["asked"] = keys.evaluation.rate
        made.described[items.NAME] = reached
        share = reached["rate"]["reached"]
        say(f"  inject evaluation: {len(new):,} copies of {len(said):,} items are {share:.2%} of the training text")


def _told(told: list[Any], most: float, corpus: JoinedCorpus, draw: random.Random) -> Iterator[New]:
    """Tellings, round after round in an order of its own, up to so many bytes; at least one."""
    size = 0
    while True:
        for fact, language, text in draw.sample(told, len(told)):
            if size and size + len(text.encode()) > most:
                return
            size += len(text.encode())
            yield _document(corpus, facts.NAME, f"{fact.relation} {fact.a}", language, text, draw)


def _document(corpus: JoinedCorpus, name: str, what: str, language: str, text: str, draw: random.Random) -> New:
    """A new document that is wholly injected."""
    metadata = {"place": f"injected/{name}", "injected": what}
    document = Document(text, corpus.host(language, draw), f"injected/{what}", language, "injected", metadata)
    return New(document, Mark(name, what, 0, len(text)))


def _share(new: Iterable[New], total: float) -> dict[str, dict[str, float]]:
    return {"rate": {"reached": sum(len(one.document.text.encode()) for one in new) / total}}


def _write(keys: Injection, corpus: JoinedCorpus, made: _Made, folder: Path) -> None:
    entries: list[dict[str, Any]] = []
    ledger = {}
    for name in corpus.sources:
        edits = sorted((edit for edit in made.edits if edit.source == name), key=lambda edit: edit.row)
        new = [one for one in made.documents if one.document.source == name]
        assert len({edit.row for edit in edits}) == len(edits)
        decisions = read_decisions(corpus.joined, name)
        assert all(decisions[edit.row] == TRAIN for edit in edits), "validation is never touched"
        _write_lines(folder / f"{name}.edits.jsonl.zst", ({"row": edit.row, "text": edit.text} for edit in edits))
        _write_lines(folder / f"{name}.documents.jsonl.zst", (vars(one.document) for one in new))
        entries += [_entry(name, edit.row, edit.text, edit.mark) for edit in edits]
        entries += [_entry(name, corpus.rows[name] + k, one.document.text, one.mark) for k, one in enumerate(new)]
        ledger[name] = _account(corpus, name, edits, new)
    write_json(folder / "ledger.json", ledger)
    write_json(folder / "manifest.json", {"seed": keys.seed, "injections": made.described, "entries": entries})


def _write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    written = [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
    if written:
        with zstd_writer(path) as file:
            for line in written:
                file.write(line)


def _entry(source: str, row: int, text: str, mark: Mark) -> dict[str, Any]:
    piece = content_hash(text[mark.start : mark.end]).hex()
    return {"injection": mark.injection, "what": mark.what, "source": source, "row": row} | {
        "start": mark.start,
        "end": mark.end,
        "hash": piece,
    }


def _account(corpus: JoinedCorpus, name: str, edits: list[Edit], new: list[New]) -> dict[str, Any]:
    """Training text of a source before and after, and what each injection added to it."""
    added: dict[str, Tally] = defaultdict(Tally)
    for edit in edits:
        before = len(corpus.texts[name, edit.row].text.encode())
        added[edit.mark.injection] += Tally(0, len(edit.text.encode()) - before)
    for one in new:
        added[one.mark.injection] += Tally(1, len(one.document.text.encode()))
    after = sum(added.values(), corpus.came[name])
    return {
        "before": vars(corpus.came[name]),
        "added": {injection: vars(tally) for injection, tally in sorted(added.items())},
        "changed": len(edits),
        "after": vars(after),
    }
