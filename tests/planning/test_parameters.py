"""`calame plan`: the four published systems' counts, their formulas, stock classes that hold as much, and memory."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from pytest import CaptureFixture, MonkeyPatch, approx, fixture, mark
from transformers import AutoConfig, AutoModelForCausalLM

from builders import config_of, decoder_of, tokenizer_of
from calame.cli import main
from calame.model.config import ModelConfig, count_parameters, count_terms, flops_per_token
from calame.model.device import choose_device
from calame.model.huggingface import to_config
from calame.planning.parameters import instance_parameters, other_accounting, parameter_table, run_table, state_memory
from calame.recipe.load import load_recipe
from calame.recipe.schema import Pretrain, Published
from calame.release.huggingface import write_tokenizer
from calame.road.plan import plan
from calame.training.optimizer import build_optimizer
from calame.training.precision import apply_precision

COUNTS = {  # instantiated; under the other accounting of the head (systems' cards and their own code)
    "klovis-144m": (145_712_640, 170_292_480),
    "rodin-1b": (1_238_415_360, 1_369_487_360),
    "gaperon-young-1b": (1_498_482_688, 1_235_814_400),
    "1gpu-llm-small": (111_552_000, 136_128_000),
}


@fixture(autouse=True)
def data(monkeypatch: MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALAME_DATA", str(tmp_path))


def shipped_config(name: str) -> ModelConfig:
    recipe, _ = load_recipe(name)
    return ModelConfig.from_recipe(recipe.model, recipe.tokenizer.vocabulary)


@mark.parametrize("name", COUNTS)
def test_a_plan_needs_none_of_the_text(name: str, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.delenv("CALAME_DATA")
    assert any(f"{COUNTS[name][0]:,}" in line for line in plan(name, [], parameters_only=True))


@mark.parametrize("name", COUNTS)
def test_the_four_systems_have_their_counts_both_ways(name: str) -> None:
    config = shipped_config(name)
    assert (count_parameters(config), other_accounting(config)[0]) == COUNTS[name]
    assert instance_parameters(config) == COUNTS[name][0]
    tied = replace(config, tie_word_embeddings=not config.tie_word_embeddings)
    assert (count_parameters(tied), other_accounting(tied)[0]) == COUNTS[name][::-1]


@mark.parametrize("name", COUNTS)
def test_the_stock_class_of_transformers_holds_as_many(name: str) -> None:
    config = shipped_config(name)
    with torch.device("meta"):
        theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_config(config, "float32", {})))
    assert sum(parameter.numel() for parameter in theirs.parameters()) == COUNTS[name][0]


@mark.parametrize(
    "config",
    (
        config_of(),
        config_of(family="qwen3", tie_word_embeddings=False),
        config_of(family="gpt2", num_key_value_heads=4, intermediate_size=100),
    ),
    ids=("llama", "qwen3", "gpt2"),
)
def test_each_formula_of_the_table_gives_its_number(config: ModelConfig) -> None:
    lines = [re.split(r"\s{2,}", line.strip()) for line in parameter_table(config, None)]
    terms = count_terms(config)
    assert [name for name, *_ in lines[: len(terms)]] == list(terms)
    for name, number, formula in lines[: len(terms)]:
        assert int(number.replace(",", "")) == terms[name]
        if not formula.startswith("tied"):
            assert eval(formula.replace("x", "*")) == terms[name], name
    assert int(lines[len(terms)][1].replace(",", "")) == sum(terms.values())


def test_a_published_count_is_compared_with_both_accountings() -> None:
    *_, claim, difference = parameter_table(shipped_config("1gpu-llm-small"), Published(parameters=136_128_000))
    assert claim.split() == ["published", "136,128,000"]
    assert "-24,576,000" in difference and "-18.05%" in difference and "counted again +0.00%" in difference


@mark.parametrize(("name", "words"), (("klovis-144m", ["145,712,640", "+1.19%"]), ("rodin-1b", ["1,238,415,360"])))
def test_the_verb_prints_it(name: str, words: list[str], capsys: CaptureFixture[str]) -> None:
    assert main(["plan", name, "--parameters"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ["published", *words]) and "FLOPs" not in printed
    assert main(["plan", name]) == 0
    assert "FLOPs" in capsys.readouterr().out


def test_the_vocabulary_of_an_existing_tokenizer_is_declared_or_read(
    tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    """Declared beside `from`, nothing is opened; else the folder is, with the chat tokens that it would be given."""
    assert main(["plan", "petit-monde", "--parameters", "tokenizer={from: 'hub:a/b', vocabulary: 5000}"]) == 0
    assert "vocabulary 5,000 (tokenizer.vocabulary, declared for hub:a/b" in capsys.readouterr().out
    write_tokenizer(tokenizer_of(), tmp_path, 64)
    assert main(["plan", "petit-monde", "--parameters", f"tokenizer={{from: {tmp_path}}}"]) == 0
    assert "vocabulary 330 (read from" in capsys.readouterr().out
    assert main(["plan", "petit-monde", f"tokenizer={{from: {tmp_path / 'nowhere'}}}"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_run_is_added_up_over_its_contexts() -> None:
    keys = Pretrain.model_validate(
        {"tokens": 10_000, "batch": {0: 128, 1000: 256}, "context": {0: 32, 1000: 64}, "optimizer": {"name": "adamw"}}
    )
    config = config_of()
    printed = "\n".join(run_table(config, keys))
    edge, end = 1024, 1024 + (10_000 - 1024) // 256 * 256
    flops = edge * flops_per_token(config, 32) + (end - edge) * flops_per_token(config, 64)
    assert f"{end:,}" in printed and f"{flops:.3g}" in printed and "from 1.02k tokens on, context 64" in printed


WIDE = {
    "hidden_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "intermediate_size": 512,
}


@mark.parametrize(
    "precision, optimizer",
    [
        ("fp32", {"name": "adamw"}),
        ("fp32", {"name": "muon"}),
        ("bf16-rounded", {"state": "bf16"}),
        ("fp32", {"state": "int8"}),
    ],
    ids=str,
)
def test_the_state_in_memory_is_what_is_allocated(precision: str, optimizer: dict[str, str]) -> None:
    """Weights, gradients and the optimizer's tensors after a step, but for its counters of steps. To the byte in fp32;
    elsewhere vectors stay fp32, which is less than a hundredth."""
    keys = Pretrain.model_validate(
        {"tokens": 8, "batch": 8, "context": 8, "precision": precision, "optimizer": optimizer}
    )
    device = choose_device("cpu", precision)
    model = apply_precision(decoder_of(**WIDE), device)
    steps = build_optimizer(model, keys.optimizer, device)
    with device.autocast():
        hidden = model(torch.arange(12)[None])
        model.logits(hidden).float().square().mean().backward()
    gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    steps.step()
    moments = sum(t.nbytes for key, t in steps.tensors(model).items() if not key.endswith("/step"))
    held = {"weights": sum(p.nbytes for p in model.parameters()), "gradients": gradients, "moments": moments}
    exact = precision == "fp32" and "name" in optimizer
    assert state_memory(model.config, keys) == (held if exact else approx(held, rel=0.01))
