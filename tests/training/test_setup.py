"""What pretraining and tuning prepare: device, initial weights from a folder, micro-batch, edges for the compiler."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, fixture, mark, raises
from safetensors.torch import save_file

from builders import RandomData, config_of, cpu, decoder_of, random_rows, recipe_of, tokenizer_of
from calame.model.device import choose_device
from calame.model.huggingface import to_config, to_weights
from calame.recipe.errors import UserError
from calame.recipe.schema import Execution
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.batch import LossFunction
from calame.training.setup import initial_weights, micro_batches, prepare


def test_the_device_is_chosen_aloud() -> None:
    device = choose_device("cpu")
    assert (device.torch.type, device.compute, device.name) == ("cpu", torch.float32, "cpu")
    assert "as asked" in device.reason
    assert choose_device("cpu", "bf16").compute == torch.bfloat16
    if not torch.cuda.is_available():
        with raises(UserError, match="cuda is not available here") as error:
            choose_device("cuda")
        assert "cpu" in error.value.problems[0].allowed
        assert choose_device("auto").torch.type in ("cpu", "mps")


def test_a_card_without_a_precision_says_what_it_has(monkeypatch: MonkeyPatch) -> None:
    """An old card, as torch would describe it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *which: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
    assert choose_device("cuda").precision == "fp32"
    assert choose_device("cuda", "fp16").compute == torch.float16
    for precision in ("bf16", "bf16-rounded", "bf16-scaled", "fp8"):
        with raises(UserError, match="Tesla V100 does not") as error:
            choose_device("cuda", precision)
        assert error.value.problems[0].remedy.startswith("pretrain.precision=")


@mark.parametrize(
    ("asked", "batch", "context", "tokens"),
    (
        (None, 65_536, 512, 4096),
        (None, 1024, 512, 1024),
        (None, 16_384, 8192, 8192),
        (1000, 6 * 128, 128, 6 * 128),
        (600, 6 * 128, 128, 3 * 128),
        (300, 7 * 128, 128, 128),
        (1, 512, 128, 128),
    ),
)
def test_the_micro_batch_is_whole_rows_that_divide_the_batch(
    asked: int | None, batch: int, context: int, tokens: int
) -> None:
    found = micro_batches(Execution(micro_batch=asked), cpu(), batch, context)
    assert found[0] == tokens
    assert all(batch % size == 0 and size % context == 0 for size in found)
    assert len(found) == 1 if asked else found[-1] == context


def test_a_bench_starts_from_the_recipes_seed() -> None:
    models = [prepare(recipe_of(seed=seed), tokenizer_of(), True).model for seed in (1, 1, 2)]
    states = [model.state_dict()["embed_tokens.weight"] for model in models]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_graphs_where_there_are_none_are_refused_with_all_reasons() -> None:
    recipe = recipe_of(execution__device="cpu", execution__graphs=True, execution__compile="off")
    bench = prepare(recipe, tokenizer_of(), True)
    with raises(UserError) as caught:
        _ = bench.graphed
    assert "the device is cpu; nothing is compiled" in str(caught.value)


def test_a_checkpoint_knows_its_tokenizer_model_and_recipe() -> None:
    bench = prepare(recipe_of(), tokenizer_of(), True)
    assert bench.identity["tokenizer"] == tokenizer_of().hash
    assert bench.identity["model"]["vocab_size"] == 330
    assert json.loads(json.dumps(bench.identity))["recipe"]["name"] == "essai"


@fixture
def folder(tmp_path: Path) -> Path:
    """A Hugging Face folder of 328 entries, untied."""
    model = decoder_of(vocab_size=328, tie_word_embeddings=False)
    (tmp_path / "config.json").write_text(json.dumps(to_config(model.config, "float32", {})))
    save_file(to_weights(model.state_dict(), model.config), tmp_path / "model.safetensors", {"format": "pt"})
    return tmp_path


def adopted(appended: int) -> Tokenizer:
    tokenizer = tokenizer_of()
    return Tokenizer(tokenizer.engine, {**tokenizer.about, "appended": appended})


