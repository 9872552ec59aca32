"""The policy that nothing begins with BOS (as RODIN's stream): part of the tokenizer, and the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pytest import fixture, mark, raises
from transformers import AutoTokenizer

from builders import corpus_of, decoder_of, loaded_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.inference.load import load_any
from calame.recipe.errors import UserError
from calame.recipe.schema import Tokenizer as Keys
from calame.release.huggingface import export
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.shards.rows import IGNORE
from calame.tokenizer.prepare import prepare
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.pretrain import training_stream
from calame.tuning.encode import encode
from calame.tuning.messages import Conversation

CHAT = [{"role": "user", "content": "l'été ?"}, {"role": "assistant", "content": "la mer"}]


@fixture(params=("byte-bpe", "sentencepiece-bpe"))
def pair(request: Any) -> tuple[Tokenizer, Tokenizer]:
    """A tokenizer under either policy."""
    return tokenizer_of(request.param), tokenizer_of(request.param).without_bos()


def test_all_that_changes_is_the_beginning(pair: tuple[Tokenizer, Tokenizer], tmp_path: Path) -> None:
    usual, without = pair
    bos = [usual.special.bos]
    assert usual.prompt("la mer") == bos + without.prompt("la mer")
    assert usual.chat(CHAT) == bos + without.chat(CHAT)
    assert usual.hash != without.hash, "shards and checkpoints of the one are refused by the other"
    without.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert (again.hash, again.prompt("la mer")) == (without.hash, without.prompt("la mer"))
    with raises(UserError, match="prompt: empty"):
        without.prompt("")


def test_conversations_learn_the_same_tokens(pair: tuple[Tokenizer, Tokenizer]) -> None:
    examples = [encode(Conversation(tuple(CHAT), "here"), tokenizer, 64) for tokenizer in pair]
    assert examples[0] is not None and examples[1] is not None
    assert examples[0].tokens[1:].tolist() == examples[1].tokens.tolist()
    assert examples[0].targets[1:].tolist() == examples[1].targets.tolist()


def test_the_stream_is_text_and_eos_alone_as_rodins(tmp_path: Path) -> None:
    """Its stream: the documents' ids with EOS between them, cut into windows whose targets are the next token."""
    corpus, without = corpus_of(tmp_path, {"a": rows_of(texts(80))}), tokenizer_of().without_bos()
    folders = shards_of(tmp_path, corpus, without)
    shard = Shard(folders["a"], "train", without)
    flat, special = np.asarray(shard.tokens), without.special
    assert special.bos not in flat and (flat == special.eos).sum() == shard.documents
    decoded = [without.decode(flat[a:b].tolist()) for a, b in zip(shard.starts, shard.starts[1:], strict=False)]
    assert set(decoded) <= set(texts(80)) and len(decoded) > 60
    stream = training_stream(recipe_of(pretrain__documents="stream", pretrain__order="lot"), folders, without)
    rows = stream.batch(0, stream.mixture.window)
    read = rows.tokens.reshape(-1)
    assert rows.targets.reshape(-1)[:-1].tolist() == read[1:].tolist() and special.bos not in read
    assert without.prompt("la mer")[0] == without.encode("la mer")[0], "a prompt begins as a document does"
    usual = tmp_path / "usual"
    default = Shard(shards_of(usual, corpus, tokenizer_of())["a"], "train", tokenizer_of())
    assert (np.asarray(default.tokens) == special.bos).sum() == shard.documents, "our default begins each document"
    assert (rows.targets == IGNORE).sum() == 1


@mark.parametrize("policy", ("none", None))
def test_the_recipes_key_makes_it_so(policy: Any, tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"a": rows_of(texts(200))})
    prepare(Keys(vocabulary=300, bos=policy), corpus.sources, corpus.joined, tmp_path / "made")
    made = Tokenizer.load(tmp_path / "made")
    assert made.beginning == ([] if policy == "none" else [made.special.bos])
    assert read_json(tmp_path / "made" / "about.json").get("bos") == policy


def test_an_export_begins_as_training_did_and_is_read_back_so(
    pair: tuple[Tokenizer, Tokenizer], tmp_path: Path
) -> None:
    _, without = pair
    export(loaded_of(decoder_of(3), without), tmp_path / "out", "float32")
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert theirs("la mer")["input_ids"] == without.prompt("la mer")
    found = theirs.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert list(found) == without.chat(CHAT)
    assert load_any(str(tmp_path / "out"), device="cpu").tokenizer.prompt("la mer") == without.prompt("la mer")
