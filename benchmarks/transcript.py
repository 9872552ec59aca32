"""A transcript of a chat model, unedited, with what can be counted in it: python benchmarks/transcript.py MODEL

Every prompt of a file (one a line) is a conversation of its own and is answered once, with one decoding and one seed:
the decoding that the model's folder recommends (generation_config.json), else the recommended.json given by --decoding,
else the usual one; what it is stands in the transcript. Nothing is drawn twice and nothing left out.

--tuning names files of the conversations that the model was tuned on (JSON lines, also .zst): a prompt or an answer
"is new" where no 8 words in a row stand in them.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard

from calame.evaluation.behaviour.generate import Generation, generate
from calame.evaluation.behaviour.languages import language_of
from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.behaviour.repetition import ngrams, pooled_distinct
from calame.evaluation.behaviour.segments import words
from calame.inference.decoding import recommended_in
from calame.inference.load import Loaded, load_any
from calame.inference.sampling import KNOBS, Sampling
from calame.model.config import count_parameters
from calame.run.tables import text_table

OVERLAP = 8  # words in a row, issue "Talk and release"
USUAL = Sampling(temperature=0.7, top_p=0.9, repetition_penalty=1.1)
BARS = {  # least value of each
    "stopped by an end token": 50, "words of an answer, median": 12, "different answers": 45, "distinct bigrams": 0.6,
    "in the language asked": 0.98, "prompts new to the tuning set": 20,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a run, a checkpoint or a Hugging Face folder")
    parser.add_argument("--prompts", type=Path, default=Path(__file__).parent / "prompts_fr.txt")
    parser.add_argument("--language", default="fr")
    parser.add_argument("--decoding", type=Path, help="recommended.json of a decoding search")
    parser.add_argument("--limit", type=int, default=200, help="most new tokens of an answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tuning", nargs="*", default=[], help="files of conversations")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="Markdown file")
    asked = parser.parse_args()
    loaded = load_any(asked.model, device=asked.device)
    sampling, origin = decoding_of(loaded, asked.decoding)
    prompts = [
        Prompt(line, asked.language, "message", "holdout") for line in asked.prompts.read_text().splitlines() if line
    ]
    start = time.perf_counter()
    said, left_out = generate(loaded, prompts, replace(sampling, limit=asked.limit, seed=asked.seed), chat=True)
    seconds = time.perf_counter() - start
    assert not left_out, left_out
    counted = count(said, asked.language, tuned_on(asked.tuning))
    about = [
        f"{Path(loaded.origin).name}: {count_parameters(loaded.model.config):,} parameters; {loaded.device.name}, "
        f"{loaded.device.precision}; {len(said)} prompts in {seconds:.1f} s.",
        f"Decoding ({origin}): {json.dumps({name: getattr(sampling, name) for name in KNOBS})}; seed {asked.seed}, "
        f"at most {asked.limit} new tokens. Each prompt was asked once.",
    ]
    table = text_table(("", "found", "at least", ""), [(n, v, BARS.get(n, ""), ok) for n, v, ok in against(counted)])
    print("\n".join([*about, *table]))
    if asked.out:
        asked.out.write_text("\n".join(page(about, counted, said)))
    return 0 if all(ok != "MISSED" for _, _, ok in against(counted)) else 1


def decoding_of(loaded: Loaded, file: Path | None) -> tuple[Sampling, str]:
    """The decoding, and where it is from."""
    if file is not None:
        found = json.loads(file.read_text())["parameters"]
        return Sampling(**{name: found[name] for name in KNOBS if name in found}), "recommended by a decoding search"
    if found := recommended_in(Path(loaded.origin)):
        return Sampling(**found), "generation_config.json"
    return USUAL, "the usual one"


def tuned_on(files: Sequence[str]) -> set[tuple[Any, ...]]:
    """All runs of OVERLAP words of all strings in these files."""
    found: set[tuple[Any, ...]] = set()
    for file in files:
        for line in lines_of(Path(file)):
            for text in strings(json.loads(line)):
                found.update(ngrams(words(text.lower()), OVERLAP))
    return found


def lines_of(file: Path) -> Iterable[str]:
    with file.open("rb") as raw:
        content = zstandard.ZstdDecompressor().stream_reader(raw) if file.suffix == ".zst" else raw
        yield from io.TextIOWrapper(content, "utf-8")


def strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def count(said: Sequence[Generation], language: str, known: set[tuple[Any, ...]]) -> dict[str, Any]:
    texts = [generation.completion.text.strip() for generation in said]
    spoken = [found for text in texts if (found := language_of(text))]
    distinct, _ = pooled_distinct([words(text.lower()) for text in texts])

    def new(texts: Iterable[str]) -> int:
        return sum(not known.intersection(ngrams(words(text.lower()), OVERLAP)) for text in texts)

    return {
        "stopped by an end token": sum(g.completion.stopped for g in said),
        "words of an answer, median": statistics.median(len(words(text)) for text in texts),
        "different answers": len(set(texts)),
        "distinct bigrams": round(distinct or 0.0, 3),
        "in the language asked": round(sum(found == language for found in spoken) / max(1, len(spoken)), 3),
        "answers long enough for that": len(spoken),
        "prompts new to the tuning set": new(g.prompt.text for g in said),
        "answers new to the tuning set": new(texts),
        "tokens of an answer, longest": max(len(g.completion.ids) for g in said),
        "looping": sum(g.verdict.words.loop_period > 0 for g in said),
    }


def against(counted: dict[str, Any]) -> list[tuple[str, Any, str]]:
    return [(n, v, "" if n not in BARS else "reached" if v >= BARS[n] else "MISSED") for n, v in counted.items()]


def page(about: list[str], counted: dict[str, Any], said: Sequence[Generation]) -> list[str]:
    """Markdown: what was counted, then every prompt and its answer as it came."""
    lines = ["# What the model answers", "", *about, "", "| | found | at least |", "|---|---|---|"]
    lines += [f"| {name} | {value} | {BARS.get(name, '')} |" for name, value in counted.items()]
    for number, generation in enumerate(said, 1):
        answer = generation.completion.text.strip()
        end = "" if generation.completion.stopped else " *(cut at the limit)*"
        lines += ["", f"**{number}. {generation.prompt.text}**", "", *(f"> {x}" for x in answer.split("\n"))]
        lines[-1] += end
    return [*lines, ""]


if __name__ == "__main__":
    raise SystemExit(main())
