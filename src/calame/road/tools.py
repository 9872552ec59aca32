"""The smaller verbs on a recipe: compare tokenizers, trace a step to its documents, write the report again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from calame.recipe.errors import refuse
from calame.recipe.load import load_recipe
from calame.recipe.schema import Recipe
from calame.recipe.section import LEAST_VOCABULARY
from calame.recipe.units import parse_vocabulary
from calame.road.stages import build_road
from calame.road.walk import Choice, walk
from calame.run.folder import RunFolder
from calame.run.stage import Stage


def compare_tokenizers(recipe: str, overrides: Sequence[str], sizes: Sequence[str]) -> Iterator[str]:
    """A table of tokens a word and bytes a token, by vocabulary and validation slice. Makes the corpus if need be."""
    from calame.tokenizer.prepare import compare

    try:
        wanted = [parse_vocabulary(size) for size in sizes]
    except ValueError as error:
        raise refuse("--vocab", str(error), "sizes such as 8k,16k,32k") from None
    if min(wanted) < LEAST_VOCABULARY:
        raise refuse("--vocab", f"{min(wanted)}", f"at least {LEAST_VOCABULARY}: 256 bytes and the special tokens")
    loaded, derived = load_recipe(recipe, overrides)
    folder = RunFolder(loaded)
    road = build_road(folder)
    folder.open(derived)
    walk(folder, road, Choice(last="corpus"))
    stages = {stage.name: folder.store.folder(stage) for stage in road}
    sources = {name: stages[f"corpus/{name}"] for name in loaded.corpus.sources}
    yield f"{'vocabulary':>10}  {'slice':<24} {'tokens/word':>11} {'bytes/token':>11} {'share of the model':>19}"
    for row in compare(wanted, loaded.tokenizer, sources, stages["corpus"]):
        if "fault" in row:
            yield f"{row['vocabulary']:>10,}  {row['fault']}"
            continue
        fit = f"{row['tokens_per_word']:>11.3f} {row['bytes_per_token']:>11.3f}"
        yield f"{row['vocabulary']:>10,}  {row['slice']:<24} {fit} {_share(loaded, row['vocabulary']):>19.1%}"


def _share(recipe: Recipe, vocabulary: int) -> float:
    """Part of the model's parameters that the vocabulary's matrices take."""
    from calame.model.config import ModelConfig, count_parameters, count_terms

    config = ModelConfig.from_recipe(recipe.model, vocabulary)
    terms = count_terms(config)
    return (terms["embedding"] + terms["head"]) / count_parameters(config)


def trace_step(recipe: str, overrides: Sequence[str], step: int) -> Iterator[str]:
    """Which documents training step `step` (the first is 1) read: position, source, id, tokens, decoded text."""
    from calame.tokenizer.tokenizer import Tokenizer
    from calame.training.pretrain import training_stream

    loaded, _ = load_recipe(recipe, overrides)
    folder, stages = _made(loaded, "pretrain")
    tokenizer = Tokenizer.load(folder.store.folder(stages["tokenizer"]))
    shards = {name: folder.store.folder(stages[f"shards/{name}"]) for name in loaded.corpus.sources}
    stream = training_stream(loaded, shards, tokenizer)
    timeline = loaded.pretrain.timeline
    last = timeline.steps(stream.mixture.capacity)
    if not 1 <= step <= last:
        raise refuse("step", f"{step}", f"1 to {last}")
    begin, end = timeline.position(step - 1), timeline.position(step)
    for trace in stream.trace(begin, end - begin, tokenizer):
        yield f"{trace.position:>12,} {trace.document} ({trace.tokens:,} tokens)\n    {' '.join(trace.text.split())}"


def report(recipe: str, overrides: Sequence[str]) -> Path:
    """Write the page of a run anew; returns its path. Raises `UserError` if it was never begun."""
    from calame.road.report import write_report

    folder = RunFolder(load_recipe(recipe, overrides)[0])
    if not (folder.path / "recipe.yaml").is_file():
        raise refuse(str(folder.path), "no run is there", remedy="calame run RECIPE")
    return write_report(folder, build_road(folder))


def _made(recipe: Recipe, needed: str) -> tuple[RunFolder, dict[str, Stage]]:
    """The run's folder and stages; the stages before `needed` must be there."""
    folder = RunFolder(recipe)
    stages = {stage.name: stage for stage in build_road(folder)}
    missing = [stage.name for stage in stages[needed].before if folder.store.done(stage) is None]
    if missing:
        raise refuse(
            recipe.name, f"needs {', '.join(missing)}, not made yet", remedy=f"calame run RECIPE --to {missing[-1]}"
        )
    return folder, stages
