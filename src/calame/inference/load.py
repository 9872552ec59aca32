"""Find the model a user means: a run by name or folder, a checkpoint, or a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml
from torch import nn

from calame.model.config import ModelConfig
from calame.model.decoder import Decoder
from calame.model.device import Device, choose_device
from calame.model.huggingface import read_folder
from calame.model.scaled_norm import with_plain_gains
from calame.recipe.errors import refuse
from calame.recipe.objective import HEAD_FOLLOWS, NEXT_TOKEN
from calame.run import checkpoint
from calame.run.files import read_json
from calame.tokenizer.adopt import adopt
from calame.tokenizer.policy import CHATML, TURN_START, ChatFormat
from calame.tokenizer.tokenizer import Tokenizer, check_hash

PASSED = "gate.json"
"""In a folder that we exported: the figures of its gate, whether it is tuned, a policy without BOS, a chat format."""


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
    """`name`: a run (its most finished model, or with `base` its selected pretrained one), one of its trained stages
    (RUN/sft/NAME), a checkpoint folder, or a Hugging Face folder. Raises `UserError` if it is none of them."""
    path = run_folder(name, runs)
    if (path / "config.json").is_file():
        return load_huggingface(path, device)
    if checkpoint.STEP.match(path.name):
        return load_checkpoint(path, device)
    if (found := _of_run(path, base) or checkpoint.newest_valid(path / "checkpoints")) is not None:
        return load_checkpoint(found, device)
    what = "holds no trained model yet" if (path / "recipe.yaml").is_file() else "is no run, checkpoint or model folder"
    raise refuse(
        name,
        what,
        "a run's name, its folder sft/NAME or dpo/NAME, a folder step-XXXXXXXX, or a folder with config.json",
        "train first: calame run RECIPE",
    )


def run_folder(name: str, runs: str = "runs") -> Path:
    """The folder that a run's name, or its path, stands for."""
    return Path(name) if Path(name).exists() else Path(runs) / name


def in_bf16(loaded: Loaded) -> Loaded:
    """The same model with weights, cache and products in bf16: half the bytes that each token costs. The angles of
    positions stay in fp32."""
    model = Decoder(loaded.model.config).to(loaded.device.torch).eval()
    model.load_state_dict(loaded.model.state_dict())
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.to(torch.bfloat16), requires_grad=False))
    return replace(loaded, model=model)


def _template(folder: Path) -> str:
    """The chat template of a Hugging Face folder, in its own file or, older, in the tokenizer's; empty: none."""
    file, about = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    return str(read_json(about).get("chat_template", "")) if about.is_file() else ""


def to_speak(loaded: Loaded) -> Loaded:
    """The same model in the type that its device computes in."""
    return in_bf16(loaded) if loaded.device.compute == torch.bfloat16 else loaded


def _of_run(path: Path, base: bool) -> Path | None:
    for folder in _tunings(path) if not base else ():
        if (newest := checkpoint.newest_valid(folder / "checkpoints")) and (folder / "done.json").is_file():
            return newest
    if (path / "selected.json").is_file():
        return path / "pretrain" / "checkpoints" / read_json(path / "selected.json")["checkpoint"]
    return checkpoint.newest_valid(path / "pretrain" / "checkpoints")


def _tunings(path: Path) -> Iterator[Path]:
    """The folders of the run's tunings, the most finished first; of several of a kind, that which its recipe names."""
    saved = path / "recipe.yaml"
    recipe = yaml.safe_load(saved.read_text(encoding="utf-8")) if saved.is_file() else {}
    for kind in ("dpo", "sft"):
        section = recipe.get(kind)
        yield from [path / kind / section["name"]] if isinstance(section, dict) else sorted(path.glob(f"{kind}/*"))


def load_checkpoint(folder: Path, device: str = "auto") -> Loaded:
    """A checkpoint of a trained stage, with the tokenizer that stands beside its folder of checkpoints. Raises
    `UserError` for one that was trained without an output head."""
    tensors, state = checkpoint.load(folder)
    objective = state.get("recipe", {}).get("pretrain", {}).get("objective", NEXT_TOKEN)
    if objective != NEXT_TOKEN:
        raise refuse(str(folder), f"{objective}: it has no head yet that could say anything", remedy=HEAD_FOLLOWS)
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
    tuned = any((stage / name).is_file() for name in ("conversations.json", "preferences.json"))
    return Loaded(model.to(chosen.torch).eval(), tokenizer, chosen, tuned, str(folder))


def load_huggingface(folder: Path, device: str = "auto") -> Loaded:
    """A model in Hugging Face form with its tokenizer. One of others is tuned if its template is a ChatML one."""
    config, weights = read_folder(folder, str(folder))
    model = Decoder(config)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    chosen = choose_device(device)
    exported = read_json(folder / PASSED) if (folder / PASSED).is_file() else {}
    tuned = exported.get("tuned", TURN_START in _template(folder))  # ours have a template in any case
    tokenizer = adopt(str(folder), ChatFormat(**exported["chat"]) if "chat" in exported else CHATML)
    tokenizer = tokenizer.without_bos() if exported.get("bos") == "none" else tokenizer
    return Loaded(model.to(chosen.torch).eval(), tokenizer, chosen, tuned, str(folder))
