"""`calame doctor RUN`: is anything lost to rounding? From the run's last two checkpoints and its metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.model.device import Device, choose_device
from calame.model.scaled_norm import with_plain_gains
from calame.recipe.errors import refuse
from calame.recipe.load import written_recipe
from calame.recipe.schema import Recipe
from calame.recipe.timeline import last_of
from calame.run import checkpoint, telemetry
from calame.shards.rows import IGNORE, Rows
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.batch import LossFunction
from calame.training.numerics import Movement, movements, near_zero, undecayed
from calame.training.precision import apply_precision
from calame.training.setup import open_shards
from calame.training.slices import slices_of

LEAST_MOVED = 0.9  # of the weights of a group, between two checkpoints
MOST_DRIFT = 1e-2  # a step; about 1e-3 is usual (Karpathy, "Neural Networks: Zero to Hero", 2022)
MOST_NEAR_ZERO = 0.01  # of the norms' gains
MOST_UNDECAYED = 0.5  # of the weights that should decay
MOST_LOSS_ERROR = 0.005  # of the loss
MASTER = "pretrain.precision=bf16 (fp32 weights), or bf16-rounded"


@dataclass(frozen=True)
class Finding:
    """One thing that was examined: its verdict, the figures, and what to do where it is not good."""

    name: str
    good: bool
    figures: str
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{'ok   ' if self.good else 'FAULT'}  {self.name}: {self.figures}"]
        return "\n".join(lines if self.good else [*lines, f"       remedy: {self.remedy}"])


@dataclass(frozen=True)
class Patient:
    """The last two checkpoints of a run's pretraining: tensors by group, the recipe they were trained with."""

    folder: Path
    recipe: Recipe
    config: ModelConfig
    device: Device
    steps: tuple[int, int]
    before: dict[str, Tensor]
    after: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    rate: float  # the greatest between the two

    @property
    def rounded(self) -> bool:
        return self.device.precision == "bf16-rounded"


def examine(run: str, runs: str, device: str) -> list[Finding]:
    """Every finding on a run's pretraining. Raises `UserError` where there is nothing to compare."""
    patient = _patient(Path(run) if Path(run).is_dir() else Path(runs) / run, device)
    return [*_movement(patient), _norms(patient), _decay(patient), _cross_entropy(patient)]


def _patient(folder: Path, device: str) -> Patient:
    root = folder / "pretrain" / "checkpoints"
    if not root.is_dir():
        raise refuse(str(folder), "no run with a pretraining", "the name or folder of a run")
    valid = [path for path in checkpoint.steps(root) if checkpoint.damage(path) is None][-2:]
    if len(valid) < 2:
        raise refuse(
            str(folder),
            f"has {len(valid)} whole checkpoints of its pretraining",
            "two, to be compared",
            "train further, or save more often: execution.save_every, execution.keep",
        )
    (before, first), (after, last) = map(checkpoint.load, valid)
    steps = first["progress"]["step"], last["progress"]["step"]
    rates = {line["step"]: line["train/lr"] for line in telemetry.read(folder / "pretrain") if "train/lr" in line}
    between = [rate for step, rate in rates.items() if steps[0] < step <= steps[1]]
    if not rates:
        raise refuse(str(folder), "no learning rate in its metrics.jsonl", remedy="examine the folder of a whole run")
    recipe = written_recipe(last["recipe"], str(folder))
    config = ModelConfig.from_json(last["model"])
    where = choose_device(device, recipe.pretrain.precision)
    rate = max(between or [rates[max(rates)]])
    return Patient(folder, recipe, config, where, steps, before["model"], after["model"], after["optimizer"], rate)


def _movement(patient: Patient) -> Iterator[Finding]:
    """Which weights moved; how long the steps are beside the weights."""
    keys, (first, last) = patient.recipe.pretrain.optimizer, patient.steps
    found = movements(
        patient.before, patient.after, patient.optimizer, patient.rate, (keys.beta1, keys.beta2), keys.epsilon
    )
    for group, part in found.items():
        share = part.moved / part.weights
        figures = f"{share:.1%} of {part.weights:,} weights between steps {first} and {last}"
        good = share >= LEAST_MOVED or (patient.rounded and share > 0)  # those move now and then, in the mean
        yield Finding(f"moved, {group}", good, figures + _lost(patient, part), f"{MASTER}, or a higher learning rate")
        if group == "vectors":
            continue
        drift = part.drift / (last - first)
        yield Finding(
            f"update / weight, {group}",
            drift <= MOST_DRIFT,
            f"{drift:.1e} a step on the way from one to the other (about 1e-3 is usual)",
            "a lower learning rate, or a longer warm-up",
        )


