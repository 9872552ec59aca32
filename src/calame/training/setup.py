"""What pretraining and tuning prepare alike: device, model, micro-batch, attention, validation."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tokenizers
import torch
from torch import Tensor

from calame.model.attention import take_newer_flash
from calame.model.config import STRETCHED, ModelConfig, count_parameters
from calame.model.decoder import Decoder
from calame.model.device import Device, choose_device
from calame.model.huggingface import read_folder
from calame.model.scaled_norm import scale_gains
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.objective import NEXT_TOKEN
from calame.recipe.schema import Execution, Optimizer, Recipe
from calame.recipe.slices import Mixed
from calame.recipe.units import say_count
from calame.run.progress import say
from calame.shards.read import Shard
from calame.tokenizer.tokenizer import FILE as TOKENIZER_FILE
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.batch import Data, LossFunction, Objective, choose_attention
from calame.training.loop import Observer, Progress
from calame.training.memory import DryRun, cap_memory, checkpoint_activations, fitting_micro_batch
from calame.training.optimizer import build_optimizer
from calame.training.parallel import Team, check_devices, choose_mode, join
from calame.training.precision import apply_precision
from calame.training.sharding import compile_layers
from calame.training.slices import Slice, check_weights, slices_of
from calame.training.stopping import poll
from calame.training.validate import ALONE, summed_up, validate

FREE = ("vocab_size", "initializer_range", "norm_scale")  # may differ from those of the folder that a model starts from
MICRO_BATCH = {"cuda": 32_768, "mps": 8_192, "cpu": 4_096}  # tokens; what a device of the kind digests well


@dataclass
class Bench:
    """A model on its device, ready to be trained or measured."""

    recipe: Recipe
    device: Device
    tokenizer: Tokenizer
    model: Decoder
    masked: bool
    team: Team

    @property
    def identity(self) -> dict[str, Any]:
        """What every checkpoint says of itself."""
        return {
            "tokenizer": self.tokenizer.hash,
            "model": self.model.config.to_json(),
            "recipe": self.recipe.model_dump(by_alias=True, mode="json"),
        }

    def loss(self, smoothing: float = 0.0, objective: str = NEXT_TOKEN) -> LossFunction:
        """The loss of this model; `smoothing` of the labels and the `objective` act in training only."""
        execution = self.recipe.execution
        wanted, plain = execution.compile, execution.kernels == "plain"
        compiled = wanted == "on" or (wanted == "auto" and self.device.torch.type == "cuda")
        attention = "dense" if plain else choose_attention(self.device, self.masked, self.model.noise.of_attention > 0)
        fast, as_one = compiled and not plain, compiled and self.team.size == 1
        if compiled and not as_one:  # gradients and parts of the model travel layer by layer
            compile_layers(self.model)
        return LossFunction(self.model, self.device, self.masked, attention, as_one, fast, smoothing, objective)

    @property
    def graphed(self) -> bool:
        """Whether passes are CUDA graphs. Raises `UserError` where they are asked for and cannot be."""
        execution, device = self.recipe.execution, self.device
        if not execution.graphs:
            return False
        lacking = {
            f"the device is {device.torch.type}": device.torch.type != "cuda",
            "nothing is compiled": execution.compile == "off",
            f"there are {self.team.size} processes": self.team.size > 1,
            "the scale of fp16 changes from step to step": device.compute == torch.float16,
        }
        reasons = [reason for reason, lacks in lacking.items() if lacks]
        if reasons:
            raise refuse(
                "execution.graphs",
                "; ".join(reasons),
                "one CUDA device, compiled, in another precision than fp16",
                "execution.graphs=false",
            )
        return True


def prepare(recipe: Recipe, tokenizer: Tokenizer, masked: bool) -> Bench:
    """Choose the device aloud and put a freshly initialised (or `model.init`) model on it."""
    if recipe.execution.threads:
        torch.set_num_threads(recipe.execution.threads)
    device = choose_device(recipe.execution.device, recipe.pretrain.precision)
    cap_memory(recipe.execution.memory, device)
    config = replace(ModelConfig.from_recipe(recipe.model, tokenizer.size), norm_scale=device.norm_scale)
    if recipe.execution.kernels == "auto" and not recipe.execution.deterministic and device.compute == torch.bfloat16:
        heads = (config.head_dim, config.num_attention_heads, config.num_key_value_heads)
        if newer := take_newer_flash(device.torch, *heads):
            say(f"  attention: {newer}, which is installed")
    model = Decoder(config)
    if recipe.model.init:
        model.load_state_dict(scale_gains(initial_weights(recipe.model.init, config, tokenizer), config))
    else:
        model.initialise(recipe.seed)
    say(
        f"  model: {say_count(count_parameters(config))} parameters, {config.vocab_size:,} entries; "
        f"device: {device.name} ({device.reason})"
    )
    checkpoint_activations(model, recipe.execution.activation_checkpointing)
    team = _team(recipe.execution, device, count_parameters(config))
    return Bench(recipe, device, tokenizer, apply_precision(model.to(device.torch), device), masked, team)


def _team(keys: Execution, device: Device, parameters: int) -> Team:
    """The processes that train, and how the model's state will lie in them, said aloud where there are several."""
    team = join()
    check_devices(team, device)
    mode, reason = choose_mode(keys.parallel, team, device, parameters, keys.memory)
    if team.size > 1:
        say(f"  {team.size} processes, {team.local} on this machine; execution.parallel = {mode}: {reason}")
    return replace(team, mode=mode)


