"""Several processes train what one trains alone, to the last digits of the sums; on the CPU, by gloo."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from pytest import MonkeyPatch, approx, fixture, mark, raises
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from builders import RandomData, cpu, decoder_of, plan_of, random_rows, slice_of, trainer_of
from calame.model import loss as loss_
from calame.model.device import Device
from calame.recipe.errors import UserError
from calame.recipe.schema import Optimizer, Schedule
from calame.run import checkpoint, telemetry
from calame.run.files import full_disk
from calame.shards.rows import IGNORE, Rows
from calame.training import sharding
from calame.training.batch import LossFunction
from calame.training.loop import Progress, Trainer
from calame.training.muon import Muon
from calame.training.parallel import Team, check_devices, choose_mode, join
from calame.training.setup import validation_observer
from calame.training.sharding import GradientSums, spread
from calame.training.validate import Loss, summed_up, validate
from team import together

STEPS = 50
PLAN: dict[str, Any] = {
    "tokens": STEPS * 64, "micro_batch": 16, "save_every": STEPS * 32, "clip": 0.5,
    "schedule": Schedule(warmup=100, horizon=STEPS * 64),
}  # fmt: skip
FEW: dict[str, Any] = {**PLAN, "tokens": 5 * 64}
EXACT = 1e-5  # nats, over 50 steps


class Uneven(RandomData):
    """Of the four rows of a batch one asks for a single token and one for nothing: no process has its share of them."""

    def batch(self, position: int, tokens: int) -> Rows:
        rows = super().batch(position, tokens)
        rows.targets[0, 1:] = IGNORE
        rows.targets[1] = IGNORE
        return rows


def trainer(folder: Path, mode: str, plan: dict[str, Any], **changes: Any) -> Trainer:
    """Micro-batches of one row: two of each step in each of two processes."""
    return trainer_of(folder, plan_of(**plan), Uneven(), team=replace(join(), mode=mode), **changes)


def train(folder: Path, mode: str, plan: dict[str, Any]) -> None:
    trainer(folder, mode, plan).run()


def measured(folder: Path, name: str = "train/loss") -> Tensor:
    found = {line["step"]: line[name] for line in telemetry.read(folder) if name in line}
    assert sorted(found) == list(range(1, len(found) + 1))
    return torch.tensor([found[step] for step in sorted(found)])


def saved(folder: Path) -> dict[str, dict[str, Tensor]]:
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    return checkpoint.load(newest)[0]


def same_run(one: Path, other: Path) -> None:
    """The losses, the norms before clipping, and what is in the last checkpoint."""
    assert (measured(one) - measured(other)).abs().max() < EXACT
    assert torch.allclose(measured(one, "train/grad_norm"), measured(other, "train/grad_norm"), rtol=1e-4)
    ours, theirs = saved(one), saved(other)
    for group in ("model", "optimizer"):
        assert ours[group].keys() == theirs[group].keys()
        for name, tensor in ours[group].items():
            assert tensor.shape == theirs[group][name].shape
            assert (tensor - theirs[group][name]).abs().max() < 1e-3, name


@fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """Fifty steps in one process."""
    folder = tmp_path_factory.mktemp("alone")
    train(folder, "ddp", PLAN)
    assert len(measured(folder)) == STEPS
    return folder


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_what_two_save_one_goes_on_with_and_the_reverse(
    mode: str, alone: Path, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    """Fifty steps by two processes, by one, and by two again, weights and moments, equal those of one. Gradients are
    summed in several buckets."""
    monkeypatch.setattr(sharding, "BUCKET", 3000)
    assert len(GradientSums(list(decoder_of().parameters())).buckets) > 5
    parts = [{**PLAN, "tokens": steps * 64} for steps in (18, 34, STEPS)]
    assert together(2, train, tmp_path, mode, parts[0]) == [None, None]
    train(tmp_path, mode, parts[1])
    assert together(2, train, tmp_path, mode, parts[2]) == [None, None]
    same_run(alone, tmp_path)
    assert max(line["attempt"] for line in telemetry.read(tmp_path)) == 3


@mark.slow
@mark.parametrize("mode", ("ddp", "fsdp", "hybrid"))
def test_four_learn_what_one_learns(mode: str, alone: Path, tmp_path: Path) -> None:
    """And one goes on with what they saved. hybrid: as on two machines of two processes."""
    assert together(4, train, tmp_path, mode, {**PLAN, "tokens": 40 * 64}, local=2, most=300) == [None] * 4
    train(tmp_path, mode, PLAN)
    same_run(alone, tmp_path)


FAMILIES: dict[str, dict[str, Any]] = {
    "untied": {"tie_word_embeddings": False},
    "qwen3": {"family": "qwen3"},
    "gpt2": {"family": "gpt2", "num_key_value_heads": 4},
}


def train_families(root: Path, mode: str) -> None:
    for name, shape in FAMILIES.items():
        model = decoder_of(1, spread=0.1, **shape)
        loss, identity = LossFunction(model, cpu(), True, "dense", False), {"model": model.config.to_json()}
        trainer(root / name, mode, FEW, model=model, loss=loss, identity=identity).run()


def test_every_family_in_parts(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    """Heads of their own, norms of queries and keys, learned positions and biases; the loss in chunks."""
    monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": 4 * 330 * 5})  # five positions
    train_families(tmp_path / "one", "fsdp")
    assert together(2, train_families, tmp_path / "two", "fsdp") == [None, None]
    for name in FAMILIES:
        same_run(tmp_path / "one" / name, tmp_path / "two" / name)


def train_in_bf16(folder: Path, mode: str) -> None:
    model, device = decoder_of(1, spread=0.1), Device(torch.device("cpu"), "bf16", "for a test")
    for layer in model.layers:
        layer.input_layernorm.weight.data.uniform_(0.9, 1.1)  # type: ignore[union-attr, operator]
    loss = LossFunction(model, device, True, "dense", False)
    trainer(folder, mode, FEW, model=model, loss=loss, device=device).run()


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_in_bf16_it_is_the_function_of_autocast(mode: str, tmp_path: Path) -> None:
    """Gathered in bf16, with norms in fp32: the first loss is the same; what follows is within bf16's own steps."""
    torch.manual_seed(0)
    train_in_bf16(tmp_path / "one", mode)
    torch.manual_seed(0)
    assert together(2, train_in_bf16, tmp_path / "two", mode) == [None, None]
    one, two = measured(tmp_path / "one"), measured(tmp_path / "two")
    assert (one - two).abs()[0] < 1e-6
    assert (one - two).abs().max() < 5e-3
    assert {tensor.dtype for tensor in saved(tmp_path / "two")["model"].values()} == {torch.float32}


