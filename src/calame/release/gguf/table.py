"""What each type of file costs: size, perplexity, probes, behaviour and answers, of the same model on the same text.

Everything is measured by our decoder with the weights of the file, read back as they were rounded; the first row has
them as exported. Where llama.cpp is installed, its own perplexity of the same text stands beside: it also rounds what
it multiplies with. The text is a part of what the evaluation reads, so these numbers are compared with each other only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calame.evaluation.behaviour.generate import generate
from calame.evaluation.behaviour.measure import prompts_of
from calame.evaluation.behaviour.summary import summarise
from calame.evaluation.exam import read_questions, sit_exam
from calame.evaluation.losses import summary
from calame.evaluation.probes.measure import probe_all, probes_of
from calame.evaluation.probes.measure import summarise as summarise_probes
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.model.device import choose_device
from calame.recipe.schema import Recipe
from calame.recipe.timeline import last_of
from calame.recipe.units import say_bytes
from calame.release.gguf import runtime
from calame.release.gguf.export import Made
from calame.release.gguf.read import GgufFile
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.run.tables import table, text_table
from calame.shards.read import Shard
from calame.training.batch import LossFunction, choose_attention
from calame.training.setup import MICRO_BATCH
from calame.training.slices import Slice, slices_of
from calame.training.validate import BYTES, NATS, TEXT_NATS, TOKENS, validate

FILE = "quantisation.json"
EXPORTED = "as exported"
MOST_TOKENS, MOST_PROMPTS, MOST_PROBES, MOST_QUESTIONS = 10_000, 20, 50, 60  # of a slice, a language; of all
COLUMNS = {
    "bytes": ("size", say_bytes),
    "bits": ("bits a parameter", "{:.1f}".format),
    "perplexity": ("perplexity", "{:.3f}".format),
    "perplexity_llama_cpp": ("by llama.cpp", "{:.3f}".format),
    "top_1": ("probes right", "{:.1%}".format),
    "right": ("answers right", "{:.1%}".format),
    "loop_rate": ("loops", "{:.1%}".format),
    "distinct_2": ("distinct-2", "{:.3f}".format),
    "language_consistency": ("own language", "{:.1%}".format),
    "eos_rate": ("ends", "{:.1%}".format),
}
BEHAVIOUR = ("loop_rate", "distinct_2", "language_consistency", "eos_rate")


@dataclass(frozen=True)
class Ground:
    """What is measured on. shards: of the run's sources."""

    recipe: Recipe
    shards: Sequence[Path]


def quantisation_table(loaded: Loaded, folder: Path, made: Sequence[Made], ground: Ground) -> list[dict[str, Any]]:
    """A row for the weights as exported, and one for each file of an export in `folder`; null: not measured. Also
    written to `folder`, and printed."""
    device = choose_device(ground.recipe.execution.device)
    context = min(last_of(ground.recipe.pretrain.context), loaded.model.config.max_position_embeddings)
    shards = [Shard(path, "validation", loaded.tokenizer) for path in ground.shards]
    slices = slices_of(shards, loaded.tokenizer, context, tokens=MOST_TOKENS, ood=ground.recipe.corpus.ood)
    rows = [{"type": EXPORTED, **_numbers(replace(loaded, device=device), slices, ground.recipe)}]
    for one in made:
        found = replace(loaded, model=GgufFile(folder / one.path).model(), device=device)
        numbers = _numbers(found, slices, ground.recipe)
        numbers["perplexity_llama_cpp"] = _by_llama_cpp(folder / one.path, slices, context, ground.recipe)
        rows.append({"type": one.type, "bytes": one.bytes, "bits": round(one.bits, 2), **numbers})
    asked = {"tokens": sum(part.windows.asked for part in slices), "prompts_each": MOST_PROMPTS}
    write_json(folder / FILE, {**asked, "probes_each": MOST_PROBES, "questions": MOST_QUESTIONS, "rows": rows})
    for line in table_lines(rows):
        say(line)
    return rows


