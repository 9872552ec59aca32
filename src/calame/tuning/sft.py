"""Stage sft: conversations on the one loop, from the selected checkpoint.

checkpoints/, metrics.jsonl, conversations.json (what was read, used, cut and left out, with reasons), examples.npz,
tokenizer/; with LoRA adapter/checkpoints/ (the adapters alone) and in checkpoints/ the merged model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from calame.model.config import flops_per_token
from calame.recipe.derive import default_warmup
from calame.recipe.errors import refuse
from calame.recipe.schema import Recipe
from calame.recipe.tuning import Lora
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.progress import say
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.loop import Plan, Trainer
from calame.training.pretrain import training_stream
from calame.training.setup import Bench, fit_micro_batch, keep_tokenizer, validation_observer, validation_slices
from calame.tuning.data import Group, PackedData
from calame.tuning.gather import gather_examples
from calame.tuning.kept import kept
from calame.tuning.lora import add_adapters, merged_weights
from calame.tuning.prepare import begin, plan_of, telemetry_of


def tune(
    recipe: Recipe, before: Mapping[str, Path], start: Path, folder: Path, run: Path, peak_flops: float | None
) -> None:
    """Tune the checkpoint `start` on the recipe's conversations. `before`: folders of the stages before, by name."""
    keys = recipe.sft
    assert keys is not None and keys.batch and keys.context and keys.optimizer
    tokenizer = Tokenizer.load(before["tokenizer"])
    groups = kept(folder, partial(gather_examples, recipe, before, tokenizer, folder))
    shards = {name: before[f"shards/{name}"] for name in recipe.corpus.sources}
    data = _data(recipe, groups, shards, tokenizer, checkpoint.read_state(start)["progress"]["position"])
    bench = begin(recipe, tokenizer, start)
    if keys.lora:
        _adapt(bench, keys.lora)
    flops = flops_per_token(bench.model.config, keys.context)
    portion = bench.team.portion("sft.batch", keys.batch, keys.context)
    loss = bench.loss()
    at_once = fit_micro_batch(bench, loss, data, keys.optimizer, portion)
    keep_tokenizer(before["tokenizer"], folder)
    slices = validation_slices(recipe, shards, tokenizer, keys.context)
    plan = plan_of(recipe, keys, data.tokens(keys.epochs, keys.batch), at_once)
    say(
        f"  tuning on {say_count(plan.tokens)} tokens: {len(groups):,} conversations, {keys.epochs:g} times, "
        f"{keys.replay:.0%} replayed text; rate {keys.optimizer.learning_rate:g} after "
        f"{say_count(_warmup(plan))} tokens of warm-up"
    )
    measure = validation_observer(loss, slices, recipe.evaluation.mixed, at_once, bench.team)
    Trainer(
        folder / "adapter" if keys.lora else folder,
        plan,
        bench.model,
        bench.device,
        data,
        loss,
        telemetry_of(recipe, f"sft/{keys.name}", folder, run),
        bench.identity,
        lambda position: flops,
        peak_flops,
        [(max(plan.tokens // 2, keys.batch), measure)],
        team=bench.team,
        graphed=bench.graphed,
    ).run()
    if keys.lora and bench.team.chief:
        _merge(bench, folder)


def _warmup(plan: Plan) -> int:
    return default_warmup(plan.tokens) if plan.schedule.warmup is None else plan.schedule.warmup


def _data(
    recipe: Recipe, groups: Sequence[Group], shards: Mapping[str, Path], tokenizer: Tokenizer, seen: int
) -> PackedData:
    """The conversations, and replayed text that goes on where pretraining left off, after `seen` tokens."""
    keys = recipe.sft
    assert keys is not None and keys.context
    if not keys.replay:
        return PackedData(groups, keys.context, recipe.seed)
    stream = training_stream(recipe, shards, tokenizer, keys.context)
    capacity = stream.mixture.capacity
    if not capacity:
        raise refuse("sft.replay", f"the text is shorter than a row of {keys.context} tokens", remedy="sft.replay=0")
    begins = seen // keys.context * keys.context
    replay = {"replay": stream, "share": keys.replay, "replay_from": begins, "replay_tokens": capacity}
    return PackedData(groups, keys.context, recipe.seed, **replay)


def _adapt(bench: Bench, keys: Lora) -> None:
    if bench.team.size > 1 and bench.team.mode != "ddp":
        found = f"the model lies in parts over the processes ({bench.team.mode})"
        raise refuse("sft.lora", found, remedy="execution.parallel=ddp, or leave lora out")
    learnt = add_adapters(bench.model, keys, bench.recipe.seed)
    say(f"  adapters of rank {keys.rank}: {say_count(learnt)} parameters learn, all others are frozen")


def _merge(bench: Bench, folder: Path) -> None:
    """A whole model beside the adapters, for all that reads a tuned model."""
    newest = checkpoint.newest_valid(folder / "adapter" / "checkpoints")
    assert newest is not None
    state = checkpoint.read_state(newest)
    written = checkpoint.newest_valid(folder / "checkpoints")
    if written is None or written.name != newest.name:
        step = state["progress"]["step"]
        checkpoint.save(folder / "checkpoints", step, {"model": merged_weights(bench.model)}, state)
    say(f"  adapters merged into checkpoints/{newest.name}; alone they are in adapter/checkpoints")
