"""Stage sft: conversations on the one loop, from the selected checkpoint.

checkpoints/, metrics.jsonl, conversations.json (what was read, used, cut and refused, with reasons), tokenizer/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from calame.corpus.decisions import TRAIN
from calame.corpus.document import Document
from calame.corpus.kept import read_kept
from calame.model.config import flops_per_token
from calame.recipe.errors import refuse
from calame.recipe.schema import Recipe
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.files import write_json
from calame.run.progress import say
from calame.run.sinks import Sinks
from calame.run.telemetry import Telemetry
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.loop import Plan, Trainer
from calame.training.pretrain import training_stream
from calame.training.setup import (
    fit_micro_batch,
    keep_tokenizer,
    prepare,
    validation_observer,
    validation_slices,
)
from calame.tuning.conversations import Conversation, Unusable, read_conversations
from calame.tuning.data import ConversationData
from calame.tuning.encode import Example, encode
from calame.tuning.own_text import from_own_text


def tune(
    recipe: Recipe, before: Mapping[str, Path], start: Path, folder: Path, run: Path, peak_flops: float | None
) -> None:
    """Tune the checkpoint `start` on the recipe's conversations. `before`: folders of the stages before, by name."""
    keys, execution = recipe.sft, recipe.execution
    assert keys is not None and keys.batch and keys.context and keys.optimizer
    tokenizer = Tokenizer.load(before["tokenizer"])
    examples = gather_examples(recipe, before, tokenizer, folder)
    shards = {name: before[f"shards/{name}"] for name in recipe.corpus.sources}
    data = _data(recipe, examples, shards, tokenizer, checkpoint.read_state(start)["progress"]["position"])
    tokens = data.tokens(keys.epochs, keys.batch)
    bench = prepare(recipe, tokenizer, masked=True)
    tensors, _ = checkpoint.load(start)
    bench.model.load_state_dict(tensors["model"])
    flops = flops_per_token(bench.model.config, keys.context)
    portion = bench.team.portion("sft.batch", keys.batch, keys.context)
    loss = bench.loss()
    at_once = fit_micro_batch(bench, loss, data, keys.optimizer, portion)
    keep_tokenizer(before["tokenizer"], folder)
    slices = validation_slices(recipe, shards, tokenizer, keys.context)
    say(
        f"  tuning on {say_count(tokens)} tokens: {len(examples):,} conversations, {keys.epochs:g} times, "
        f"{keys.replay:.0%} replayed text; rate {keys.optimizer.learning_rate:g}"
    )
    plan = Plan(
        tokens,
        keys.batch,
        keys.optimizer,
        keys.schedule,
        keys.clip,
        recipe.seed,
        at_once,
        execution.log_every,
        max(tokens // 4, keys.batch),
        execution.keep,
        deadline=execution.deadline,
    )
    stage = f"sft/{keys.name}"
    measure = validation_observer(loss, slices, recipe.evaluation.mixed, at_once, bench.team)
    Trainer(
        folder,
        plan,
        bench.model,
        bench.device,
        data,
        loss,
        Telemetry(stage, run, folder, sinks=Sinks(execution.telemetry, recipe.name, stage, run, folder)),
        bench.identity,
        lambda position: flops,
        peak_flops,
        [(max(tokens // 2, keys.batch), measure)],
        team=bench.team,
        graphed=bench.graphed,
    ).run()


def _data(
    recipe: Recipe, examples: list[Example], shards: Mapping[str, Path], tokenizer: Tokenizer, seen: int
) -> ConversationData:
    """The conversations, and replayed text that goes on where pretraining left off, after `seen` tokens."""
    keys = recipe.sft
    assert keys is not None and keys.context
    if not keys.replay:
        return ConversationData(examples, keys.context, recipe.seed)
    stream = training_stream(recipe, shards, tokenizer, keys.context)
    capacity = stream.mixture.capacity
    if not capacity:
        raise refuse("sft.replay", f"the text is shorter than a row of {keys.context} tokens", remedy="sft.replay=0")
    begin = seen // keys.context * keys.context
    return ConversationData(examples, keys.context, recipe.seed, stream, keys.replay, begin, capacity)


def gather_examples(recipe: Recipe, before: Mapping[str, Path], tokenizer: Tokenizer, folder: Path) -> list[Example]:
    """All usable conversations as tokens; what was not usable is counted with its reason in conversations.json."""
    assert recipe.sft is not None and recipe.sft.context
    examples: list[Example] = []
    ledger = {}
    for name in recipe.sft.conversations:
        read, cut, refused = 0, 0, Counter[str]()
        first: dict[str, str] = {}
        for item in _conversations(recipe, name, before):
            read += 1
            if isinstance(item, Unusable):
                refused[item.reason] += 1
                first.setdefault(item.reason, item.place)
            elif (example := encode(item, tokenizer, recipe.sft.context)) is None:
                refused["no answer fits into the context"] += 1
            else:
                examples.append(example)
                cut += example.cut > 0
        used = read - refused.total()
        ledger[name] = {"read": read, "used": used, "cut at a turn": cut, "refused": dict(refused)}
        for reason, number in refused.items():
            where = f", the first at {first[reason]}" if reason in first else ""
            say(f"  {name}: {number} conversations refused, {reason}{where}")
    write_json(folder / "conversations.json", ledger)
    if not examples:
        reasons = "; ".join(reason for part in ledger.values() for reason in part["refused"]) or "nothing in them"
        raise refuse(
            "sft.conversations",
            f"no conversation can be used ({reasons})",
            'rows like {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", ...}]}',
        )
    return examples


def _conversations(recipe: Recipe, name: str, before: Mapping[str, Path]) -> Iterator[Conversation | Unusable]:
    assert recipe.sft is not None
    keys = recipe.sft.conversations[name]
    if keys.location != "own-text":
        return read_conversations(name, keys, recipe.languages, recipe.seed)
    return from_own_text(_training_documents(recipe, before), recipe.seed, keys.limit)


def _training_documents(recipe: Recipe, before: Mapping[str, Path]) -> Iterator[Document]:
    for source in recipe.corpus.sources:
        for _, split, document in read_kept(before[f"corpus/{source}"], before["corpus"], source):
            if split == TRAIN:
                yield document
