"""Validation: losses and bits per byte against plain computations with `transformers`, and how slices are cut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from pytest import approx, fixture, mark, raises

from builders import Gathered, corpus_of, cpu, decoder_of, rows_of, shards_of, texts, tokenizer_of, transformers_twin
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.training.batch import LossFunction
from calame.training.slices import Slice, check_weights, make_slice, slices_of
from calame.training.validate import Loss, summed_up, validate

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


def plainly(model: Decoder, ids: list[int], context: int, stride: int) -> tuple[list[float], list[int]]:
    """nats of each token but the first by `transformers`, in windows of `context`, one every `stride`; and these
    tokens."""
    theirs = transformers_twin(model)
    nats: list[float] = []
    for start in range(0, len(ids), stride):
        row, following = torch.tensor([ids[start : start + context]]), ids[start + 1 : start + context + 1]
        with torch.no_grad():
            surprise = -theirs(row).logits[0].log_softmax(-1)
        found = [surprise[place, token].item() for place, token in enumerate(following)]
        nats += found[len(nats) - start :]
        if len(nats) == len(ids) - 1:
            break
    return nats, ids[1:]


def one_document(text: str, context: int, stride: int | None = None) -> tuple[Slice, list[int]]:
    tokenizer = tokenizer_of()
    ids = [2, *tokenizer.encode(text), 3]
    sizes = [len(text.encode())]
    return make_slice("fr-a", [np.array(ids, np.uint16)], sizes, [b"a"], tokenizer, context, stride), ids


def measured(model: Decoder, slices: list[Slice], rows: int = 4) -> dict[str, Loss]:
    return summed_up(validate(loss_of(model), slices, rows))


@mark.parametrize(("context", "stride"), ((64, 64), (16, 16), (16, 8), (16, 5)))
def test_loss_and_bits_per_byte_equal_a_plain_computation(context: int, stride: int) -> None:
    text = "L'été, la mer chante où la lune bleue mange une pomme."
    model = decoder_of()
    part, ids = one_document(text, context, stride)
    nats, tokens = plainly(model, ids, context, stride)
    found = measured(model, [part])["fr-a"]
    assert found.tokens == len(tokens) == len(ids) - 1
    assert found.loss == approx(sum(nats) / len(nats), rel=1e-5)
    of_text = sum(nat for nat, token in zip(nats, tokens, strict=True) if token != 3)
    assert found.bpb == approx(of_text / math.log(2) / len(text.encode()), rel=1e-5)


@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
def test_a_model_that_knows_nothing_has_the_bits_of_its_vocabulary_whatever_the_tokenizer(kind: str) -> None:
    """log2(V) for each token of the text, by its bytes: so numbers of two tokenizers can be compared."""
    text = "Où est l'été ? Là-bas, « dans la forêt » — ’ça’ œuvre 😀."
    model, tokenizer = decoder_of(), tokenizer_of(kind)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # all logits alike
    size, vocabulary = len(text.encode()), model.config.vocab_size
    for policy in (tokenizer, tokenizer.without_bos()):
        ids = tokenizer.encode(text)
        tokens = np.array([*policy.beginning, *ids, policy.special.eos])
        found = measured(model, [make_slice("fr-a", [tokens], [size], [b"a"], policy, 16, 8)])["fr-a"]
        left_out = 0 if policy.beginning else len(tokenizer.decode(ids[:1]).encode())  # the first token is given
        asked = len(ids) if policy.beginning else len(ids) - 1
        assert found.bpb == approx(math.log2(vocabulary) * asked / (size - left_out), rel=1e-5)
        assert found.loss == approx(math.log(vocabulary), rel=1e-5)


@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
@mark.parametrize("text", ("Été", "où", "😀 rire", "« oui »", " espace", "œ"))
def test_the_bytes_of_first_tokens_add_up(kind: str, text: str) -> None:
    """Of a text cut into its tokens one after the other, what the first stands for and the rest are the text."""
    tokenizer = tokenizer_of(kind)
    first, *rest = tokenizer.encode(text)
    whole = text.encode()
    size = tokenizer.first_bytes(first)
    assert 0 <= size <= len(whole)
    left = tokenizer.decode([first, *rest]).encode()[size:]
    if "\ufffd" not in tokenizer.decode(rest):
        assert left.decode() in (tokenizer.decode(rest), " " + tokenizer.decode(rest))


def test_slices_are_all_validation_text_by_language_and_source(shards: list[Shard], corpus: Gathered) -> None:
    slices = {part.name: part for part in slices_of(shards, tokenizer_of(), CONTEXT)}
    assert set(slices) == {"fr-a", "it-a", "fr-b"}
    assert sum(len(part.bytes) for part in slices.values()) == sum(shard.documents for shard in shards)
    known = read_json(corpus.joined / "validation.json")
    for name, part in slices.items():
        assert part.hash == known[name]["hash"], "the hash is that of the corpus, whoever counts"
        assert int(part.bytes.sum()) == known[name]["bytes"]
        asked = part.windows.rows.targets[part.windows.owners >= 0]
        assert (asked == 3).sum() == len(part.bytes) and (asked != 2).all(), "an end a document, and no beginning"


def test_slices_are_cut_after_the_document_that_reaches_the_tokens(shards: list[Shard]) -> None:
    shard = shards[0]
    chosen = np.flatnonzero(shard.index["language"] == 0)
    first_bytes = [shard.index["hash"][number].tobytes()[7::-1] for number in chosen]
    by_hash = chosen[sorted(range(len(chosen)), key=first_bytes.__getitem__)]
    assert by_hash.tolist() != chosen.tolist()
    lengths = np.diff(shard.starts)[by_hash]
    hashes = set()
    for tokens in (1, int(lengths[0]) + 1, 100, 10**9):
        part = slices_of([shard], tokenizer_of(), CONTEXT, tokens=tokens)[0]
        taken = len(part.bytes)
        assert part.windows.asked == lengths[:taken].sum() - taken
        assert lengths[:taken].sum() >= min(tokens, lengths.sum())
        assert taken == 1 or lengths[: taken - 1].sum() < tokens
        hashes.add((taken, part.hash))
    assert len({content for _, content in hashes}) == len(hashes), "other documents, another hash"


@mark.parametrize("rows_at_once", (1, 3, 7, 100))
def test_how_many_rows_go_at_once_changes_nothing(rows_at_once: int, shards: list[Shard]) -> None:
    model, slices = decoder_of(), slices_of(shards, tokenizer_of(), CONTEXT)
    one, many = (measured(model, slices, n) for n in (5, rows_at_once))
    for name, found in one.items():
        assert many[name].tokens == found.tokens
        assert many[name].loss == approx(found.loss, rel=1e-6)
        assert many[name].bpb == approx(found.bpb, rel=1e-6)


def test_mixed_is_by_weight_and_micro_weighs_tokens_alike(shards: list[Shard]) -> None:
    slices = slices_of(shards, tokenizer_of(), CONTEXT)
    sums = validate(loss_of(decoder_of()), slices, 4)
    found, declared = summed_up(sums), summed_up(sums, {"fr-a": 0.2, "fr-b": 0.0, "it-a": 0.8})
    parts = {name: found[name] for name in ("fr-a", "fr-b", "it-a")}
    for key in ("loss", "bpb"):
        value = {name: getattr(part, key) for name, part in parts.items()}
        assert getattr(found["mixed"], key) == approx(((value["fr-a"] + value["fr-b"]) / 2 + value["it-a"]) / 2)
        assert getattr(declared["mixed"], key) == approx(0.2 * value["fr-a"] + 0.8 * value["it-a"])
    tokens = sum(part.tokens for part in parts.values())
    assert found["micro"].tokens == found["mixed"].tokens == tokens
    assert found["micro"].loss == approx(sum(part.loss * part.tokens for part in parts.values()) / tokens)
    assert summed_up(sums, "micro")["mixed"] == found["micro"], "as 1gpu-llm"
    size = {part.name: int(part.bytes.sum()) for part in slices}
    bits = sum(part.bpb * size[name] for name, part in parts.items())
    assert found["micro"].bpb == approx(bits / sum(size.values()))


def test_what_is_out_of_domain_is_in_neither_mixed_nor_micro(shards: list[Shard]) -> None:
    model = decoder_of()
    inside = measured(model, slices_of(shards[:1], tokenizer_of(), CONTEXT))
    found = measured(model, slices_of(shards, tokenizer_of(), CONTEXT, ood=["b"]))
    assert set(found) == {"mixed", "micro", "fr-a", "it-a", "ood-fr-b"}
    assert found["mixed"] == inside["mixed"] and found["micro"] == inside["micro"]


def test_weights_must_be_of_the_slices_that_there_are() -> None:
    check_weights(["fr-a", "ood-fr-b"], {"fr-a": 1.0})
    check_weights(["fr-a"], "micro")
    with raises(UserError) as refused:
        check_weights(["fr-a", "it-a", "ood-fr-b"], {"fr-a": 0.5, "fr-b": 0.5})
    said = str(refused.value)
    assert "no validation text of fr-b" in said and "no weight for it-a" in said and "0 leaves it out" in said


def test_a_document_is_measured_alike_alone_and_among_others(shards: list[Shard]) -> None:
    """Packed with others into one row it sees only itself."""
    context, tokenizer, shard = 2048, tokenizer_of(), shards[1]
    model = decoder_of(max_position_embeddings=context)
    whole = validate(loss_of(model), slices_of([shard], tokenizer, context), 1)["fr-b"]
    for number in range(shard.documents):
        ids = shard.tokens[shard.starts[number] : shard.starts[number + 1]].tolist()
        alone = validate(loss_of(model), [one_document(tokenizer.decode(ids), context)[0]], 1)["fr-a"]
        assert whole[number] == approx(alone[0], rel=1e-5)


def test_the_model_trains_on_as_before(shards: list[Shard]) -> None:
    model = decoder_of().train()
    validate(loss_of(model), slices_of(shards, tokenizer_of(), CONTEXT), 4)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