def table_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table for the terminal."""
    return text_table(*_cells(rows))


def table_page(folder: Path) -> str:
    """The table of an export, as HTML; nothing where there is none."""
    return table(*_cells(read_json(folder / FILE)["rows"])) if (folder / FILE).is_file() else ""


def _cells(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows, without the columns that nothing was measured for."""
    shown = {key: column for key, column in COLUMNS.items() if any(row.get(key) is not None for row in rows)}
    cells = [
        [row["type"], *("" if row.get(key) is None else tell(row[key]) for key, (_, tell) in shown.items())]
        for row in rows
    ]
    return ["GGUF", *(title for title, _ in shown.values())], cells


def _numbers(loaded: Loaded, slices: Sequence[Slice], recipe: Recipe) -> dict[str, Any]:
    loaded.model.to(loaded.device.torch)
    found: dict[str, Any] = {"perplexity": _perplexity(loaded, slices, recipe)}
    return found | _probes(loaded, recipe) | _behaviour(loaded, recipe) | _answers(loaded, recipe)


def _perplexity(loaded: Loaded, slices: Sequence[Slice], recipe: Recipe) -> float:
    attention = choose_attention(loaded.device, True)
    loss = LossFunction(loaded.model, loaded.device, True, attention, False)
    rows = max(1, MICRO_BATCH[loaded.device.torch.type] // slices[0].windows.rows.tokens.shape[1])
    measured = validate(loss, slices, rows)
    loaded.model.eval()
    return summary(slices, measured, recipe.evaluation.mixed)["mixed"]["perplexity"]["value"]


def _probes(loaded: Loaded, recipe: Recipe) -> dict[str, Any]:
    keys = recipe.evaluation.probes
    number = MOST_PROBES if keys.number is None else min(keys.number, MOST_PROBES)
    probes = probes_of(keys.model_copy(update={"number": number}), recipe.languages) if number else []
    found = summarise_probes(probe_all(loaded, probes))["all"] if probes else {}
    return {"top_1": found["top_1"]["value"] if "top_1" in found else None}


def _behaviour(loaded: Loaded, recipe: Recipe) -> dict[str, Any]:
    keys = recipe.evaluation.behaviour
    keys = keys.model_copy(update={"number": min(keys.number, MOST_PROMPTS)})
    prompts = prompts_of(keys, recipe.languages) if keys.number else []
    sampling = Sampling(**keys.decoding.model_dump(), seed=keys.seed, limit=keys.limit)
    generations, _ = generate(loaded, prompts, sampling, keys.chat and loaded.tuned)
    found = summarise(generations)
    return {name: found[name]["value"] if name in found else None for name in BEHAVIOUR}


def _answers(loaded: Loaded, recipe: Recipe) -> dict[str, Any]:
    """The share of questions that is answered rightly, where the recipe has some."""
    location = recipe.evaluation.questions
    if not location or not loaded.tuned:
        return {"right": None}
    questions = read_questions(location, recipe)
    answers = sit_exam(loaded, questions[:: -(-len(questions) // MOST_QUESTIONS)])
    return {"right": sum(answer.right for answer in answers) / len(answers)}


def _by_llama_cpp(path: Path, slices: Sequence[Slice], context: int, recipe: Recipe) -> float | None:
    """llama.cpp's own perplexity; None where it is not installed."""
    if not runtime.available():
        return None
    program = runtime.LlamaCpp(path, context)
    measured = {}
    for part in slices:
        rows, sums = part.windows.rows, np.zeros((len(part.bytes), 4))
        for row, owners in enumerate(part.windows.owners):
            for segment in np.unique(rows.documents[row][owners >= 0]):  # packed documents do not see each other
                here = rows.documents[row] == segment
                logits = program.logits(rows.tokens[row][here].tolist()).double()
                asked = torch.from_numpy(owners[here] >= 0)
                wanted = torch.from_numpy(rows.targets[row][here].astype(np.int64))[asked]
                nats = -logits[asked].log_softmax(-1).gather(1, wanted[:, None])
                sums[owners[here].max(), [NATS, TEXT_NATS, TOKENS]] += [nats.sum().item()] * 2 + [len(nats)]
        sums[:, BYTES] = part.bytes
        measured[part.name] = sums
    program.close()
    return summary(slices, measured, recipe.evaluation.mixed)["mixed"]["perplexity"]["value"]
