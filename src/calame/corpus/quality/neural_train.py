"""Train a neural classifier: from an encoder of the hub or of a folder, or from scratch with a configuration and a
tokenizer of one's own (`calame run` leaves one in its run folder)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.corpus.quality.labelled import Examples
from calame.corpus.quality.neural import TOKENIZER, NeuralScorer, quiet
from calame.corpus.quality.scorer import ABOUT, read_about
from calame.recipe.errors import refuse
from calame.run.files import read_json
from calame.run.progress import Bar

WARMUP = 0.06  # of the steps; RoBERTa's share for fine-tuning (Liu et al. 2019)
POOL = 50  # batches whose rows are sorted by length together
AROUND = ("first", "last", "pad")  # the tokens before and after a text, and beyond it
OURS = {"first": "<s>", "last": "</s>", "pad": "<pad>"}  # in a tokenizer of `calame run`
OFFSET_KINDS = ("roberta", "camembert")  # families whose positions begin after the padding token's id


@dataclass(frozen=True)
class Plan:
    """How to train. `model`: hub id or folder of an encoder; else `config` (a JSON file of shapes, as hidden_size) and
    `tokenizer` (a folder or file tokenizer.json) for one from scratch. The learning rate rises, then falls to 0."""

    model: str = ""
    config: str = ""
    tokenizer: str = ""
    length: int = 512
    epochs: int = 3
    batch: int = 32  # documents
    learning_rate: float = 0.0  # 0: the usual one, 2e-5 for an encoder that was trained, 5e-4 from scratch
    seed: int = 0
    device: str = "auto"

    @property
    def rate(self) -> float:
        return self.learning_rate or (2e-5 if self.model else 5e-4)


def train_neural(examples: Examples, plan: Plan) -> NeuralScorer:
    """Trained by cross-entropy on the grades. Raises `UserError` for an encoder that cannot be had."""
    import torch

    from calame.model.device import choose_device

    quiet()
    torch.manual_seed(plan.seed)
    model, engine, about = _pretrained(plan, examples.names) if plan.model else _scratch(plan, examples.names)
    model = model.to(choose_device(plan.device).torch).train()
    about |= {"kind": "neural", "grades": examples.names, "seed": plan.seed, "epochs": plan.epochs, "rate": plan.rate}
    scorer = NeuralScorer(model, engine, about)
    rows = scorer.encode(examples.texts)
    steps = plan.epochs * -(-len(rows) // plan.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=0.01)
    rise = max(1, round(WARMUP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (steps - step) / max(1, steps - rise))
    )
    grades = torch.from_numpy(examples.grades).to(scorer.device)
    draw = random.Random(plan.seed)
    with Bar("classifier", plan.epochs * len(rows), "documents") as bar:
        for _ in range(plan.epochs):
            for batch in _shuffled([len(row) for row in rows], plan.batch, draw):
                loss = torch.nn.functional.cross_entropy(scorer.logits([rows[i] for i in batch]).float(), grades[batch])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
                bar.advance(len(batch), f"loss {loss.item():.3f}")
    model.eval()
    return scorer


def _shuffled(lengths: list[int], size: int, draw: random.Random) -> Iterator[list[int]]:
    """Batches of `size` positions in random order, each of rows about equally long."""
    order = list(range(len(lengths)))
    draw.shuffle(order)
    pools = [order[begin : begin + POOL * size] for begin in range(0, len(order), POOL * size)]
    sliced = []
    for pool in pools:
        pool.sort(key=lambda i: lengths[i])
        sliced += [pool[begin : begin + size] for begin in range(0, len(pool), size)]
    draw.shuffle(sliced)
    yield from sliced


def _pretrained(plan: Plan, grades: list[str]) -> tuple[Any, Any, dict[str, Any]]:
    """An encoder that was trained, with a head for the grades; its tokenizer, and what scoring must know of both."""
    from transformers import AutoModelForSequenceClassification

    try:
        engine, ids = _tokenizer_of(plan.model)
        model = AutoModelForSequenceClassification.from_pretrained(
            plan.model, num_labels=len(grades), use_safetensors=True, ignore_mismatched_sizes=True
        )
    except (OSError, ValueError, AttributeError) as error:
        raise refuse(
            "--model",
            f"{plan.model}: {' '.join(str(error).split())[:300]}",
            "a hub id (with a network), or a folder with config.json, model.safetensors and a fast tokenizer",
        ) from None
    if None in ids.values():
        raise refuse("--model", f"{plan.model}: its tokenizer has no cls, sep and pad tokens", "an encoder, e.g. XLM-R")
    room: int = model.config.max_position_embeddings
    if any(kind in model.config.model_type for kind in OFFSET_KINDS):
        room -= ids["pad"] + 1
    return model, engine, {**ids, "length": min(plan.length, room), "began as": plan.model}


def _tokenizer_of(model: str) -> tuple[Any, dict[str, Any]]:
    """The tokenizer of a hub id or folder, and the ids of the tokens around a text. One of ours says its own."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    if (Path(model) / ABOUT).is_file():
        about = read_about(Path(model), "--model", "neural")
        return Tokenizer.from_file(str(Path(model) / TOKENIZER)), {name: about[name] for name in AROUND}
    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    ids = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
    return tokenizer.backend_tokenizer, dict(zip(AROUND, ids, strict=True))


def _scratch(plan: Plan, grades: list[str]) -> tuple[Any, Any, dict[str, Any]]:
    """A new XLM-R of the shape that the configuration gives, over a tokenizer of ours."""
    from tokenizers import Tokenizer
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    for option, given in (("--config", plan.config), ("--tokenizer", plan.tokenizer)):
        if not given or not Path(given).exists():
            raise refuse(
                option, f"{given or 'missing'}: no such file or folder", "--model, or --config and --tokenizer"
            )
    shape = read_json(Path(plan.config))
    place = Path(plan.tokenizer)
    engine = Tokenizer.from_file(str(place / TOKENIZER if place.is_dir() else place))
    ids: dict[str, Any] = {name: engine.token_to_id(OURS[name]) for name in AROUND}
    if None in ids.values():
        raise refuse("--tokenizer", f"{plan.tokenizer}: lacks a special token", "<pad>, <s> and </s>, as ours have")
    config = XLMRobertaConfig(
        **{
            **shape,
            "vocab_size": max(engine.get_vocab(with_added_tokens=True).values()) + 1,
            "max_position_embeddings": plan.length + ids["pad"] + 1,
            "type_vocab_size": 1,
            "num_labels": len(grades),
            "pad_token_id": ids["pad"],
            "bos_token_id": ids["first"],
            "eos_token_id": ids["last"],
        }
    )
    return XLMRobertaForSequenceClassification(config), engine, {**ids, "length": plan.length, "began as": "scratch"}
