"""Stage pretrain: the shards, in their mixture, through the loop.

checkpoints/step-XXXXXXXX/, metrics.jsonl, mixture.json (shares wanted and achieved, by tenth), tokenizer/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from calame.model.config import flops_per_token
from calame.model.decoder import Noise
from calame.recipe.errors import refuse
from calame.recipe.objective import LITERAL, is_headless
from calame.recipe.schema import Recipe
from calame.recipe.timeline import Timeline, values_of
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.run.sinks import Sinks
from calame.run.telemetry import Telemetry
from calame.shards.account import account, by_source, read_before
from calame.shards.blend import blend
from calame.shards.chunks import ChunkLoader
from calame.shards.loader import Loader
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.loop import Observer, Plan, Progress, Trainer
from calame.training.setup import (
    Bench,
    fit_micro_batch,
    keep_tokenizer,
    open_shards,
    prepare,
    validation_observer,
    validation_slices,
)
from calame.training.slices import Slice
from calame.training.start import Place, begin_from, find_place


def training_stream(
    recipe: Recipe, shards: Mapping[str, Path], tokenizer: Tokenizer, context: int | None = None
) -> Loader:
    """The pretraining stream of a recipe: what `pretrain` reads and `calame trace` shows. In rows of another `context`
    the order of the text is the same, but for what is shuffled within a window."""
    pretrain, sources = recipe.pretrain, recipe.corpus.sources
    timeline = Timeline(context, context) if context else pretrain.timeline
    context, even = timeline.segments[-1].context, pretrain.order == "even"
    trained = {name: folder for name, folder in shards.items() if name not in recipe.corpus.ood}
    opened = open_shards(trained, "train", tokenizer)
    if pretrain.documents == "chunks":
        mixture = blend(pretrain, sources, opened, context, context)
        return ChunkLoader(opened, mixture, context, tokenizer.special.pad, recipe.seed, even)
    mixture = blend(pretrain, sources, opened, context)
    return Loader(opened, mixture, timeline, pretrain.documents == "masked", recipe.seed, even)


def pretrain(
    recipe: Recipe,
    shards: Mapping[str, Path],
    tokenizer_folder: Path,
    folder: Path,
    run: Path,
    peak_flops: float | None,
    watch: Callable[[Bench], Sequence[tuple[int, Observer]]] = lambda bench: (),
) -> None:
    """Train to `pretrain.tokens`, from the newest checkpoint in `folder` if there is one. watch: what else looks at the
    model on its way, every so many tokens."""
    keys, execution = recipe.pretrain, recipe.execution
    tokenizer = Tokenizer.load(tokenizer_folder)
    loader = training_stream(recipe, shards, tokenizer)
    start = _place(recipe, loader)
    loader.mixture.check(start.reads(keys.tokens)[1])
    bench = prepare(recipe, tokenizer, loader.masked)
    context = loader.context
    portion = bench.team.portion("pretrain.batch", math.gcd(*values_of(keys.batch)), context)
    bench.model.noise = Noise(keys.dropout, keys.dropout_twice, keys.layer_drop)
    loss = bench.loss(keys.label_smoothing, keys.objective)
    at_once = fit_micro_batch(bench, loss, loader, keys.optimizer, portion)
    _write_account(loader, *start.reads(keys.tokens), folder / "mixture.json")
    keep_tokenizer(tokenizer_folder, folder)
    every, model = execution.validate_every or keys.tokens, bench.model.config
    observers: list[tuple[int, Observer]] = [(every, _consumption(loader, start.origin.data))]
    slices: list[Slice] = []
    if is_headless(recipe):
        _say_headless(keys.objective, at_once)
        model = replace(model, vocab_size=at_once)  # states are multiplied by as many targets, and by no head
    else:
        slices = validation_slices(recipe, shards, tokenizer, context)
        # Validation text is always masked, as in the stage evaluation, whatever the rows that are trained on.
        asked = loss if loader.masked else replace(bench, masked=True).loss()
        measure = validation_observer(asked, slices, recipe.evaluation.mixed, at_once, bench.team)
        observers = [(every, measure), *observers, *watch(bench)]
    Trainer(
        folder,
        _plan(recipe, at_once, every, slices),
        bench.model,
        bench.device,
        loader,
        loss,
        Telemetry("pretrain", run, folder, sinks=Sinks(execution.telemetry, recipe.name, "pretrain", run, folder)),
        bench.identity,
        lambda position: flops_per_token(model, loader.timeline.at(position).context),
        peak_flops,
        observers,
        partial(begin_from, keys=keys.load) if keys.load else None,
        team=bench.team,
        graphed=bench.graphed,
    ).run()


def _say_headless(objective: str, at_once: int) -> None:
    """What the loss will mean, and what is not measured. at_once: tokens of a micro-batch, of one process."""
    first, floor = math.log(at_once + 1), "ln 2" if objective == LITERAL else "0"
    say(
        f"  loss: {objective}, over the targets of a micro-batch of {at_once:,} tokens: about {first:.3f} at first, "
        f"{floor} at best; to compare neither with another micro-batch's nor with cross-entropy"
    )
    say("  validation, generations and benchmarks in training: none, they ask a head, which is not trained here")


def _write_account(loader: Loader, first: int, last: int, path: Path) -> None:
    """Write it, unless it is there: for hundreds of millions of documents the orders of its epochs take minutes."""
    if not path.is_file() or (found := read_json(path)).get("from") != first or found.get("to") != last:
        write_json(path, account(loader, first, last))


def _place(recipe: Recipe, loader: Loader) -> Place:
    """Where the run begins. Raises `UserError` where text that is read on would be cut in the midst of a row."""
    keys = recipe.pretrain
    place = find_place(keys.load, loader.context)
    if place.origin.data and len(values_of(keys.context)) > 1:
        raise refuse(
            "pretrain.load.mode",
            "the text is read on, in a context that steps by token: rows would be cut where a step begins",
            "one context, or a mode with step, or one without data",
            f"pretrain.context={loader.context}",
        )
    return place


def _plan(recipe: Recipe, at_once: int, every: int, slices: Sequence[Slice]) -> Plan:
    """What the loop is told of a recipe. every: tokens from one validation to the next."""
    keys, execution = recipe.pretrain, recipe.execution
    best = _metric(recipe.select, [part.name for part in slices])
    return Plan(
        keys.tokens,
        keys.batch,
        keys.optimizer,
        keys.schedule,
        keys.clip,
        recipe.seed,
        at_once,
        execution.log_every,
        every if best else execution.save_every or keys.tokens,
        execution.keep,
        best or "val/mixed/loss",  # whatever is selected: a run that goes bad does not push its best one out
        execution.keep_every,
        execution.deadline,
        keys.guard,
    )


def _metric(rule: str, slices: Sequence[str]) -> str | None:
    """The metric of a rule `best:METRIC`. Raises `UserError`, before days of training, if it will not be measured."""
    if not rule.startswith("best:"):
        return None
    metric = rule.removeprefix("best:")
    measured = [f"val/{name}/{value}" for name in ("mixed", "micro", *slices) for value in ("loss", "bpb")]
    if metric not in measured:
        raise refuse("select", f"nothing is measured as {metric}", ", ".join(measured))
    return metric


def _consumption(loader: Loader, before: int) -> Observer:
    """data/SOURCE/tokens and /epochs: how much of each source has been read, with what the run it began from read
    `before` its own count."""
    sizes = {shard.name: sum(shard.tokens_by_language(loader.mixture.grain).values()) for shard in loader.shards}

    def observe(progress: Progress) -> dict[str, float]:
        read = by_source(read_before(loader, progress.position + before))
        values = {}
        for name, size in sizes.items():
            values[f"data/{name}/tokens"] = round(read.get(name, 0))
            values[f"data/{name}/epochs"] = round(read.get(name, 0) / max(size, 1), 4)
        return values

    return observe
