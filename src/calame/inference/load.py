"""Find the model a user means: a run by name or folder, a checkpoint, or a Hugging Face folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.model.device import Device, choose_device
from calame.model.huggingface import read_folder
from calame.model.scaled_norm import with_plain_gains
from calame.recipe.errors import refuse
from calame.run import checkpoint
from calame.run.files import read_json
from calame.tokenizer.adopt import adopt
from calame.tokenizer.tokenizer import Tokenizer, check_hash

PASSED = "gate.json"
"""In a folder that we exported: the figures of its gate, whether it is tuned, and a policy without BOS."""


@dataclass
class Loaded:
    """A model ready to speak. `tuned`: it knows conversations. `origin`: what it was loaded from, for people."""

    model: Decoder
    tokenizer: Tokenizer
    device: Device
    tuned: bool
    origin: str

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in when it speaks, and what its cache is kept in: the type of its weights."""
        return self.model.head.dtype


def load_any(name: str, runs: str = "runs", device: str = "auto", base: bool = False) -> Loaded:
    """`name`: a run (its tuned model, or with `base` its selected pretrained one), a checkpoint folder, or a Hugging
    Face folder. Raises `UserError` if it is none of them."""
    path = Path(name) if Path(name).exists() else Path(runs) / name
    if (path / "config.json").is_file():
        return load_huggingface(path, device)
    if checkpoint.STEP.match(path.name):
        return load_checkpoint(path, device)
    if (found := _of_run(path, base)) is not None:
        return load_checkpoint(found, device)
    what = "holds no trained model yet" if (path / "recipe.yaml").is_file() else "is no run, checkpoint or model folder"
    raise refuse(
        name,
        what,
        "a run's name, a folder step-XXXXXXXX, or a folder with config.json",
        "train first: calame run RECIPE",
    )


def in_bf16(loaded: Loaded) -> Loaded:
    """The same model with weights, cache and products in bf16: half the bytes that each token costs. The angles of
    positions stay in fp32."""
    model = Decoder(loaded.model.config).to(loaded.device.torch).eval()
    model.load_state_dict(loaded.model.state_dict())
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.to(torch.bfloat16), requires_grad=False))
    return replace(loaded, model=model)


def _of_run(path: Path, base: bool) -> Path | None:
    tuned = sorted((path / "sft").glob("*/checkpoints")) if not base else []
    for folder in tuned:
        if (newest := checkpoint.newest_valid(folder)) is not None and (folder.parent / "done.json").is_file():
            return newest
    if (path / "selected.json").is_file():
        return path / "pretrain" / "checkpoints" / read_json(path / "selected.json")["checkpoint"]
    return checkpoint.newest_valid(path / "pretrain" / "checkpoints")


def load_checkpoint(folder: Path, device: str = "auto") -> Loaded:
    """A checkpoint of a trained stage, with the tokenizer that stands beside its folder of checkpoints."""
    tensors, state = checkpoint.load(folder)
    stage = folder.resolve().parent.parent
    if not (stage / "tokenizer").is_dir() or not any((stage / "tokenizer").iterdir()):
        raise refuse(
            str(folder),
            "no tokenizer beside its folder of checkpoints",
            remedy="keep a trained stage's folder together",
        )
    tokenizer = Tokenizer.load(stage / "tokenizer")
    check_hash(state["tokenizer"], tokenizer, str(folder))
    config, weights = with_plain_gains(ModelConfig.from_json(state["model"]), tensors["model"])
    model = Decoder(config)
    model.load_state_dict(weights)
    chosen = choose_device(device)
    tuned = (stage / "conversations.json").is_file()
    return Loaded(model.to(chosen.torch).eval(), tokenizer, chosen, tuned, str(folder))


def load_huggingface(folder: Path, device: str = "auto") -> Loaded:
    """A Llama in Hugging Face form with its tokenizer."""
    config, weights = read_folder(folder, str(folder))
    model = Decoder(config)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    chosen = choose_device(device)
    exported = read_json(folder / PASSED) if (folder / PASSED).is_file() else {}
    tuned = exported.get("tuned", (folder / "chat_template.jinja").is_file())  # ours have a template in any case
    tokenizer = adopt(str(folder))
    tokenizer = tokenizer.without_bos() if exported.get("bos") == "none" else tokenizer
    return Loaded(model.to(chosen.torch).eval(), tokenizer, chosen, tuned, str(folder))
