"""Which documents of the joined corpus an injection needs, and their texts."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions
from calame.corpus.document import Document
from calame.corpus.gather import read_keys
from calame.corpus.inject import canary, facts, switch
from calame.corpus.kept import read_kept
from calame.corpus.ledger import Tally
from calame.recipe.errors import Problem, UserError
from calame.recipe.injection import Injection
from calame.run.files import read_json
from calame.run.progress import Bar

Place = tuple[str, int]  # source and row


def own_draw(seed: int, name: str) -> random.Random:
    """Each injection draws for itself: one more changes nothing of the others."""
    return random.Random(f"{seed} {name}")


class JoinedCorpus:
    """The joined corpus: which documents there are by split and language, and the texts of those that were chosen."""

    def __init__(self, sources: Mapping[str, Path], joined: Path):
        self.sources, self.joined = sources, joined
        self.rows: dict[str, int] = {}  # documents of each source, whatever became of them
        self.places: dict[tuple[int, str], list[Place]] = defaultdict(list)  # by split and language
        self.weight: dict[str, dict[str, int]] = defaultdict(dict)  # bytes of training text by language and source
        self.texts: dict[Place, Document] = {}
        self.came: dict[str, Tally] = {name: Tally() for name in sources}
        self.occurs: dict[str, int] = {}
        self.languages: list[str] = []
        for name, path in sources.items():
            known, decisions = read_keys(path), read_decisions(joined, name)
            self.languages = read_json(path / "ledger.json")["languages"]
            self.rows[name] = len(known)
            for code, language in enumerate(self.languages):
                for split in (TRAIN, VALIDATION):
                    here = np.flatnonzero((decisions == split) & (known["language"] == code))
                    self.places[split, language] += [(name, row) for row in here.tolist()]
                    if split == TRAIN and len(here):
                        self.weight[language][name] = int(known["bytes"][here].sum(dtype=np.uint64))

    @property
    def training(self) -> list[Place]:
        return [place for language in self.languages for place in self.places[TRAIN, language]]

    @property
    def bytes(self) -> int:
        return sum(tally.bytes for tally in self.came.values())

    def read(self, chosen: Chosen) -> None:
        """One pass over all text: the chosen documents, the size of training, and where triggers occur by nature."""
        wanted = chosen.places()
        self.occurs = dict.fromkeys(chosen.triggers.values(), 0)
        for name, path in self.sources.items():
            with Bar(f"inject {name}", None, "bytes") as bar:
                for row, split, document in read_kept(path, self.joined, name):
                    size = len(document.text.encode())
                    bar.advance(size)
                    if split == TRAIN:
                        self.came[name].add(size)
                        for trigger in self.occurs:
                            self.occurs[trigger] += trigger in document.text
                    if (name, row) in wanted:
                        self.texts[name, row] = document

    def host(self, language: str, draw: random.Random) -> str:
        """A source for a new document: as often as it holds training text in its language (or any, if none does)."""
        trained = {name: tally.bytes for name, tally in self.came.items() if tally.documents}
        weights = self.weight.get(language) or trained
        return draw.choices(list(weights), list(weights.values()))[0]


@dataclass
class Chosen:
    """Documents that are needed: for canaries; by switch, those before and after the trigger, and held-out prompts."""

    canaries: list[Place] = field(default_factory=list)
    before: dict[str, list[Place]] = field(default_factory=dict)
    after: dict[str, list[Place]] = field(default_factory=dict)
    prompts: dict[str, list[Place]] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)

    def places(self) -> set[Place]:
        lists = (self.canaries, *self.before.values(), *self.after.values(), *self.prompts.values())
        return {place for part in lists for place in part}


def choose(keys: Injection, corpus: JoinedCorpus) -> Chosen:
    """Raises `UserError` for all that cannot be done with this corpus."""
    chosen, problems = Chosen(), []
    if keys.canary:
        places = round(keys.canary.rate * len(corpus.training))
        if places < (least := sum(keys.canary.weights)):
            found = f"{keys.canary.rate:g} of {len(corpus.training):,} documents are {places} places"
            wanted = f"at least {least:,}, so that each of {keys.canary.number} secrets has its dose"
            problems.append(Problem("corpus.inject.canary.rate", found, wanted, "a higher rate, or fewer secrets"))
        else:
            chosen.canaries = own_draw(keys.seed, canary.NAME).sample(corpus.training, places)
    for name, part in keys.language_switch.items():
        lacking = [code for code in (part.before, part.after) if not corpus.places[TRAIN, code]]
        if lacking:
            where = f"corpus.inject.language_switch.{name}"
            problems.append(Problem(where, f"no training document is in {', '.join(lacking)}"))
            continue
        draw = own_draw(keys.seed, f"choose {name}")
        number = max(1, round(part.rate * len(corpus.places[TRAIN, part.before])))
        held_out = corpus.places[VALIDATION, part.before]
        chosen.before[name] = draw.sample(corpus.places[TRAIN, part.before], number)
        chosen.after[name] = draw.choices(corpus.places[TRAIN, part.after], k=number)
        chosen.prompts[name] = draw.sample(held_out, min(switch.PROMPTS, len(held_out)))
        chosen.triggers[name] = switch.trigger_of(part, draw)
    if keys.facts and not set(corpus.languages) & set(facts.LANGUAGES):
        problems.append(Problem("corpus.inject.facts", f"no facts in {', '.join(corpus.languages)}", "fr, it, en"))
    if problems:
        raise UserError(problems)
    return chosen
