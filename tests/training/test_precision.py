"""Each precision on the one loop: it learns as fp32 does, goes on exactly, and leaves steps out where it must."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytest import approx, fixture, mark, raises

from builders import RandomData, config_of, cpu, plan_of, recipe_of, tokenizer_of, trainer_of, transformers_twin
from calame.inference.load import load_checkpoint
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.recipe.errors import UserError
from calame.recipe.schema import Optimizer, Schedule
from calame.release.huggingface import export
from calame.run import checkpoint, telemetry
from calame.training import scaler
from calame.training.adamw import RoundedAdamW
from calame.training.batch import LossFunction
from calame.training.loop import Progress, Trainer
from calame.training.memory import checkpoint_activations
from calame.training.precision import apply_precision
from calame.training.scaler import LossScaler
from calame.training.setup import prepare

STATES = {"bf16-rounded": "bf16", "bf16-scaled": "bf16"}


class Learnable(RandomData):
    """Rows that can be learnt: each token follows from the one before it."""

    def _row(self, position: int) -> Any:
        rows = super()._row(position)
        for place in range(1, self.context):
            rows.tokens[0, place] = 6 + (rows.tokens[0, place - 1] * 7 + 3) % 50
        rows.targets[0, :-1] = rows.tokens[0, 1:]
        return rows


def trainer(folder: Path, precision: str, state: str | None = None, **changes: Any) -> Trainer:
    where = choose_device("cpu", precision)
    model = Decoder(config_of(initializer_range=0.1, norm_scale=where.norm_scale))
    model.initialise(1)
    apply_precision(model, where)
    optimizer = Optimizer(learning_rate=3e-3, state=state or STATES.get(precision, "fp32"))  # type: ignore[arg-type]
    plan = plan_of(**{"tokens": 8 * 64, "save_every": 3 * 64, "optimizer": optimizer, **changes.pop("plan", {})})
    values = {
        "model": model,
        "device": where,
        "loss": LossFunction(model, where, True, "dense", False),
        "identity": {"tokenizer": tokenizer_of().hash, "model": model.config.to_json()},
        **changes,
    }
    return trainer_of(folder, plan, Learnable(), **values)


def losses(folder: Path) -> list[float]:
    return [line["train/loss"] for line in telemetry.read(folder) if "train/loss" in line]


def newest(folder: Path) -> Path:
    found = checkpoint.newest_valid(folder / "checkpoints")
    assert found is not None
    return found


def test_precisions_keep_and_compute_what_they_say() -> None:
    names = ("auto", "fp32", "bf16", "bf16-rounded", "bf16-scaled", "fp16", "fp8")
    devices = {name: choose_device("cpu", name) for name in names}
    found = {name: (device.compute, device.weights) for name, device in devices.items()}
    half, wide = torch.bfloat16, torch.float32
    assert found == {
        "auto": (wide, wide),
        "fp32": (wide, wide),
        "bf16": (half, wide),
        "bf16-rounded": (half, half),
        "bf16-scaled": (half, half),
        "fp16": (torch.float16, wide),
        "fp8": (half, wide),
    }
    assert "bfloat16 compute, bfloat16 weights" in choose_device("cpu", "bf16-rounded").reason


def test_rounded_weights_are_bf16_but_for_vectors_and_the_rotary_table() -> None:
    bench = prepare(recipe_of(pretrain__precision="bf16-rounded"), tokenizer_of(), True)
    assert {p.dtype for p in bench.model.parameters() if p.dim() >= 2} == {torch.bfloat16}
    assert {p.dtype for p in bench.model.parameters() if p.dim() < 2} == {torch.float32}
    assert bench.model.cos.dtype == torch.float32


LONG = {"tokens": 60 * 64, "save_every": 60 * 64}


@fixture(scope="module")
def exact(tmp_path_factory) -> list[float]:
    """The losses of fp32."""
    folder = tmp_path_factory.mktemp("fp32")
    trainer(folder, "fp32", plan=LONG).run()
    return losses(folder)


@mark.parametrize(
    ("precision", "state", "most"),
    (
        ("bf16", None, 0.01),
        ("bf16-rounded", None, 0.02),
        ("fp16", None, 0.01),
        ("fp8", None, 0.02),
        ("fp32", "int8", 0.02),
    ),
)
def test_it_learns_as_fp32_does(
    precision: str, state: str | None, most: float, exact: list[float], tmp_path: Path
) -> None:
    """60 steps on text that can be learnt, the mean of the last 10 losses."""
    trainer(tmp_path, precision, state, plan=LONG).run()
    wanted, found = (sum(curve[-10:]) / 10 for curve in (exact, losses(tmp_path)))
    print(f"{precision} {state}: {found:.4f}, fp32 {wanted:.4f}")
    assert wanted < 0.7 * exact[0]  # it has learnt
    assert found == approx(wanted, rel=most)


def same(one: Path, other: Path) -> None:
    """Every loss, and every tensor of the last checkpoint, bit for bit."""
    assert losses(one) == losses(other)
    (tensors, state), (others, other_state) = (checkpoint.load(newest(folder)) for folder in (one, other))
    assert state == other_state
    for group, content in tensors.items():
        assert set(content) == set(others[group])
        assert all(torch.equal(tensor, others[group][name]) for name, tensor in content.items()), group


class Stop(Exception):
    pass


def stopped_at(folder: Path, stops: Sequence[int], precision: str, state: str | None = None) -> None:
    """A run that breaks off after each of these steps, and goes on to the end."""
    for step in stops:

        def observe(progress: Progress, at: int = step) -> dict[str, Any]:
            if progress.step == at:
                raise Stop
            return {}

        with raises(Stop):
            trainer(folder, precision, state, observers=[(64, observe)]).run()
    trainer(folder, precision, state).run()


@mark.parametrize(
    ("precision", "state"), (("bf16-rounded", None), ("bf16-rounded", "int8"), ("bf16-scaled", None), ("fp32", "int8"))
)
def test_what_goes_on_is_what_was_not_stopped(precision: str, state: str | None, tmp_path: Path) -> None:
    trainer(tmp_path / "whole", precision, state).run()
    stopped_at(tmp_path / "parts", (2, 6), precision, state)
    same(tmp_path / "whole", tmp_path / "parts")


def test_the_loss_scale_outlives_a_stop(tmp_path: Path, monkeypatch) -> None:
    """A scale that overflows at first and doubles after two good steps: the same steps are left out, bit for bit."""
    monkeypatch.setattr(scaler, "START", 2.0**22)
    monkeypatch.setattr(scaler, "MOST", 2.0**30)
    monkeypatch.setattr(scaler, "PATIENCE", 2)
    trainer(tmp_path / "whole", "fp16").run()
    stopped_at(tmp_path / "parts", (2, 6), "fp16")
    same(tmp_path / "whole", tmp_path / "parts")
    scales = [line["train/loss_scale"] for line in telemetry.read(tmp_path / "whole")]
    assert len(set(scales)) > 2
    assert 0 < telemetry.read(tmp_path / "whole")[-1]["train/steps_skipped"] < 8
    assert "scaler" in checkpoint.load(newest(tmp_path / "whole"))[0]


def test_a_step_that_overflows_leaves_no_trace(tmp_path: Path) -> None:
    made = trainer(tmp_path, "fp16")
    made.scaler.factor = 2.0**40
    before = {name: tensor.clone() for name, tensor in made.model.state_dict().items()}
    _, norm = made._step()
    assert made.scaler.left_out
    assert made.scaler.factor == 2.0**39
    assert not torch.isfinite(norm)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.model.state_dict().items())
    assert not made.optimizer.tensors(made.model)
    assert made.progress.step == 1
    made.check_finite()  # no fault


def test_scaled_gradients_are_those_of_the_loss(tmp_path: Path) -> None:
    """2^-30 of a loss has no gradient in fp16 without a scale, and the right one with it."""
    made = LossScaler(True)
    layer = torch.nn.Linear(4, 4)
    x = torch.ones(2, 4)
    layer(x).sum().mul(2.0**-10).backward()
    assert layer.weight.grad is not None
    wanted, layer.weight.grad = layer.weight.grad.clone(), None
    made.scale(layer(x).sum().mul(2.0**-10)).backward()
    made.unscale(layer)
    assert torch.equal(layer.weight.grad, wanted)  # a power of two


def test_a_model_that_overflows_by_itself_is_said() -> None:
    made = LossScaler(True)
    with raises(UserError, match="overflows") as error:
        for _ in range(100):
            assert not made.accept(torch.tensor(float("inf")))
    assert "bf16" in error.value.problems[0].remedy
    assert made.skipped == 17


# -- as Gaperon: gains divided by 20, everything in bf16, AdamW that is not fused ---------------------------------


def test_scaled_norms_are_a_plain_model_with_gains_times_20(tmp_path: Path) -> None:
    made = trainer(tmp_path, "bf16-scaled", plan={"optimizer": Optimizer(learning_rate=2e-3, state="bf16")})
    made.run()
    assert {p.dtype for p in made.model.parameters()} == {torch.bfloat16}
    assert not isinstance(made.optimizer.parts[0], RoundedAdamW)
    assert made.optimizer.parts[0].defaults["fused"] is False
    stored = made.model.state_dict()
    (tmp_path / "tokenizer").mkdir()
    tokenizer_of().save(tmp_path / "tokenizer")
    loaded = load_checkpoint(newest(tmp_path), "cpu")
    gains = {name: tensor for name, tensor in loaded.model.state_dict().items() if "norm" in name}
    assert len(gains) == 5
    for name, gain in gains.items():
        assert torch.equal(gain, 20 * stored[name].float()), name
        assert gain.mean() == approx(1, abs=0.5)
    tokens = torch.arange(6, 40)[None]
    wide = made.model.float()
    with torch.no_grad():
        ours, theirs = wide.logits(wide(tokens)), transformers_twin(loaded.model)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
    for dtype in ("float32", "bfloat16"):  # the gate compares with `transformers`
        assert export(loaded, tmp_path / dtype, dtype)["argmax_agreement"] == 1


def test_ordinary_gains_are_divided_when_they_are_loaded(tmp_path: Path) -> None:
    """Not so in the original, where every norm then puts out twenty times too much."""
    made = trainer(tmp_path / "run", "fp32")
    made.run()
    (tmp_path / "run" / "tokenizer").mkdir()
    tokenizer_of().save(tmp_path / "run" / "tokenizer")
    loaded = load_checkpoint(newest(tmp_path / "run"), "cpu")
    export(loaded, tmp_path / "model", "float32")
    keys = {"model__init": str(tmp_path / "model"), "model__tie_word_embeddings": True}
    bench = prepare(recipe_of(pretrain__precision="bf16-scaled", **keys), tokenizer_of(), True)
    assert bench.model.config.norm_scale == 20
    tokens = torch.arange(6, 40)[None]
    with torch.no_grad():
        ours, theirs = bench.model.float()(tokens), loaded.model(tokens)
    assert (ours - theirs).norm() < 0.02 * theirs.norm()


def test_checkpoints_of_scaled_and_plain_norms_are_not_mistaken(tmp_path: Path) -> None:
    trainer(tmp_path, "bf16").run()
    with raises(UserError, match="its model is another one"):
        trainer(tmp_path, "bf16-scaled").run()


def test_gradients_of_two_types_have_one_norm(tmp_path: Path) -> None:
    """Rounded weights have bf16 gradients, vectors fp32 ones."""
    made = trainer(tmp_path, "bf16-rounded", plan={"clip": 1e9, "schedule": Schedule(warmup=0)})
    exact = trainer(tmp_path, "fp32", plan={"clip": 1e9})
    assert made._step()[1].item() == approx(exact._step()[1].item(), rel=0.02)
    assert cpu().norm_scale == 1


def slope_of(precision: str, again: str = "none", compiled: bool = False) -> torch.Tensor:
    """The gradient of a batch."""
    where = choose_device("cpu", precision)
    model = Decoder(config_of(initializer_range=0.1, num_hidden_layers=1))
    model.initialise(1)
    checkpoint_activations(apply_precision(model, where), again)
    LossFunction(model, where, True, "dense", compiled)(Learnable().batch(0, 64)).sum().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@mark.slow
@mark.parametrize(("precision", "again"), (("fp8", "none"), ("fp32", "selective"), ("fp16", "full")))
def test_compiled_it_is_as_near_to_fp32_as_plain(precision: str, again: str) -> None:
    """A compiler rounds elsewhere, and in 8 bits that shows; but it must not be farther off for it."""
    exact, plain, compiled = slope_of("fp32"), slope_of(precision, again), slope_of(precision, again, True)
    assert (compiled - exact).norm() <= 1.3 * (plain - exact).norm() + 1e-5 * exact.norm()
