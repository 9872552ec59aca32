"""Layers computed again change no gradient; a dry run finds what fits and leaves nothing behind; a cap is possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from pytest import MonkeyPatch, approx, mark, raises

from builders import RandomData, cpu, decoder_of, random_rows, recipe_of, tokenizer_of, trainer_of
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.recipe.schema import Optimizer
from calame.training import memory, setup
from calame.training.batch import LossFunction
from calame.training.memory import DryRun, cap_memory, checkpoint_activations, fitting_micro_batch
from calame.training.moments import LEAST
from calame.training.optimizer import build_optimizer
from calame.training.setup import fit_micro_batch, prepare


def gradients(how: str) -> tuple[list[torch.Tensor], int]:
    """The gradient of a batch, and how often a layer was computed."""
    model, calls = decoder_of(num_hidden_layers=5), [0]
    checkpoint_activations(model, how)
    for layer in model.layers:
        layer.register_forward_pre_hook(lambda *given: calls.__setitem__(0, calls[0] + 1))
    LossFunction(model, cpu(), True, "dense", False)(random_rows(4, 64)).sum().backward()
    return [p.grad for p in model.parameters() if p.grad is not None], calls[0]


@mark.parametrize(("how", "computed"), (("light", 5), ("selective", 5 + 3), ("full", 5 + 5)))
def test_layers_computed_again_give_the_same_gradient(how: str, computed: int) -> None:
    plain, once = gradients("none")
    again, calls = gradients(how)
    assert (once, calls) == (5, computed)
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))


def kept_bytes(how: str) -> int:
    """What the forward pass keeps for the backward pass."""
    model, kept = decoder_of(num_hidden_layers=4), {}
    checkpoint_activations(model, how)
    own = {p.data_ptr() for p in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model(torch.arange(256).view(4, 64) % 330)
    assert hidden.requires_grad
    return sum(kept.values())


def test_layers_computed_again_keep_less() -> None:
    none, selective, full = (kept_bytes(how) for how in ("none", "selective", "full"))
    assert full < 0.3 * none
    assert selective == approx((none + full) / 2, rel=0.1)


def test_the_recipe_chooses_and_generation_does_not_care() -> None:
    bench = prepare(recipe_of(execution__activation_checkpointing="full"), tokenizer_of(), True)
    assert bench.model.call_layer is not Decoder(bench.model.config).call_layer
    tokens = torch.arange(6, 40)[None]
    plain = prepare(recipe_of(), tokenizer_of(), True).model
    with torch.no_grad():
        assert torch.equal(bench.model(tokens), plain(tokens))


def fits(most: int, tried: list[int]):
    def attempt(tokens: int) -> None:
        tried.append(tokens)
        if tokens > most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    return attempt


@mark.parametrize(
    ("most", "chosen", "attempts"),
    ((1 << 20, 4096, [4096]), (2048, 2048, [4096, 2048]), (1500, 1024, [4096, 2048, 1024]), (128, 128, None)),
)
def test_what_fits_is_found_by_halves(most: int, chosen: int, attempts: list[int] | None) -> None:
    tried: list[int] = []
    assert fitting_micro_batch([128 << n for n in range(6)], fits(most, tried)) == chosen
    if attempts:
        assert tried == attempts


def test_what_does_not_halve_is_tried_too() -> None:
    tried: list[int] = []
    assert fitting_micro_batch([9 * 64, 3 * 64, 64], fits(100, tried)) == 64
    assert tried == [9 * 64, 3 * 64, 64]


def test_out_of_memory_is_said_before_the_first_step() -> None:
    with raises(UserError, match="128 tokens at once, before the first step") as error:
        fitting_micro_batch([256, 128], fits(0, []))
    remedy = error.value.problems[0].remedy
    assert "activation_checkpointing" in remedy
    assert "int8" in remedy


def test_a_dry_run_leaves_no_trace_and_holds_the_moments_open(monkeypatch: MonkeyPatch) -> None:
    model, held = decoder_of(), []
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random, empty = torch.get_rng_state(), torch.empty

    def note(*size, **options):
        held.append((size, options.get("dtype")))
        return empty(*size, **options)

    optimizer = build_optimizer(model, Optimizer(), cpu())
    run = DryRun(model, cpu(), LossFunction(model, cpu(), True, "dense", False), RandomData(), optimizer)
    monkeypatch.setattr(torch, "empty", note)
    run(64)
    assert ((2 * 4 * sum(p.numel() for p in model.parameters()),), torch.uint8) in held
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@mark.parametrize("state", ("fp32", "bf16", "int8"))
@mark.parametrize("name", ("adamw", "muon"))
def test_moments_are_counted_before_they_are_there(name: str, state: str, tmp_path: Path) -> None:
    keys = Optimizer(name=name, state=state if name == "adamw" else "fp32")  # type: ignore[arg-type]
    trainer = trainer_of(tmp_path, model=decoder_of(hidden_size=64, head_dim=16, intermediate_size=LEAST // 32))
    trainer.loss.model = trainer.model
    trainer.optimizer = build_optimizer(trainer.model, keys, cpu())
    said = trainer.optimizer.moment_bytes()
    trainer._step()
    moments = {k: t for k, t in trainer.optimizer.tensors(trainer.model).items() if not k.endswith("/step")}
    assert said == sum(t.numel() * t.element_size() for t in moments.values())


def test_on_a_gpu_the_micro_batch_is_tried(monkeypatch: MonkeyPatch, capsys) -> None:
    """With a device that says it is one, and an attempt that runs out of memory above 128 tokens."""
    bench = prepare(recipe_of(), tokenizer_of(), True)
    bench.device = replace(bench.device, torch=torch.device("cuda"))

    class Attempt(DryRun):
        def __call__(self, tokens: int) -> None:
            self.peak = 3 << 30
            fits(128, [])(tokens)

    monkeypatch.setattr(setup, "DryRun", Attempt)
    loss = LossFunction(bench.model, cpu(), True, "dense", False)
    assert fit_micro_batch(bench, loss, RandomData(64), Optimizer(), 256) == 128
    said = capsys.readouterr().out
    assert "256 tokens do not fit" in said
    assert "micro-batch: 128 of 256 tokens" in said
    assert "at most 3.00 GiB" in said


def test_memory_is_capped_on_a_gpu_alone(monkeypatch: MonkeyPatch) -> None:
    cap_memory(None, cpu())
    with raises(UserError, match="memory cannot be capped"):
        cap_memory(16_000_000_000, cpu())
    card = replace(cpu(), torch=torch.device("cuda"))
    asked = []

    class Card:
        total_memory = 24_000_000_000

    monkeypatch.setattr(memory.torch.cuda, "get_device_properties", lambda device: Card())
    monkeypatch.setattr(memory.torch.cuda, "set_per_process_memory_fraction", lambda *given: asked.append(given))
    cap_memory(16_000_000_000, card)
    assert asked == [(approx(2 / 3),)]
    with raises(UserError, match=r"30 GB of 24.0 GB"):
        cap_memory(30_000_000_000, card)
