"""On a CUDA device: each precision learns what the CPU learns with it and goes on exactly, and memory is kept to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from pytest import fixture, mark, param, raises

from builders import RandomData, Stop, config_of, plan_of, stop_at, trainer_of
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.model.float8 import GRADIENT, INPUT, product, quantise
from calame.recipe.errors import UserError
from calame.recipe.schema import Optimizer
from calame.run import checkpoint, telemetry
from calame.training.adamw import RoundedAdamW
from calame.training.batch import LossFunction
from calame.training.determinism import deterministic
from calame.training.loop import Trainer
from calame.training.memory import DryRun, cap_memory, checkpoint_activations, fitting_micro_batch
from calame.training.optimizer import build_optimizer
from calame.training.precision import apply_precision
from calame.training.rounding import key_of, noise

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

STEPS, CONTEXT = 20, 64
WIDE: dict[str, Any] = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64}
HAS_FP8 = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 9)
fp8 = mark.skipif(torch.cuda.is_available() and not HAS_FP8, reason="needs a card that has fp8")
MODES = (
    ("bf16-rounded", "bf16"),
    ("bf16-rounded", "int8"),
    ("bf16-scaled", "bf16"),
    ("fp16", "fp32"),
    param("fp8", "fp32", marks=fp8),
)


def trainer(folder: Path, device: str, precision: str, state: str, compiled: bool = False, **changes: Any) -> Trainer:
    where = choose_device(device, precision)
    config = config_of(**WIDE, intermediate_size=512, max_position_embeddings=CONTEXT, norm_scale=where.norm_scale)
    model = Decoder(config)
    model.initialise(0)
    apply_precision(model.to(where.torch), where)
    plan = plan_of(
        tokens=STEPS * 512, batch=512, micro_batch=256, save_every=5 * 512,
        optimizer=Optimizer(learning_rate=1e-3, state=state),  # type: ignore[arg-type]
    )  # fmt: skip
    return trainer_of(
        folder, plan, RandomData(CONTEXT), model=model, device=where,
        loss=LossFunction(model, where, True, "dense", compiled),
        identity={"tokenizer": "a", "model": config.to_json()}, **changes,
    )  # fmt: skip


def losses(folder: Path) -> torch.Tensor:
    found = {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}
    return torch.tensor([found[step] for step in sorted(found)])


@fixture
def always_alike() -> Iterator[None]:
    with deterministic(True):
        yield


def test_the_noise_is_that_of_the_cpu() -> None:
    key = torch.tensor(key_of(1, 2, "a"), dtype=torch.int32)
    assert torch.equal(noise(1 << 20, key), noise(1 << 20, key.cuda()).cpu())


@mark.parametrize("compiled", (False, True))
@mark.parametrize(("precision", "state"), MODES)
def test_the_card_learns_what_the_cpu_learns(precision: str, state: str, compiled: bool, tmp_path: Path) -> None:
    trainer(tmp_path / "cpu", "cpu", precision, state).run()
    trainer(tmp_path / "cuda", "cuda", precision, state, compiled).run()
    apart = (losses(tmp_path / "cpu") - losses(tmp_path / "cuda")).abs().max()
    print(f"{precision}, {state}: losses differ by at most {apart:.2e} nats in {STEPS} steps")
    assert apart < 3e-2


@mark.parametrize(("precision", "state"), MODES)
def test_what_goes_on_is_what_was_not_stopped(precision: str, state: str, always_alike, tmp_path: Path) -> None:
    trainer(tmp_path / "whole", "cuda", precision, state).run()
    with raises(Stop):
        trainer(tmp_path / "parts", "cuda", precision, state, observers=[(512, stop_at(8))]).run()
    trainer(tmp_path / "parts", "cuda", precision, state).run()
    assert torch.equal(losses(tmp_path / "whole"), losses(tmp_path / "parts"))
    ends = [checkpoint.newest_valid(tmp_path / name / "checkpoints") for name in ("whole", "parts")]
    assert ends[0] is not None and ends[1] is not None
    (ours, _), (theirs, _) = map(checkpoint.load, ends)
    for group in ("model", "optimizer"):
        assert all(torch.equal(tensor, theirs[group][name]) for name, tensor in ours[group].items()), group


@mark.parametrize("kind", ("fp32", "bf16", "int8"))
@mark.parametrize("dtype", (torch.float32, torch.bfloat16))
def test_the_compiled_update_is_the_plain_one(kind: str, dtype: torch.dtype) -> None:
    ends = []
    for compiled in (False, True):
        draw = torch.Generator().manual_seed(0)
        weight = torch.nn.Parameter((torch.randn(300, 257, generator=draw) * 0.05).to("cuda", dtype))
        optimizer = RoundedAdamW([{"params": [weight]}], 1e-3, (0.9, 0.95), 1e-8, kind, 1, compiled)
        start = weight.detach().clone()
        for _ in range(5):
            weight.grad = torch.randn(300, 257, generator=draw).to("cuda", dtype)
            optimizer.step()
        ends.append(weight.detach())
    apart = (ends[0] - ends[1]).float().norm() / (ends[0] - start).float().norm()
    print(f"{kind}, {dtype}: {apart:.1e} of the way apart")
    assert apart < (1e-4 if dtype == torch.float32 else 5e-3)


@fp8
def test_the_card_multiplies_in_fp8_as_its_plain_twin() -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(256, 512, generator=draw), torch.randn(384, 512, generator=draw)
    for dtype in (INPUT, GRADIENT):
        (a8, scale_a), (b8, scale_b) = quantise(a, dtype), quantise(b, INPUT)
        plain = product(a8, b8, scale_a, scale_b, fast=False).float()
        card = product(a8.cuda(), b8.cuda(), scale_a.cuda(), scale_b.cuda(), fast=False).float().cpu()
        fast = product(a8.cuda(), b8.cuda(), scale_a.cuda(), scale_b.cuda(), fast=True).float().cpu()
        assert (plain - card).norm() < 2**-8 * plain.norm()
        assert (plain - fast).norm() < 1e-2 * plain.norm()


def test_layers_computed_again_take_less_memory_for_the_same_gradient() -> None:
    peaks, slopes = [], []
    for how in ("none", "selective", "full"):
        made = Decoder(config_of(**WIDE, intermediate_size=1024, num_hidden_layers=8, max_position_embeddings=1024))
        made.initialise(0)
        checkpoint_activations(made.to("cuda"), how)
        where = choose_device("cuda", "fp32")
        torch.cuda.reset_peak_memory_stats()
        LossFunction(made, where, True, "dense", False)(RandomData(1024).batch(0, 8192)).sum().backward()
        peaks.append(torch.cuda.max_memory_allocated())
        slopes.append(torch.cat([p.grad.flatten() for p in made.parameters() if p.grad is not None]))
    print(f"peaks: {[f'{peak / 2**20:.0f} MiB' for peak in peaks]}")
    assert peaks[2] < peaks[1] < peaks[0]
    assert all((slope - slopes[0]).norm() <= 1e-5 * slopes[0].norm() for slope in slopes)


def test_compiled_norms_computed_again_take_less_memory() -> None:
    peaks = []
    for how in ("none", "light"):
        made = Decoder(config_of(**WIDE, intermediate_size=1024, num_hidden_layers=8, max_position_embeddings=1024))
        made.initialise(0)
        checkpoint_activations(made.to("cuda"), how)
        loss = LossFunction(made, choose_device("cuda", "bf16"), True, "varlen", True, True)
        for _ in range(2):
            torch.cuda.reset_peak_memory_stats()
            loss.total(RandomData(1024).batch(0, 8192)).backward()
        peaks.append(torch.cuda.max_memory_allocated())
    print(f"peaks: {[f'{peak / 2**20:.0f} MiB' for peak in peaks]}")
    assert peaks[1] < peaks[0]


def test_a_dry_run_finds_what_fits_under_a_cap() -> None:
    """With 3 GB for a model whose 64 rows of 1024 tokens take more, and whose single rows take less."""
    where = choose_device("cuda", "fp32")
    try:
        cap_memory(3_000_000_000, where)
        model = Decoder(config_of(**WIDE, intermediate_size=1024, num_hidden_layers=8, max_position_embeddings=1024))
        model.initialise(0)
        model.to("cuda")
        loss = LossFunction(model, where, True, "dense", False)
        run = DryRun(model, where, loss, RandomData(1024), build_optimizer(model, Optimizer(), where))
        sizes = [1024 << n for n in range(7)]
        chosen = fitting_micro_batch(sizes, run)
        print(f"chose {chosen} of {sizes}{run.describe()}")
        assert 1024 <= chosen < sizes[-1]
        assert run.peak < 3_000_000_000
        with raises(torch.OutOfMemoryError):
            run(2 * chosen)
        assert all(p.grad is None for p in model.parameters())
        with raises(UserError, match=r"execution\.memory"):
            cap_memory(10**15, where)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
