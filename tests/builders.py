"""Small things that the tests of several rooms build: texts, tokenizers, models, gathered corpora, shards, recipes."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when transformers is imported

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from calame.corpus.gather import gather
from calame.corpus.join import join
from calame.corpus.read import SourceReader
from calame.inference.load import Loaded
from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.model.device import Device, choose_device
from calame.model.huggingface import to_config, to_weights
from calame.recipe.corpus import Source, ValidationText
from calame.recipe.derive import derive
from calame.recipe.schema import Optimizer, Recipe, Schedule
from calame.run.telemetry import Telemetry
from calame.shards.read import Shard
from calame.shards.rows import IGNORE, Rows, lay_out
from calame.shards.windows import Windows
from calame.shards.write import write_shards
from calame.tokenizer.policy import CHATML, KLOVIS, ChatFormat
from calame.tokenizer.tokenizer import Tokenizer
from calame.tokenizer.train import train
from calame.training.batch import Data, LossFunction
from calame.training.loop import Observer, Plan, Progress, Trainer
from calame.training.pretrain import pretrain
from calame.training.slices import Slice

torch.set_num_threads(1)  # small tensors on few cores; and the same sums whatever the machine

WORDS = {
    "fr": "le la les mer arbre été où ça l'enfant chante dans forêt bleue soleil lune petit grand Élise mange pomme",
    "it": "il la gli mare albero è perché l'amico canta nel bosco azzurro sole luna piccolo grande Elisa mangia mela",
    "en": "the a sea tree summer where that's child sings in forest blue sun moon little big Elisa eats apple",
}


def texts(number: int, seed: int = 0, language: str = "fr", words: tuple[int, int] = (5, 60)) -> list[str]:
    """So many different texts of so many words."""
    draw = random.Random(f"{seed}/{language}")
    lexicon = WORDS[language].split()
    return [
        " ".join(draw.choice(lexicon) for _ in range(draw.randint(*words))).capitalize() + f" ({seed}.{i})."
        for i in range(number)
    ]


CHATS = {
    "chatml": CHATML,
    "klovis": KLOVIS,
    "own": ChatFormat("own", {"system": "<|règle|>", "user": "[moi]", "assistant": "<toi>"}, "<|fin|>"),
}


@cache
def tokenizer_of(kind: str = "byte-bpe", vocabulary: int = 330, chat: str = "chatml") -> Tokenizer:
    """A tokenizer of the kind trained on French, Italian and English; the same object at each call. chat: one of
    CHATS."""
    lines = iter([*texts(200), *texts(200, language="it"), *texts(200, language="en")])
    return train(kind, vocabulary, lines, CHATS[chat])


def config_of(**changes: Any) -> ModelConfig:
    """A tiny grouped-query model over the tiny tokenizer's vocabulary."""
    return replace(ModelConfig(330, 32, 2, 4, 2, 8, 48, 64, 10_000.0, 1e-5, True, 0.02), **changes)


def decoder_of(seed: int = 0, spread: float = 0.2, **changes: Any) -> Decoder:
    """A model with random weights; `spread` is large enough for logits that differ clearly."""
    model = Decoder(config_of(initializer_range=spread, **changes)).eval()
    model.initialise(seed)
    return model


def cpu() -> Device:
    return choose_device("cpu")


def loaded_of(model: Decoder | ScriptedModel, tokenizer: Tokenizer | None = None, tuned: bool = True) -> Loaded:
    return Loaded(model, tokenizer or tokenizer_of(), cpu(), tuned, "a test")


@dataclass(frozen=True)
class Gathered:
    """Folders of a corpus: one a source, and the joined one."""

    sources: dict[str, Path]
    joined: Path


def corpus_of(
    folder: Path,
    sources: Mapping[str, Sequence[Mapping[str, Any]]],
    languages: Sequence[str] = ("fr",),
    share: float = 0.1,
) -> Gathered:
    """Rows (text, and language where there are several) of each source, read and joined as the road does."""
    gathered = {}
    for name, rows in sources.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")
        gathered[name] = folder / "corpus" / name
        gathered[name].mkdir(parents=True)
        gather(SourceReader(name, Source.model_validate({"from": str(path)}), languages, 1), gathered[name])
    joined = folder / "corpus-joined"
    joined.mkdir()
    join(gathered, ValidationText(share=share), joined)
    return Gathered(gathered, joined)


def rows_of(lines: Sequence[str], language: str = "fr") -> list[dict[str, str]]:
    return [{"text": text, "language": language} for text in lines]


def shards_of(folder: Path, gathered: Gathered, tokenizer: Tokenizer) -> dict[str, Path]:
    """The shard folders of a gathered corpus, by source."""
    found = {}
    for name, source in gathered.sources.items():
        found[name] = folder / "shards" / name
        found[name].mkdir(parents=True)
        write_shards(name, source, gathered.joined, tokenizer, found[name])
    return found


def fake_shard(
    name: str, lengths: Sequence[int], first: int = 0, vocabulary: int = 60_000, languages: Sequence[str] = ("fr",)
) -> Shard:
    """A shard in memory: documents of given lengths whose tokens count upwards from `first`, so that each is known;
    their languages are the given ones in turn."""
    shard = Shard.__new__(Shard)
    shard.name, shard.languages = name, sorted(set(languages))
    shard.tokens = ((first + np.arange(sum(lengths))) % vocabulary).astype(np.uint16)
    shard.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shard.index = np.zeros(len(lengths), [("hash", "V16"), ("bytes", "u4"), ("language", "u1")])
    shard.index["language"] = [shard.languages.index(languages[n % len(languages)]) for n in range(len(lengths))]
    shard.index["hash"] = [number.to_bytes(16, "big") for number in range(len(lengths))]
    return shard