def muon_of(parameters: Sequence[nn.Parameter]) -> Muon:
    return Muon(list(parameters), lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")


def muon_steps(shapes: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether Muon on matrices in parts does to the bit what it does on whole ones, with the same gradients."""
    mesh = init_device_mesh("cpu", (join().size,))
    whole = [nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(1))) for shape in shapes]
    parts = [nn.Parameter(distribute_tensor(p.detach(), mesh, [Shard(0)])) for p in whole]
    one, several = muon_of(whole), muon_of(parts)
    for step in range(3):
        for p, part in zip(whole, parts, strict=True):
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
            part.grad = distribute_tensor(p.grad, mesh, [Shard(0)])  # type: ignore[assignment]
        one.step(), several.step()
    return [torch.equal(p, part.full_tensor()) for p, part in zip(whole, parts, strict=True)]  # type: ignore[operator]


def test_muon_in_parts_is_muon() -> None:
    """Rows that do not divide among the processes too."""
    assert together(2, muon_steps, [(8, 6), (6, 8), (7, 5)]) == [[True] * 3] * 2


def test_muon_learns_alike(tmp_path: Path) -> None:
    """Its iteration is in bf16, where last digits of a gradient become steps of bf16; so not as exactly."""
    plan = {**FEW, "optimizer": Optimizer(name="muon", learning_rate=1e-2)}
    train(tmp_path / "one", "fsdp", plan)
    assert together(2, train, tmp_path / "two", "fsdp", plan) == [None, None]
    assert (measured(tmp_path / "one") - measured(tmp_path / "two")).abs().max() < 2e-3
    assert saved(tmp_path / "one")["optimizer"].keys() == saved(tmp_path / "two")["optimizer"].keys()


def room_of_placed(name: str) -> tuple[int, bool]:
    """Numbers that a placed tensor keeps in memory, and whether gathering gives it back."""
    model = decoder_of()
    full = model.state_dict()[name].clone()
    laid = spread(model, replace(join(), mode="fsdp"), cpu())
    placed: Any = laid.place({name: full})[name]
    gathered = laid.collect({name: placed})
    return placed.to_local().untyped_storage().nbytes() // 4, not join().chief or torch.equal(gathered[name], full)


def test_a_process_keeps_only_its_part() -> None:
    half = decoder_of().embed_tokens.weight.numel() // 2
    assert together(2, room_of_placed, "embed_tokens.weight") == [(half, True)] * 2


def sums_in_a_step(mode: str, folder: Path) -> tuple[list[int], int]:
    """Sizes of what is summed over all processes in a step of two micro-batches, and the number of sums in parts."""
    made, sizes, scattered = trainer(folder, mode, PLAN), [], []
    name = "reduce_scatter_single" if hasattr(dist, "reduce_scatter_single") else "reduce_scatter_tensor"  # by version
    plain, scatter = dist.all_reduce, getattr(dist, name)

    def note(tensor: Tensor, *rest: Any, **more: Any) -> Any:
        sizes.append(tensor.numel())
        return plain(tensor, *rest, **more)

    def note_scattered(*rest: Any, **more: Any) -> Any:
        scattered.append(1)
        return scatter(*rest, **more)

    dist.all_reduce = note
    setattr(dist, name, note_scattered)
    made._step()
    return sizes, len(scattered)


def test_gradients_are_summed_once_a_step(tmp_path: Path) -> None:
    """In parts: those of two layers and of the embeddings; the norms' at once, the square of the norm, the loss."""
    parameters = [p.numel() for p in decoder_of().parameters()]
    norms = sum(p.numel() for p in decoder_of().parameters() if p.dim() < 2)
    assert together(2, sums_in_a_step, "ddp", tmp_path) == [([sum(parameters), 1], 0)] * 2
    assert together(2, sums_in_a_step, "fsdp", tmp_path) == [([norms, 1, 1], 3)] * 2


def validated(rows: Rows, mode: str) -> dict[str, Loss]:
    """Twice, with a step between: what was gathered for the first must not be used by the second."""
    model, team = decoder_of(), replace(join(), mode=mode)
    laid = spread(model, team, cpu())
    loss = LossFunction(model, cpu(), True, "dense", False)
    slices = [slice_of("fr-a", rows[:7]), slice_of("it-b", rows[7:])]
    validate(loss, slices, 2, team=team)
    laid.settle()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.01)
    return summed_up(validate(loss, slices, 2, team=team))


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_validation_is_that_of_one(mode: str) -> None:
    """Seven rows and four, by two processes two at a time: one of them has nothing in its last turn."""
    rows = random_rows(11, 16)
    wanted = validated(rows, mode)
    for found in together(2, validated, rows, mode):
        assert found.keys() == wanted.keys()
        for name, part in wanted.items():
            assert found[name].tokens == part.tokens
            assert found[name].loss == approx(part.loss, rel=1e-6)
            assert found[name].bpb == approx(part.bpb, rel=1e-6)


def moments_after_validation(folder: Path) -> int:
    """How many tensors the optimizer names right after an observer has used the model."""
    made = trainer(folder, "fsdp", PLAN)
    slices = [slice_of("fr-a", random_rows(4, 16))]
    made.observers = [(64, validation_observer(made.loss, slices, "even", 32, made.team))]
    made._step()
    made._observe()
    return len(made.optimizer.tensors(made.model))


def test_after_validation_the_optimizer_knows_its_parameters(tmp_path: Path) -> None:
    assert together(2, moments_after_validation, tmp_path) == [3 * len(decoder_of().state_dict())] * 2


def train_until(folder: Path, mode: str, rank: int, number: int) -> None:
    """One of the processes is sent a signal at the fifth step."""

    def act(progress: Progress) -> dict[str, Any]:
        if progress.step == 5 and join().rank == rank:
            os.kill(os.getpid(), number)
        return {}

    trainer(folder, mode, PLAN, observers=[(64, act)]).run()


def test_asked_of_one_all_stop_and_save_once(tmp_path: Path) -> None:
    """Of the one that does not save; torchrun asks both."""
    found = together(2, train_until, tmp_path, "fsdp", 1, signal.SIGTERM)
    assert found == ["Interrupted: stopped at 320 tokens; the same command goes on"] * 2
    assert [path.name for path in checkpoint.steps(tmp_path / "checkpoints")] == ["step-00000005"]
    assert checkpoint.newest_valid(tmp_path / "checkpoints") is not None


@mark.parametrize("mode", ("ddp", "fsdp"))
def test_when_one_is_killed_the_other_says_so(mode: str, tmp_path: Path) -> None:
    said, killed = together(2, train_until, tmp_path, mode, 1, signal.SIGKILL)
    assert killed == "killed"
    assert said.startswith("PeerLost: process 0 of 2: another process of this run has ended")
    assert "the same command goes on" in said


@mark.parametrize(("rows", "size", "allowed"), ((4, 3, "1, 2 processes"), (6, 4, "1, 2, 3 processes"), (2, 8, "1, 2")))
def test_rows_that_do_not_divide_are_refused(rows: int, size: int, allowed: str) -> None:
    with raises(UserError, match=f"{rows} rows of 16 tokens do not divide among {size} processes") as error:
        Team(0, size).portion("pretrain.batch", rows * 16, 16)
    (problem,) = error.value.problems
    assert problem.where == "pretrain.batch" and problem.allowed.startswith(allowed)
    assert f"pretrain.batch={size * 16 * -(-rows // size)}" in problem.remedy


def test_the_rows_of_all_are_the_batch() -> None:
    rows = random_rows(12, 16)
    shares = [Team(rank, 4).share(rows) for rank in range(4)]
    assert [len(share) for share in shares] == [3] * 4
    assert (np.concatenate([share.tokens for share in shares]) == rows.tokens).all()


@mark.parametrize(
    ("wanted", "parameters", "local", "mode", "reason"),
    (
        ("auto", 1_238_415_360, 4, "ddp", "fits into half"),  # 25 GB of 80
        ("auto", 4_000_000_000, 4, "fsdp", "more than half"),
        ("auto", 4_000_000_000, 2, "hybrid", "more than half"),
        ("fsdp", 1_000_000, 4, "fsdp", "as asked"),
    ),
)
def test_auto_takes_ddp_where_the_state_fits(
    wanted: str, parameters: int, local: int, mode: str, reason: str, monkeypatch: MonkeyPatch
) -> None:
    card = SimpleNamespace(total_memory=80_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    device = Device(torch.device("cuda"), "bf16", "for a test")
    found, why = choose_mode(wanted, Team(0, 4, local), device, parameters)
    assert found == mode and reason in why


def test_auto_goes_by_the_memory_that_may_be_used() -> None:
    device = Device(torch.device("cuda"), "bf16", "for a test")
    assert choose_mode("auto", Team(0, 4, 4), device, 1_238_415_360, most=24_000_000_000)[0] == "fsdp"


def test_more_processes_than_gpus_are_refused(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    device = Device(torch.device("cuda"), "bf16", "for a test")
    with raises(UserError, match="4 processes on this machine, but 2 GPUs"):
        check_devices(Team(0, 4, 4), device)
    check_devices(Team(0, 4, 2), device)
    check_devices(Team(), device)


def fail_to_save(folder: Path) -> None:
    """The disk is full where the first process saves; the others do not save."""

    def save(*rest: Any) -> Path:
        raise full_disk(folder)

    checkpoint.save = save
    trainer(folder, "ddp", {**PLAN, "save_every": 128}).run()


def test_what_only_the_first_one_meets_ends_the_others_too(tmp_path: Path) -> None:
    chief, other = together(2, fail_to_save, tmp_path)
    assert "the disk is full" in chief
    assert other.startswith("PeerLost: process 1 of 2")


def seed_after(folder: Path) -> int:
    train(folder, "ddp", FEW)
    return torch.initial_seed()


def test_each_process_draws_its_own_numbers(tmp_path: Path) -> None:
    """Rows of one batch must not all lose the same activations; one process draws what it always drew."""
    first, second = together(2, seed_after, tmp_path)
    assert first == 1 and second != 1