def _lost(patient: Patient, part: Movement) -> str:
    """How many of the last steps are too short for a weight's rounding, in words."""
    if not part.stepped:
        return ""
    verb = "would be" if patient.rounded else "are"
    return f"; {part.lost / part.stepped:.1%} of the last steps {verb} lost by rounding to the nearest"


def _norms(patient: Patient) -> Finding:
    share = near_zero(patient.after, patient.config.norm_scale)
    return Finding(
        "norms near zero",
        share <= MOST_NEAR_ZERO,
        f"{share:.2%} of the gains below 0.01",
        "a lower learning rate; channels that are shut learn nothing any more",
    )


def _decay(patient: Patient) -> Finding:
    decay = patient.recipe.pretrain.optimizer.weight_decay
    if not decay or patient.rounded:
        said = "none is asked for" if not decay else "rounded stochastically, none of it is lost in the mean"
        return Finding("decay", True, said)
    matrices = (tensor for tensor in patient.after.values() if tensor.dim() >= 2)
    share = undecayed(matrices, 1 - patient.rate * decay)
    return Finding(
        "decay",
        share <= MOST_UNDECAYED,
        f"{share:.1%} of the weights stay as they are when multiplied by 1 - {patient.rate * decay:.1e}",
        f"{MASTER}; or pretrain.optimizer.weight_decay=0, which says what happens",
    )


@torch.no_grad()
def _cross_entropy(patient: Patient) -> Finding:
    """The loss of a few validation rows in the run's precision, and all in fp32."""
    rows = _validation_rows(patient)
    asked = torch.from_numpy(rows.targets.reshape(-1) != IGNORE)
    exact, plain = _losses(patient, rows, "fp32"), _losses(patient, rows, patient.device.precision)
    wanted, found = float(exact[asked].double().mean()), float(plain[asked].double().mean())
    coarse = float(plain[asked].bfloat16().double().mean())
    good = plain.dtype == torch.float32 and abs(found - wanted) <= MOST_LOSS_ERROR * wanted
    return Finding(
        "cross-entropy",
        good,
        f"{str(plain.dtype).removeprefix('torch.')}; {found:.5f} nats on {int(asked.sum()):,} validation tokens in "
        f"{patient.device.precision}, {wanted:.5f} in fp32 (rounded to bf16: {coarse:.5f})",
        "pretrain.precision=fp32 to compare; a loss that is no fp32 is a fault of ours",
    )


def _losses(patient: Patient, rows: Rows, precision: str) -> Tensor:
    """Nats a position, on the CPU, in a precision."""
    device = choose_device(patient.device.torch.type, precision)
    config, weights = patient.config, patient.after
    if precision == "fp32":
        config, weights = with_plain_gains(config, weights)
    model = Decoder(config).eval()
    model.load_state_dict(weights)
    model = apply_precision(model.to(device.torch), device)
    masked = patient.recipe.pretrain.documents == "masked"
    return LossFunction(model, device, masked, "dense", False)(rows).cpu()


def _validation_rows(patient: Patient, most: int = 8) -> Rows:
    tokenizer = Tokenizer.load(patient.folder / "pretrain" / "tokenizer")
    shards = {name: patient.folder / "shards" / name for name in patient.recipe.corpus.sources}
    if missing := [str(path) for path in shards.values() if not path.is_dir()]:
        raise refuse(", ".join(missing), "is missing", remedy="calame run RECIPE --only shards")
    opened, context = open_shards(shards, "validation", tokenizer), last_of(patient.recipe.pretrain.context)
    slices = slices_of(opened, tokenizer, context, tokens=most * context)
    return Rows.join([part.windows.rows[: max(1, most // len(slices))] for part in slices])
