"""Validation: losses and bits per byte against plain computations with `transformers`, and how slices are cut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from pytest import approx, fixture, mark

from builders import Gathered, corpus_of, cpu, decoder_of, rows_of, shards_of, texts, tokenizer_of, transformers_twin
from calame.model.decoder import Decoder
from calame.shards.read import Shard
from calame.shards.rows import IGNORE
from calame.training.batch import LossFunction
from calame.training.validate import Slice, slices_of, validate

CONTEXT = 64


@fixture(scope="module")
def corpus(tmp_path_factory: Any) -> Gathered:
    a = [*rows_of(texts(60)), *rows_of(texts(40, language="it"), "it")]
    return corpus_of(tmp_path_factory.mktemp("corpus"), {"a": a, "b": rows_of(texts(40, 1))}, ("fr", "it"), 0.2)


@fixture(scope="module")
def shards(corpus: Gathered, tmp_path_factory: Any) -> list[Shard]:
    folders = shards_of(tmp_path_factory.mktemp("shards"), corpus, tokenizer_of())
    return [Shard(folder, "validation", tokenizer_of()) for folder in folders.values()]


def loss_of(model: Decoder) -> LossFunction:
    return LossFunction(model, cpu(), True, "dense", False)


def plainly(model: Decoder, ids: list[int], context: int) -> tuple[list[float], list[int]]:
    """nats of each token but the first by `transformers`, the text cut into rows of `context`; and these tokens."""
    theirs = transformers_twin(model)
    nats: list[float] = []
    for start in range(0, len(ids), context):
        row, following = torch.tensor([ids[start : start + context]]), ids[start + 1 : start + context + 1]
        with torch.no_grad():
            surprise = -theirs(row).logits[0].log_softmax(-1)
        nats += [surprise[place, token].item() for place, token in enumerate(following)]
    return nats, ids[1:]


def one_document(text: str, context: int) -> tuple[Slice, list[int]]:
    tokenizer = tokenizer_of()
    ids = [2, *tokenizer.encode(text), 3]
    shard = Shard.__new__(Shard)
    shard.name, shard.languages, shard.tokens = "a", ["fr"], np.array(ids, np.uint16)
    shard.starts = np.array([0, len(ids)])
    shard.index = np.zeros(1, [("bytes", "u4"), ("language", "u1")])
    shard.index["bytes"] = len(text.encode())
    return slices_of([shard], context, eos=3, pad=0)[0], ids


@mark.parametrize("context", (64, 16), ids=("one row", "several rows"))
def test_loss_and_bits_per_byte_equal_a_plain_computation(context: int) -> None:
    text = "L'été, la mer chante où la lune bleue mange une pomme."
    model = decoder_of()
    part, ids = one_document(text, context)
    nats, tokens = plainly(model, ids, context)
    found = validate(loss_of(model), [part], 2)["fr-a"]
    assert found.tokens == len(tokens) == len(ids) - 1
    assert found.loss == approx(sum(nats) / len(nats), rel=1e-5)
    of_text = sum(nat for nat, token in zip(nats, tokens, strict=True) if token != 3)
    assert found.bpb == approx(of_text / math.log(2) / len(text.encode()), rel=1e-5)


def test_slices_are_all_validation_text_by_language_and_source(shards: list[Shard], corpus: Gathered) -> None:
    slices = {part.name: part for part in slices_of(shards, CONTEXT, 3, 0)}
    assert set(slices) == {"fr-a", "it-a", "fr-b"}
    assert sum(part.documents for part in slices.values()) == sum(shard.documents for shard in shards)
    tokenizer = tokenizer_of()
    for part in slices.values():
        used = part.rows.tokens.reshape(-1)
        documents = tokenizer.decode(used[used != 0].tolist(), special=True).split("</s>")[:-1]
        assert len(documents) == part.documents
        assert sum(len(text.removeprefix("<s>").encode()) for text in documents) == part.bytes
        asked = part.rows.targets[part.rows.targets != IGNORE]
        assert len(asked) == (used != 0).sum() - part.documents, "every token but the first of a document"
        assert (asked == 3).sum() == part.documents


def test_slices_are_cut_after_the_document_that_reaches_the_tokens(shards: list[Shard]) -> None:
    shard = shards[0]
    chosen = np.flatnonzero(shard.index["language"] == 0)
    first_bytes = [shard.index["hash"][number].tobytes()[7::-1] for number in chosen]
    by_hash = chosen[sorted(range(len(chosen)), key=first_bytes.__getitem__)]
    assert by_hash.tolist() != chosen.tolist()
    lengths = np.diff(shard.starts)[by_hash]
    for tokens in (1, int(lengths[0]), int(lengths[0]) + 1, 100, 10**9):
        part = slices_of([shard], CONTEXT, 3, 0, tokens)[0]
        used = int((part.rows.tokens != 0).sum())
        assert used == lengths[: part.documents].sum()
        assert used >= min(tokens, lengths.sum())
        assert part.documents == 1 or lengths[: part.documents - 1].sum() < tokens


@mark.parametrize("rows_at_once", (1, 3, 7, 100))
def test_how_many_rows_go_at_once_changes_nothing(rows_at_once: int, shards: list[Shard]) -> None:
    model, slices = decoder_of(), slices_of(shards, CONTEXT, 3, 0)
    one, many = (validate(loss_of(model), slices, n) for n in (5, rows_at_once))
    for name, found in one.items():
        assert many[name].tokens == found.tokens
        assert many[name].loss == approx(found.loss, rel=1e-6)
        assert many[name].bpb == approx(found.bpb, rel=1e-6)


def test_mixed_weighs_languages_alike_and_micro_weighs_tokens_alike(shards: list[Shard]) -> None:
    slices = slices_of(shards, CONTEXT, 3, 0)
    found = validate(loss_of(decoder_of()), slices, 4)
    parts = {name: found[name] for name in ("fr-a", "fr-b", "it-a")}
    for key in ("loss", "bpb"):
        value = {name: getattr(part, key) for name, part in parts.items()}
        assert getattr(found["mixed"], key) == approx(((value["fr-a"] + value["fr-b"]) / 2 + value["it-a"]) / 2)
    tokens = sum(part.tokens for part in parts.values())
    assert found["micro"].tokens == found["mixed"].tokens == tokens
    assert found["micro"].loss == approx(sum(part.loss * part.tokens for part in parts.values()) / tokens)
    size = {part.name: part.bytes for part in slices}
    bits = sum(part.bpb * size[name] for name, part in parts.items())
    assert found["micro"].bpb == approx(bits / sum(size.values()))


def test_a_document_is_measured_alike_alone_and_among_others(shards: list[Shard]) -> None:
    """Packed with others into one row it sees only itself: the slice's nats are the sum over its documents alone."""
    context, tokenizer, shard = 2048, tokenizer_of(), shards[1]
    loss = loss_of(decoder_of(max_position_embeddings=context))
    whole = validate(loss, slices_of([shard], context, 3, 0), 1)["fr-b"]
    total = 0.0
    for number in range(shard.documents):
        ids = shard.tokens[shard.starts[number] : shard.starts[number + 1]].tolist()
        alone = validate(loss, [one_document(tokenizer.decode(ids), context)[0]], 1)["fr-a"]
        total += alone.loss * alone.tokens
    assert whole.loss * whole.tokens == approx(total, rel=1e-5)


def test_the_model_trains_on_as_before(shards: list[Shard]) -> None:
    model = decoder_of().train()
    validate(loss_of(model), slices_of(shards, CONTEXT, 3, 0), 4)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
