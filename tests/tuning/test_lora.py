"""Adapters: nothing changes at first, they alone learn, merged is unmerged, and only they are saved."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pytest import mark, raises
from torch.nn.utils import parametrize

from builders import RandomData, config_of, cpu, decoder_of, random_rows, trainer_of
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.recipe.tuning import Lora
from calame.run import checkpoint
from calame.training.batch import LossFunction
from calame.training.loop import Trainer
from calame.tuning.lora import LowRank, add_adapters, merged_weights

KEYS = Lora(rank=4, alpha=8.0)


def adapted(seed: int = 1, keys: Lora = KEYS, moved: bool = False, **changes: Any) -> Decoder:
    """A model with adapters; `moved`: as after some learning."""
    model = decoder_of(seed, **changes)
    add_adapters(model, keys, 3)
    if moved:
        for module in model.modules():
            if isinstance(module, LowRank):
                torch.nn.init.normal_(module.b, 0, 0.1, torch.Generator().manual_seed(5))
    return model


@torch.no_grad()
def logits(model: Decoder) -> torch.Tensor:
    return model.logits(model(torch.from_numpy(random_rows(2, 32).tokens).long()))


@mark.parametrize("family", ("llama", "qwen3"))
def test_at_first_nothing_is_changed(family: str) -> None:
    assert torch.equal(logits(adapted(family=family)), logits(decoder_of(1, family=family)))


@mark.parametrize("joined", (False, True))
@mark.parametrize("family", ("llama", "qwen3"))
def test_merged_equals_unmerged(family: str, joined: bool) -> None:
    model = adapted(moved=True, family=family)
    merged = Decoder(config_of(initializer_range=0.2, family=family)).eval()
    merged.load_state_dict(merged_weights(model))
    model.join(joined)
    assert (logits(model) - logits(merged)).abs().max() <= 1e-5
    assert (logits(model) - logits(decoder_of(1, family=family))).abs().max() > 0.1, "and it is another model"


def test_an_adapted_map_is_its_own_and_a_narrow_one_beside() -> None:
    """As Hu et al. write it: W x + alpha / rank x B A x."""
    model = adapted(moved=True)
    map_: Any = model.layers[0].mlp.up_proj  # type: ignore[union-attr]
    adapter: Any = map_.parametrizations.weight[0]
    x = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    original = map_.parametrizations.weight.original
    beside = F.linear(x, original) + 8.0 / 4 * F.linear(F.linear(x, adapter.a), adapter.b)
    assert (map_(x) - beside).abs().max() <= 1e-5


def test_targets_are_those_that_are_named_and_others_are_refused() -> None:
    keys = Lora(rank=2, alpha=4.0, targets=["q_proj", "down_proj"])
    model = decoder_of(1)
    number = add_adapters(model, keys, 1)
    named = {name.rpartition(".")[2] for name, m in model.named_modules() if parametrize.is_parametrized(m)}
    assert named == {"q_proj", "down_proj"}
    assert number == 2 * 2 * ((32 + 32) + (48 + 32)) == sum(p.numel() for p in model.parameters() if p.requires_grad)
    with raises(UserError, match=r"sft\.lora\.targets: gate_proj: not in this model"):
        add_adapters(decoder_of(1, family="gpt2", num_key_value_heads=4), Lora(alpha=1.0, targets=["gate_proj"]), 1)


def learning(folder: Path) -> Trainer:
    model = adapted(spread=0.1)
    return trainer_of(folder, data=RandomData(), model=model, loss=LossFunction(model, cpu(), True, "dense", False))


def test_the_adapters_alone_learn_and_are_saved(tmp_path: Path) -> None:
    trainer = learning(tmp_path)
    before = copy.deepcopy(trainer.model.state_dict())
    trainer.run()
    after = trainer.model.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    adapters = {name for name in after if name.endswith((".0.a", ".0.b"))}
    assert changed == adapters
    newest = checkpoint.newest_valid(tmp_path / "checkpoints")
    assert newest is not None
    tensors, _ = checkpoint.load(newest)
    assert set(tensors["model"]) == adapters
    assert {name.rpartition("/")[0] for name in tensors["optimizer"]} == adapters


def test_stopped_and_gone_on_it_is_the_same_learning(tmp_path: Path) -> None:
    whole, stopped = learning(tmp_path / "whole"), learning(tmp_path / "stopped")
    whole.run()
    step = stopped._step

    def stopping() -> Any:
        if stopped.progress.step == 5:
            raise KeyboardInterrupt
        return step()

    stopped._step = stopping  # type: ignore[method-assign]
    with raises(KeyboardInterrupt):
        stopped.run()
    again = learning(tmp_path / "stopped")
    again.run()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


@mark.slow
def test_compiled_it_is_the_same_model() -> None:
    model = adapted(moved=True, num_hidden_layers=1)
    rows = random_rows(2, 32)
    plain = LossFunction(model, cpu(), True, "dense", False)
    compiled = LossFunction(model, cpu(), True, "dense", True)
    found = []
    for loss in (plain, compiled):
        total = loss.total(rows)
        total.backward()
        found.append((total.item(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
        model.zero_grad()
    assert abs(found[0][0] - found[1][0]) < 1e-3 * abs(found[0][0])
    assert len(found[0][1]) == len(found[1][1]) == 2 * 7
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(found[0][1], found[1][1], strict=True))