def recipe_of(**changes: Any) -> Recipe:
    """A derived recipe for the tiny model; `changes` are whole sections, or values of sections as SECTION__KEY."""
    data: dict[str, Any] = {
        "name": "essai",
        "languages": ["fr"],
        "corpus": {"sources": {"a": {"from": "nowhere"}}},
        "tokenizer": {"vocabulary": 330},
        "model": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 48,
        },
        "pretrain": {"tokens": 2048, "batch": 256, "context": 64},
        "execution": {"device": "cpu", "threads": 1, "compile": "off"},
    }
    for key, value in changes.items():
        at = data
        *path, last = key.split("__")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return derive(Recipe.model_validate(data))[0]


def random_rows(number: int, context: int, seed: int = 0, vocabulary: int = 330) -> Rows:
    """Masked rows of random documents of random lengths."""
    draw = np.random.default_rng(seed)
    total = number * context
    cuts = np.unique(draw.integers(1, total, 3 * number))
    lengths = np.diff(np.concatenate([[0], cuts, [total]]))
    return lay_out(draw.integers(6, vocabulary, total), lengths, context, True)


def slice_of(name: str, rows: Rows, size: int = 500) -> Slice:
    """A validation slice of these rows, as if they were of three documents of so many bytes."""
    owners = np.where(rows.targets != IGNORE, rows.documents % 3, -1)
    return Slice(name, Windows(rows, owners), np.full(3, size), 2, name)


class RandomData:
    """Training data without a corpus: rows of random documents, cut in two; a function of position."""

    masked = True

    def __init__(self, context: int = 16, vocabulary: int = 330, seed: int = 0):
        self.context, self.vocabulary, self.seed = context, vocabulary, seed

    def batch(self, position: int, tokens: int) -> Rows:
        return Rows.join([self._row(position + start) for start in range(0, tokens, self.context)])

    def _row(self, position: int) -> Rows:
        draw = np.random.default_rng([self.seed, position])
        cut = int(draw.integers(1, self.context))
        tokens = draw.integers(6, self.vocabulary, self.context)
        return lay_out(tokens, np.array([cut, self.context - cut]), self.context, True)


class ScriptedModel:
    """In the place of a model: after the prompt it reads as the n-th it says the n-th list of its script (after the
    last, the first again), in a circle. It notes a row's list, and how far it is, where a model keeps keys. pace:
    seconds of a pass, at least."""

    def __init__(self, script: Sequence[Sequence[int]], config: ModelConfig | None = None, pace: float = 0.0):
        self.script, self.config, self.pace, self.asked = script, config or config_of(), pace, 0
        self.head = torch.zeros(0)
        self.read: list[list[int]] = []  # the ids of the first row in each pass

    def __call__(self, tokens: Tensor, positions: Tensor | None = None, cache: Any = None) -> Tensor:
        self.read.append(tokens[0].tolist())
        time.sleep(self.pace)
        which, said = cache.keys[0, :, 0, 0, 0], cache.values[0, :, 0, 0, 0]
        if positions is None:
            which.copy_(torch.arange(self.asked, self.asked + len(tokens)) % len(self.script))
            self.asked += len(tokens)
            said.zero_()
        hidden = torch.zeros(*tokens.shape, self.config.vocab_size)
        for row, ids in enumerate(self.script[int(number)] for number in which):
            hidden[row, :, ids[int(said[row]) % len(ids)]] = 100.0
        said += 1
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden


def transformers_twin(model: Decoder) -> Any:
    """The same weights in the stock class of `transformers`."""
    values = to_config(model.config, "float32", {})
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**values)).eval()
    weights = to_weights(model.state_dict(), model.config)
    if model.config.tie_word_embeddings:
        weights["lm_head.weight"] = model.head
    theirs.load_state_dict(weights)
    return theirs


def plan_of(**changes: Any) -> Plan:
    """Eight steps of four rows of 16 tokens, two rows at once, saved and logged often."""
    plan = Plan(
        tokens=8 * 64,
        batch=64,
        optimizer=Optimizer(learning_rate=1e-2),
        schedule=Schedule(warmup=100),
        clip=1.0,
        seed=1,
        micro_batch=32,
        log_every=1,
        save_every=128,
        keep=3,
    )
    return replace(plan, **changes)


def trainer_of(folder: Path, plan: Plan | None = None, data: Data | None = None, **changes: Any) -> Trainer:
    """A freshly initialised tiny model about to be trained in a folder, or to go on there."""
    model = decoder_of(1, spread=0.1)
    values: dict[str, Any] = {
        "folder": folder,
        "plan": plan or plan_of(),
        "model": model,
        "device": cpu(),
        "data": data or RandomData(),
        "loss": LossFunction(model, cpu(), True, "dense", False),
        "telemetry": Telemetry("pretrain", folder),
        "identity": {"tokenizer": "a", "model": model.config.to_json()},
        **changes,
    }
    return Trainer(**values)


class Stop(Exception):
    """Stands for whatever ends a run between two steps."""


def stop_at(step: int) -> Observer:
    """An observer that stops the run at a step."""

    def observe(progress: Progress) -> dict[str, Any]:
        if progress.step == step:
            raise Stop
        return {}

    return observe


def pretrain_on(wanted: Recipe, shards: Mapping[str, Path], folder: Path) -> None:
    """The stage pretrain on shard folders by source, with the tokenizer's among them."""
    sources = {name: path for name, path in shards.items() if name != "tokenizer"}
    folder.mkdir(parents=True, exist_ok=True)
    pretrain(wanted, sources, shards["tokenizer"], folder, folder.parent / "run", None)
