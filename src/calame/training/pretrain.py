"""Stage pretrain: the shards, in their mixture, through the loop.

checkpoints/step-XXXXXXXX/, metrics.jsonl, mixture.json (wanted and achieved shares by tenth), tokenizer/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from calame.model.config import flops_per_token
from calame.model.decoder import Noise
from calame.recipe.errors import refuse
from calame.recipe.schema import Recipe
from calame.run.files import write_json
from calame.run.telemetry import Telemetry
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.loop import Observer, Plan, Progress, Trainer
from calame.training.setup import fit_micro_batch, keep_tokenizer, open_shards, prepare, validation_observer
from calame.training.validate import slices_of


def training_stream(
    recipe: Recipe, shards: Mapping[str, Path], tokenizer: Tokenizer, context: int | None = None
) -> Loader:
    """The pretraining stream of a recipe: what `pretrain` reads and `calame trace` shows. In rows of another `context`
    the order of the text is the same, but for what is shuffled within a window."""
    pretrain = recipe.pretrain
    context = context or pretrain.context
    opened = open_shards(shards, "train", tokenizer)
    sizes = {shard.name: int(shard.starts[-1]) for shard in opened}
    mixture = Mixture(sizes, pretrain.mixture.weights, pretrain.mixture.epochs, context)
    return Loader(opened, mixture, context, pretrain.documents == "masked", recipe.seed)


def pretrain(
    recipe: Recipe,
    shards: Mapping[str, Path],
    tokenizer_folder: Path,
    folder: Path,
    run: Path,
    peak_flops: float | None,
) -> None:
    """Train to `pretrain.tokens`, from the newest checkpoint in `folder` if there is one."""
    keys, execution = recipe.pretrain, recipe.execution
    tokenizer = Tokenizer.load(tokenizer_folder)
    loader = training_stream(recipe, shards, tokenizer)
    loader.mixture.check(keys.tokens, keys.mixture.epochs)
    bench = prepare(recipe, tokenizer, loader.masked)
    loss = bench.loss(Noise(keys.dropout, keys.dropout_twice, keys.layer_drop), keys.label_smoothing)
    at_once = fit_micro_batch(bench, loss, loader, keys.optimizer, keys.batch)
    write_json(folder / "mixture.json", _mixture(loader.mixture, keys.tokens))
    keep_tokenizer(tokenizer_folder, folder)
    special = tokenizer.special
    slices = slices_of(
        open_shards(shards, "validation", tokenizer),
        keys.context,
        special.eos,
        special.pad,
        execution.validation_tokens,
    )
    every = execution.validate_every or keys.tokens
    best = _metric(recipe.select, [part.name for part in slices])
    plan = Plan(
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
        best,
    )
    Trainer(
        folder,
        plan,
        bench.model,
        bench.device,
        loader,
        loss,
        Telemetry("pretrain", run, folder),
        bench.identity,
        flops_per_token(bench.model.config, keys.context),
        peak_flops,
        [(every, validation_observer(loss, slices, at_once)), (every, _consumption(loader.mixture))],
    ).run()


def _metric(rule: str, slices: Sequence[str]) -> str | None:
    """The metric of a rule `best:METRIC`. Raises `UserError`, before days of training, if it will not be measured."""
    if not rule.startswith("best:"):
        return None
    metric = rule.removeprefix("best:")
    measured = [f"val/{name}/{value}" for name in ("mixed", "micro", *slices) for value in ("loss", "bpb")]
    if metric not in measured:
        raise refuse("select", f"nothing is measured as {metric}", ", ".join(measured))
    return metric


def _consumption(mixture: Mixture) -> Observer:
    """data/SOURCE/tokens and /epochs: how much of each source has been read."""

    def observe(progress: Progress) -> dict[str, float]:
        values = {}
        for (name, tokens), size in zip(mixture.read_before(progress.position).items(), mixture.sizes, strict=True):
            values[f"data/{name}/tokens"] = round(tokens)
            values[f"data/{name}/epochs"] = round(tokens / max(size, 1), 4)
        return values

    return observe


def _mixture(mixture: Mixture, tokens: int) -> dict:
    return {
        "window": mixture.window,
        "sizes": dict(zip(mixture.names, mixture.sizes, strict=True)),
        "wanted": mixture.weights,
        "tenths": [{name: round(share, 5) for name, share in tenth.items()} for tenth in mixture.tenths(tokens)],
    }