def test_appended_tokens_start_at_the_mean_of_the_others(folder: Path) -> None:
    config = config_of(tie_word_embeddings=False)
    weights = initial_weights(str(folder), config, adopted(2))
    theirs = decoder_of(vocab_size=328, tie_word_embeddings=False).state_dict()
    for name in ("embed_tokens.weight", "lm_head.weight"):
        assert weights[name].shape == (330, 32)
        assert torch.equal(weights[name][:328], theirs[name])
        assert torch.allclose(weights[name][328:], theirs[name].mean(0).expand(2, -1))
    assert set(weights) == set(theirs)
    bench = prepare(recipe_of(model__init=str(folder), model__tie_word_embeddings=False), adopted(2), True)
    assert torch.equal(bench.model.state_dict()["layers.0.mlp.up_proj.weight"], theirs["layers.0.mlp.up_proj.weight"])


def test_rows_beyond_the_tokenizer_are_left_out(folder: Path) -> None:
    weights = initial_weights(str(folder), config_of(vocab_size=300, tie_word_embeddings=False), adopted(0))
    assert weights["embed_tokens.weight"].shape == (300, 32)


def test_every_difference_of_shape_is_said_at_once(folder: Path) -> None:
    with raises(UserError) as error:
        initial_weights(str(folder), config_of(intermediate_size=64, num_hidden_layers=3), adopted(2))
    assert {problem.where for problem in error.value.problems} == {
        "model.intermediate_size",
        "model.num_hidden_layers",
        "model.tie_word_embeddings",
    }


def test_another_tokenizer_than_the_models_is_refused(folder: Path) -> None:
    with raises(UserError, match=r"330 entries, but .* has 328 rows"):
        initial_weights(str(folder), config_of(tie_word_embeddings=False), adopted(0))


def test_a_tokenizer_of_as_many_other_entries_is_refused(folder: Path) -> None:
    """Rows would stand for other tokens; its own may have rows without an entry."""
    config = config_of(tie_word_embeddings=False)
    tokenizer_of().engine.save(str(folder / "tokenizer.json"))
    initial_weights(str(folder), config, adopted(2))
    written = json.loads((folder / "tokenizer.json").read_text())
    entries = written["model"]["vocab"]
    one, other = sorted(entries, key=entries.get)[300:302]
    entries[one], entries[other] = entries[other], entries[one]
    (folder / "tokenizer.json").write_text(json.dumps(written))
    with raises(UserError, match=r"^tokenizer: 2 of its entries are others, the first 300") as error:
        initial_weights(str(folder), config, adopted(2))
    assert error.value.problems[0].remedy == f"tokenizer.from={folder}"
    (folder / "tokenizer.json").write_text("{")
    with raises(UserError, match=r"tokenizer\.json is not whole"):
        initial_weights(str(folder), config, adopted(2))


@mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[1]"),
        ("model.safetensors", b"half of it"),
        ("model.safetensors", pickle.dumps({"weight": 1})),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    with raises(UserError, match=rf"^model\.init: .*{file}"):
        initial_weights(str(folder), config_of(tie_word_embeddings=False), adopted(2))


def test_edges_change_their_number_rarely() -> None:
    """The compiler sees each number of edges as another shape: they are filled up, and grow by doubling."""
    loss = LossFunction(decoder_of(), cpu(), True, "varlen", False)
    seen: list[int] = []
    for seed in range(30):
        rows = random_rows(4, 64, seed)
        edges = loss._edges(rows.positions)
        assert len(edges) > (rows.positions == 0).sum()
        seen.append(len(edges))
    assert len(set(seen)) <= 4
    assert seen == sorted(seen)


def test_rows_without_a_question_cost_nothing() -> None:
    rows = RandomData().batch(0, 64)
    loss = LossFunction(decoder_of(), cpu(), True, "dense", False)
    rows.targets[1:] = -100
    losses: Any = loss(rows).view(4, 16)
    assert (losses[1:] == 0).all()
    assert losses[0].sum() > 0