def initial_weights(folder: str, config: ModelConfig, tokenizer: Tokenizer) -> dict[str, Tensor]:
    """The weights of a Hugging Face folder; rows of appended tokens start at the mean of the others.

    Raises `UserError` listing every difference of shape.
    """
    theirs, weights = read_folder(folder, "model.init")
    appended = tokenizer.about.get("appended", 0)
    problems = [
        Problem(f"model.{name}", f"{ours!r}, but {folder} has {value!r}", repr(value))
        for name, value in theirs.to_json().items()
        if name not in (*FREE, *(STRETCHED if config.parts.rotary else ())) and (ours := getattr(config, name)) != value
    ]
    if config.vocab_size > theirs.vocab_size + appended:
        problems.append(
            Problem(
                "tokenizer",
                f"{config.vocab_size:,} entries, but {folder} has {theirs.vocab_size:,} rows",
                "the model's own tokenizer",
                f"tokenizer.from={folder}",
            )
        )
    problems += _other_entries(Path(folder), theirs.vocab_size, tokenizer)
    if problems:
        raise UserError(problems)
    changed = [name for name in STRETCHED if config.parts.rotary and getattr(config, name) != getattr(theirs, name)]
    if changed:
        told = ", ".join(f"{name} {getattr(theirs, name)} -> {getattr(config, name)}" for name in changed)
        say(f"  positions are turned otherwise than in {folder}: {told}")
    for name in ("embed_tokens.weight", "lm_head.weight"):
        if name in weights:
            weights[name] = _fit_rows(weights[name].float(), config.vocab_size)
    return weights


def _other_entries(folder: Path, rows: int, tokenizer: Tokenizer) -> list[Problem]:
    """That a folder's tokenizer has other entries, though as many: its rows would stand for other tokens."""
    file = folder / TOKENIZER_FILE
    if not file.is_file():
        say(f"  {folder} has no {TOKENIZER_FILE}: that its rows are of this tokenizer is taken on trust")
        return []
    try:
        engine = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        return [Problem("model.init", f"{file} is not whole: {error}", remedy="copy the folder again")]
    pairs = [(id_, engine.id_to_token(id_), tokenizer.engine.id_to_token(id_)) for id_ in range(rows)]
    other = [pair for pair in pairs if pair[1] is not None and pair[2] is not None and pair[1] != pair[2]]
    if not other:
        return []
    id_, theirs, ours = other[0]
    what = f"{len(other):,} of its entries are others, the first {id_}: {ours!r}, but {folder} has {theirs!r}"
    return [Problem("tokenizer", what, "the model's own tokenizer", f"tokenizer.from={folder}")]


