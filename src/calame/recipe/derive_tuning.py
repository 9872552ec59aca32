"""What tuning inherits from pretraining, and preferences from both: each with its reason."""

from __future__ import annotations

from calame.recipe.derived import Derived, settle
from calame.recipe.optimizer import Optimizer
from calame.recipe.precision import derived_state
from calame.recipe.schema import Pretrain
from calame.recipe.timeline import last_of
from calame.recipe.tuning import Dpo, Sft


def derive_sft(sft: Sft, pretrain: Pretrain, notes: list[Derived]) -> Sft:
    if sft.lora:
        alpha = {"alpha": (2.0 * sft.lora.rank, "twice the rank")}
        sft = sft.model_copy(update={"lora": settle(sft.lora, "sft.lora", notes, alpha)})
    optimizer = sft.optimizer and _with_state(sft.optimizer, "sft", pretrain, notes)
    if optimizer is None:
        optimizer = _adapting(pretrain, notes) if sft.lora else _gentle(pretrain, "sft", 10, notes)
    sft = sft.model_copy(update={"optimizer": optimizer})
    batch, context = last_of(pretrain.batch), last_of(pretrain.context)
    inherited = {
        "batch": (batch, "inherited from pretrain.batch"),
        "context": (context, "inherited from pretrain.context"),
    }
    return settle(sft, "sft", notes, inherited)


def derive_dpo(dpo: Dpo, sft: Sft | None, pretrain: Pretrain, notes: list[Derived]) -> Dpo:
    before, name = (sft, "sft") if sft else (pretrain, "pretrain")
    context, said = last_of(before.context or 0), f"inherited from {name}.context"
    dpo = settle(dpo, "dpo", notes, {"context": (context, said)})
    rows = 2 * (dpo.context or context)
    whole = max(rows, last_of(before.batch or rows) // rows * rows)
    beta = (0.1, "as Rafailov et al. 2023 have it") if dpo.loss == "dpo" else (2.0, "as Meng et al. 2024 begin")
    values = {"batch": (whole, f"{name}.batch in whole rows of twice the context"), "beta": beta}
    dpo = settle(dpo, "dpo", notes, values)
    if dpo.loss == "simpo":
        dpo = settle(dpo, "dpo", notes, {"margin": ((dpo.beta or 0) / 2, "half of beta (Meng et al. 2024)")})
    optimizer = dpo.optimizer and _with_state(dpo.optimizer, "dpo", pretrain, notes)
    return dpo.model_copy(update={"optimizer": optimizer or _gentle(pretrain, "dpo", 100, notes)})


def _with_state(optimizer: Optimizer, name: str, pretrain: Pretrain, notes: list[Derived]) -> Optimizer:
    return settle(optimizer, f"{name}.optimizer", notes, {"state": derived_state(pretrain.precision)})


def _gentle(pretrain: Pretrain, name: str, part: int, notes: list[Derived]) -> Optimizer:
    """Pretraining's optimizer at a part of its rate, without decay."""
    words, rate = {10: "a tenth", 100: "a hundredth"}[part], pretrain.optimizer.learning_rate
    notes.append(Derived(f"{name}.optimizer.learning_rate", rate / part, f"{words} of pretraining's {rate:g}"))
    notes.append(Derived(f"{name}.optimizer.weight_decay", 0.0, "tuning is short: decay would only blur"))
    return pretrain.optimizer.model_copy(update={"learning_rate": rate / part, "weight_decay": 0.0})


def _adapting(pretrain: Pretrain, notes: list[Derived]) -> Optimizer:
    """For adapters: their product begins at nothing, and wants about ten times the rate of all weights (Schulman et
    al. 2025, LoRA Without Regret)."""
    rate = pretrain.optimizer.learning_rate
    notes.append(Derived("sft.optimizer.name", "adamw", "the factors of an adapter are no matrices of their own"))
    notes.append(Derived("sft.optimizer.learning_rate", rate, "pretraining's: ten times that of tuning all weights"))
    return pretrain.optimizer.model_copy(update={"name": "adamw", "learning_rate": rate, "weight_decay": 0.0})
