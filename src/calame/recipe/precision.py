"""Precisions and optimizers that do not go together, and how moments are stored where the recipe does not say."""

from __future__ import annotations

from collections.abc import Iterator

from calame.recipe.check_timed import Known, Where
from calame.recipe.errors import Problem
from calame.recipe.schema import Optimizer, Recipe

ROUNDED, SCALED = "bf16-rounded", "bf16-scaled"


def derived_state(precision: str) -> tuple[str, str]:
    """How AdamW's moments are stored, and why."""
    if precision == ROUNDED:
        return "bf16", "bf16-rounded saves memory: moments are rounded stochastically as the weights are"
    if precision == SCALED:
        return "bf16", "bf16-scaled keeps everything in bf16, as published"
    return "fp32", f"precision {precision} keeps weights and moments in fp32"


def precision_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    if not known("pretrain", "precision"):
        return
    precision = recipe.pretrain.precision
    if precision == SCALED and known("model", "family") and recipe.model.family != "llama":
        yield Problem(
            where("pretrain", "precision"),
            f"bf16-scaled scales the norms of llama, not of {recipe.model.family}",
            "auto, fp32, bf16, bf16-rounded, fp16, fp8",
            "pretrain.precision=bf16-rounded",
        )
    seen = set()
    for name in ("pretrain", "sft", "dpo"):
        part = getattr(recipe, name)
        optimizer = part.optimizer if part else None
        if optimizer is None or (optimizer.name, optimizer.state) in seen:
            continue  # inherited: said once
        seen.add((optimizer.name, optimizer.state))
        if known(name, "optimizer", "name") and known(name, "optimizer", "state"):
            yield from _optimizer(optimizer, name, precision, where)


def _optimizer(optimizer: Optimizer, name: str, precision: str, where: Where) -> Iterator[Problem]:
    if optimizer.name == "muon" and precision in (ROUNDED, SCALED):
        yield Problem(
            where(name, "optimizer", "name"),
            f"muon steps fp32 weights; {precision} keeps them in bf16",
            "adamw, or muon with precision auto, fp32, bf16, fp16 or fp8",
            f"{name}.optimizer.name=adamw",
        )
    elif optimizer.name == "muon" and optimizer.state != "fp32":
        yield Problem(
            where(name, "optimizer", "state"),
            f"{optimizer.state}, but muon keeps its one moment in fp32",
            "fp32",
            f"{name}.optimizer.name=adamw, or leave state out",
        )
    if precision == SCALED and optimizer.state != "bf16":
        yield Problem(
            where(name, "optimizer", "state"),
            f"{optimizer.state}, but bf16-scaled keeps everything in bf16",
            "bf16",
            "leave it out, or pretrain.precision=bf16-rounded",
        )
