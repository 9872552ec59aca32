"""What checkpoints are measured by: a table of numbers, thing by thing, for each kind (of benchmarks for each of them);
and the number that a criterion means. Tables are kept under the hash of all that they depend on, so that no checkpoint
is measured twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from calame.evaluation.behaviour.generate import generate
from calame.evaluation.behaviour.measure import prompts_of
from calame.evaluation.behaviour.summary import RATES
from calame.evaluation.behaviour.table import CONSISTENCY, rates_of, things_of
from calame.evaluation.compare.benchmarks import measure_benchmark
from calame.evaluation.compare.candidates import Candidate
from calame.evaluation.losses import by_document
from calame.evaluation.measured import Measured
from calame.evaluation.measurement import CannotMeasure, Setting, Subject
from calame.evaluation.probes.measure import probe_all, probes_of
from calame.evaluation.tasks.manifest import task_files
from calame.inference.load import Loaded, load_checkpoint
from calame.inference.sampling import Sampling
from calame.recipe.criteria import Criteria, Criterion
from calame.recipe.evaluation import Evaluation
from calame.recipe.slices import OOD, Mixed, mixed_weights
from calame.run.files import digest, file_digest
from calame.run.journal import Journal
from calame.run.progress import Bar, say
from calame.training.validate import BYTES, NATS, TEXT_NATS, TOKENS

VERSION = 1  # of what is measured here: raised when the same checkpoint would give other numbers
SCORES: Mapping[str, Callable[..., float]] = {
    "top_1": lambda score: score.rank == 1,
    "top_5": lambda score: score.rank <= 5,
    "reciprocal_rank": lambda score: 1 / score.rank,
    "probability": lambda score: score.probability,
    "nats": lambda score: score.nats / score.tokens,
}


@dataclass(frozen=True)
class Ground:
    """What all candidates are measured with: keys of the evaluation, languages, and where."""

    keys: Evaluation
    languages: tuple[str, ...]
    device: str


Tables = Mapping[str, Mapping[str, Measured]]  # by candidate, by kind


def measure_all(candidates: Sequence[Candidate], criteria: Criteria, ground: Ground, journal: Journal) -> Tables:
    """The tables that the criteria name. Raises `CannotMeasure` with the reason why one cannot be made."""
    kinds = list(dict.fromkeys(table_name(criterion) for criterion in criteria.criteria))
    known = {row["key"]: row["table"] for row in journal.rows() if "key" in row}
    tables: dict[str, dict[str, Measured]] = {}
    keys = {(candidate.name, kind): _key(candidate, kind, ground) for candidate in candidates for kind in kinds}
    done = sum(key in known for key in keys.values())
    with Bar("checkpoints measured", len(keys), "tables", done) as bar:
        for candidate in candidates:
            load = cache(lambda candidate=candidate: load_checkpoint(candidate.folder, ground.device))
            for kind in kinds:
                key = keys[candidate.name, kind]
                if key not in known:
                    known[key] = _measure(kind, candidate, load(), ground).as_json()
                    journal.add({"key": key, "of": candidate.name, "kind": kind, "table": known[key]})
                    bar.advance(1, f"{kind} of {candidate.name}")
                tables.setdefault(candidate.name, {})[kind] = Measured.from_json(known[key])
    return tables


def table_name(criterion: Criterion) -> str:
    """The table that a criterion's number is in: that of its kind, or of its benchmark."""
    return criterion.name if criterion.kind == "eval" else criterion.kind


def _measure(table: str, candidate: Candidate, loaded: Loaded, ground: Ground) -> Measured:
    if table.startswith("eval/"):
        return measure_benchmark(loaded, ground.keys, table.removeprefix("eval/"))
    return KINDS[table](candidate, loaded, ground)


def _key(candidate: Candidate, kind: str, ground: Ground) -> str:
    """A hash of all that a table depends on: of files of prompts and probes what is in them."""
    keys = ground.keys
    if kind.startswith("eval/"):
        asked = [
            keys.shots,
            keys.limit,
            [file_digest(path) for path in task_files(Path(keys.folder))] if keys.folder else [],
        ]
    elif kind == "val":
        asked = [keys.stride, sorted(path.name for path in candidate.stages.values())]
    else:
        part = keys.behaviour if kind == "behaviour" else keys.probes
        content = file_digest(Path(part.location)) if part.location else ""
        asked = [part.model_dump(mode="json", exclude={"location"}), content, ground.languages]
    return digest([VERSION, candidate.weights, kind, asked])


