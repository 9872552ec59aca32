"""On a CUDA device: a run that goes on is the run that was not stopped, and each precision learns what fp32 learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytest import fixture, mark, raises

from builders import (
    RandomData,
    Stop,
    config_of,
    decoder_of,
    fake_shard,
    loaded_of,
    plan_of,
    stop_at,
    trainer_of,
    transformers_twin,
)
from calame.inference.generate import Sampling, stream_ids
from calame.inference.load import Loaded
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.schema import Optimizer
from calame.recipe.timeline import Timeline
from calame.run import checkpoint, telemetry
from calame.shards.loader import Loader
from calame.shards.mixture import Mixture, Phase
from calame.training.batch import LossFunction
from calame.training.determinism import deterministic
from calame.training.loop import Trainer

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

STEPS, CONTEXT = 20, 64
WIDE: dict[str, Any] = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64}
PLAN = plan_of(tokens=STEPS * 512, batch=512, micro_batch=256, save_every=5 * 512)


def trainer(folder: Path, device: str, precision: str, optimizer: str = "adamw", **changes: Any) -> Trainer:
    """A wide little model, on the fast way where there is one: joined rows and compiled with bf16 on the card."""
    where = choose_device(device, precision)
    config = config_of(**WIDE, intermediate_size=512, max_position_embeddings=CONTEXT)
    model = Decoder(config)
    model.initialise(0)
    model.to(where.torch)
    fast = precision == "bf16" and device == "cuda"
    loss = LossFunction(model, where, True, "varlen" if fast else "dense", fast)
    plan = plan_of(**{**vars(PLAN), "optimizer": Optimizer(name=optimizer, learning_rate=1e-3)})
    return trainer_of(
        folder, plan, RandomData(CONTEXT), model=model, device=where, loss=loss,
        identity={"tokenizer": "a", "model": config.to_json()}, **changes,
    )  # fmt: skip


def losses(folder: Path) -> torch.Tensor:
    found = {line["step"]: line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line}
    assert sorted(found) == list(range(1, STEPS + 1))
    return torch.tensor([found[step] for step in sorted(found)])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    return checkpoint.load(newest)[0]["model"]


@fixture
def always_alike() -> Iterator[None]:
    with deterministic(True):
        yield


@mark.parametrize("optimizer", ("adamw", "muon"))
@mark.parametrize("precision", ("fp32", "bf16"))
def test_stopped_and_gone_on_it_is_bit_for_bit_the_same(precision, optimizer, always_alike, tmp_path: Path) -> None:
    """With deterministic kernels: what differs then is only what was not saved, which is nothing."""

    def dense(folder: Path, **changes: Any) -> Trainer:
        made = trainer(folder, "cuda", precision, optimizer, **changes)
        made.loss = LossFunction(made.model, made.device, True, "dense", False)
        return made

    dense(tmp_path / "whole").run()
    for step in (7, 13):
        with raises(Stop):
            dense(tmp_path / "parts", observers=[(512, stop_at(step))]).run()
    dense(tmp_path / "parts").run()
    assert torch.equal(losses(tmp_path / "whole"), losses(tmp_path / "parts"))
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_deterministic_the_fast_way_is_bit_for_bit_the_same_too(always_alike, tmp_path: Path) -> None:
    def fast(folder: Path, **changes: Any) -> Trainer:
        made = trainer(folder, "cuda", "bf16", **changes)
        made.loss = LossFunction(made.model, made.device, True, "varlen", True, True)
        return made

    fast(tmp_path / "whole").run()
    with raises(Stop):
        fast(tmp_path / "parts", observers=[(512, stop_at(7))]).run()
    fast(tmp_path / "parts").run()
    assert torch.equal(losses(tmp_path / "whole"), losses(tmp_path / "parts"))
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_on_the_fast_way_it_differs_no_more_than_two_whole_runs(tmp_path: Path) -> None:
    """Flash attention adds up in any order: two equal runs differ in the last bits, and so may one that was stopped."""
    for name in ("one", "two"):
        trainer(tmp_path / name, "cuda", "bf16").run()
    with raises(Stop):
        trainer(tmp_path / "parts", "cuda", "bf16", observers=[(512, stop_at(12))]).run()
    trainer(tmp_path / "parts", "cuda", "bf16").run()
    one, two, parts = (losses(tmp_path / name) for name in ("one", "two", "parts"))
    print(f"two whole runs: {(one - two).abs().max():.2e}; whole and stopped: {(one - parts).abs().max():.2e}")
    assert (one - parts).abs().max() <= max(2 * float((one - two).abs().max()), 2e-3)


def test_replayed_graphs_learn_what_launches_learn(tmp_path: Path) -> None:
    """Two parts a batch: one graph writes the gradient, the other adds to it."""

    def fast(folder: Path, graphed: bool) -> Trainer:
        made = trainer(folder, "cuda", "bf16", graphed=graphed)
        made.loss = LossFunction(made.model, made.device, True, "varlen", True, True)
        return made

    for name, graphed in (("launched", False), ("replayed", True)):
        fast(tmp_path / name, graphed).run()
    apart = (losses(tmp_path / "launched") - losses(tmp_path / "replayed")).abs().max()
    print(f"losses differ by at most {apart:.2e} nats in {STEPS} steps")
    assert apart < 2e-3


@mark.parametrize(("precision", "most"), (("fp32", 2e-4), ("bf16", 2e-2)))
@mark.parametrize("optimizer", ("adamw", "muon"))
def test_the_card_learns_what_the_cpu_learns(precision: str, most: float, optimizer: str, tmp_path: Path) -> None:
    trainer(tmp_path / "cpu", "cpu", "fp32", optimizer).run()
    trainer(tmp_path / "cuda", "cuda", precision, optimizer).run()
    apart = (losses(tmp_path / "cpu") - losses(tmp_path / "cuda")).abs().max()
    print(f"{optimizer}, {precision}: losses differ by at most {apart:.2e} nats in {STEPS} steps")
    assert apart < most


def test_steps_of_the_context_learn_on_the_fast_way_what_the_cpu_learns(tmp_path: Path) -> None:
    """Rows of 16, then of 64 tokens: compiled and joined for either, as dense on the CPU."""
    draw = np.random.default_rng(0)
    shard = fake_shard("a", draw.integers(5, 90, 400).tolist(), vocabulary=330)
    mixture = Mixture({"a": len(shard.tokens)}, [Phase(None, 4)], CONTEXT)
    steps = Timeline(512, {0: 16, 9 * 512: CONTEXT})
    for device, precision in (("cpu", "fp32"), ("cuda", "bf16")):
        made = trainer(tmp_path / device, device, precision)
        made.data = Loader([shard], mixture, steps, True, 1)
        made.run()
    apart = (losses(tmp_path / "cpu") - losses(tmp_path / "cuda")).abs().max()
    print(f"steps of the context: losses differ by at most {apart:.2e} nats in {STEPS} steps")
    assert apart < 2e-2


@torch.no_grad()
def test_logits_and_greedy_text_equal_transformers_on_the_card() -> None:
    ours, theirs = decoder_of().to("cuda"), transformers_twin(decoder_of()).to("cuda")  # type: ignore[arg-type]
    tokens = (torch.arange(40)[None] * 7 % 330).to("cuda")
    assert torch.allclose(ours.logits(ours(tokens)), theirs(tokens).logits, atol=1e-5)
    there = loaded_of(decoder_of())
    here = Loaded(ours, there.tokenizer, choose_device("cuda", "fp32"), there.tuned, "a test")
    for prompt in ([2, 50, 60, 70], [2, 200]):
        found = [[step[0] for step in stream_ids(where, [prompt], Sampling(limit=40))] for where in (here, there)]
        assert found[0] == found[1]
        assert len(found[0]) > 1