def _fit_rows(matrix: Tensor, rows: int) -> Tensor:
    missing = rows - matrix.shape[0]
    return matrix[:rows] if missing <= 0 else torch.cat([matrix, matrix.mean(0, keepdim=True).expand(missing, -1)])


def micro_batches(execution: Execution, device: Device, batch: int, context: int) -> list[int]:
    """Tokens that may pass through at once, the most first: what was asked, or at most what the kind of device digests;
    whole rows that divide the batch."""
    most = execution.micro_batch or MICRO_BATCH[device.torch.type]
    rows = batch // context
    fitting = [n * context for n in range(rows, 0, -1) if rows % n == 0 and (n * context <= most or n == 1)]
    return fitting[:1] if execution.micro_batch else fitting


def fit_micro_batch(bench: Bench, loss: Objective, data: Data, keys: Optimizer, batch: int) -> int:
    """The tokens that pass through at once. On a GPU a dry run finds what fits. Raises `UserError` if nothing does."""
    execution = bench.recipe.execution
    candidates = micro_batches(execution, bench.device, batch, data.context)
    chosen, most = candidates[0], execution.micro_batch or MICRO_BATCH[bench.device.torch.type]
    reason = f"rows that divide the batch, at most {most:,}"
    if execution.micro_batch == chosen:
        reason = "as asked"
    elif chosen > most:
        reason = f"a row, the least there is; {most:,} were asked"
    if bench.device.torch.type == "cuda":
        attempt = DryRun(bench.model, bench.device, loss, data, build_optimizer(bench.model, keys, bench.device))
        chosen = -bench.team.most(-fitting_micro_batch(candidates, attempt))  # what fits everywhere
        reason += attempt.describe()
    say(f"  micro-batch: {chosen:,} of {batch:,} tokens ({reason})")
    return chosen


def validation_observer(
    loss: LossFunction, slices: Sequence[Slice], mixed: Mixed, tokens_at_once: int, team: Team = ALONE
) -> Observer:
    """val/SLICE/loss and /bpb of every slice, of `mixed` and `micro`."""
    rows = max(1, tokens_at_once // slices[0].windows.rows.tokens.shape[1])

    def observe(progress: Progress) -> dict[str, Any]:
        values = {}
        try:
            # Of several processes none leaves the others alone in a validation: they look after the step.
            measured = validate(loss, slices, rows, lambda tokens: poll() if team.size == 1 else None, team)
        finally:
            loss.model.train()  # it may have been cut short
        for name, found in summed_up(measured, mixed).items():
            values[f"val/{name}/loss"] = round(found.loss, 5)
            values[f"val/{name}/bpb"] = round(found.bpb, 5)
        say(
            f"  validation at {say_count(progress.position)} tokens: loss {values['val/mixed/loss']:.3f}, "
            f"{values['val/mixed/bpb']:.3f} bits a byte"
        )
        return values

    return observe


def validation_slices(recipe: Recipe, shards: Mapping[str, Path], tokenizer: Tokenizer, context: int) -> list[Slice]:
    """What is measured in training: of each slice `execution.validation_tokens`. Raises `UserError` where the weights
    of `val/mixed` are not those of these slices."""
    opened = open_shards(shards, "validation", tokenizer)
    most, ood = recipe.execution.validation_tokens, recipe.corpus.ood
    slices = slices_of(opened, tokenizer, context, tokens=most, ood=ood)
    check_weights([part.name for part in slices], recipe.evaluation.mixed)
    return slices


def open_shards(folders: Mapping[str, Path], split: str, tokenizer: Tokenizer) -> list[Shard]:
    return [Shard(folder, split, tokenizer) for folder in folders.values()]


def keep_tokenizer(source: Path, folder: Path) -> None:
    """A trained stage carries its tokenizer, so that its checkpoints can be used without the run."""
    shutil.copytree(source, folder / "tokenizer", dirs_exist_ok=True, ignore=shutil.ignore_patterns("done.json"))