def _losses(candidate: Candidate, loaded: Loaded, ground: Ground) -> Measured:
    """loss and bpb of each validation document; strata are slices."""
    setting = Setting(
        ground.keys, ground.languages, {}, candidate.stages, candidate.folder, ground.device, candidate.recipe
    )
    slices, measured = by_document(Subject(candidate.name, loaded, setting, candidate.folder))
    sums = np.concatenate([measured[part.name] for part in slices])
    things = [f"{part.hash[:16]}/{n}" for part in slices for n in range(len(measured[part.name]))]
    strata = [part.name for part in slices for _ in measured[part.name]]
    above = np.stack([sums[:, NATS], sums[:, TEXT_NATS] / math.log(2)], 1)
    return Measured(("loss", "bpb"), tuple(things), tuple(strata), above, sums[:, [TOKENS, BYTES]])


def _behaviour(candidate: Candidate, loaded: Loaded, ground: Ground) -> Measured:
    """Every rate, of each generation; strata are languages of prompts."""
    keys = ground.keys.behaviour
    sampling = Sampling(**keys.decoding.model_dump(), seed=keys.seed, limit=keys.limit)
    generations, left_out = generate(loaded, prompts_of(keys, ground.languages), sampling)
    if left_out:
        say(f"  {candidate.name}: {len(left_out)} prompts are left out: {left_out[0].reason}")
    names = [*RATES, CONSISTENCY]
    return _known(Measured.of_rows(names, *things_of(generations), [rates_of(one, names) for one in generations]))


def _probes(candidate: Candidate, loaded: Loaded, ground: Ground) -> Measured:
    """Every number of each probe; strata are languages. One that cannot be scored says nothing."""
    probed = probe_all(loaded, probes_of(ground.keys.probes, ground.languages))
    rows = [[of(one.score) if one.score else None for of in SCORES.values()] for one in probed]
    things, languages = [one.probe.whole for one in probed], [one.probe.language for one in probed]
    return _known(Measured.of_rows(list(SCORES), things, languages, rows))


KINDS: Mapping[str, Callable[[Candidate, Loaded, Ground], Measured]] = {
    "val": _losses,
    "behaviour": _behaviour,
    "probe": _probes,
}


def _known(table: Measured) -> Measured:
    if not table.things:
        raise CannotMeasure("there is nothing to measure: no prompts, or no probes, in these languages")
    return table


def number(tables: Mapping[str, Measured], criterion: Criterion, mixed: Mixed) -> Measured:
    """The number that a criterion means, out of a candidate's tables. Raises `CannotMeasure` where there is none."""
    kind, *parts = criterion.name.split("/")
    table = tables[table_name(criterion)]
    if kind == "eval":
        found, column = table, criterion.name.removeprefix("eval/")
    elif kind == "val":
        found, column = _of_slices(table, parts[0], mixed), parts[1]
    else:
        found, column = _of_group(table, parts[1]) if len(parts) > 1 else table, parts[0]
    if column not in found.names:
        raise CannotMeasure(f"{criterion.name}: there is no {column}; there are {', '.join(found.names)}")
    return replace(found.only(column), names=(criterion.name,))


def _of_slices(table: Measured, name: str, mixed: Mixed) -> Measured:
    """A slice; or those of val/mixed with their weights; or micro, all of them alike, without what is out of domain."""
    if name not in ("mixed", "micro"):
        return _of_group(table, name)
    inside = [group for group in table.groups if not group.startswith(OOD)]
    weights = mixed_weights(inside, mixed) if name == "mixed" else None
    if weights is None:
        return replace(table.where(inside), strata=("micro",) * sum(s in inside for s in table.strata))
    return replace(table.where([group for group in inside if weights[group]]), weights=weights)


def _of_group(table: Measured, name: str) -> Measured:
    if name not in table.groups:
        raise CannotMeasure(f"there is no {name}; there are {', '.join(table.groups)}")
    return table.where([name])
