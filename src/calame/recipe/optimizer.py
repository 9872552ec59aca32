"""Keys of what every training has: the optimizer, and the course of its learning rate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from calame.recipe.section import PositiveTokens, Section
from calame.recipe.units import Share, Tokens


class Optimizer(Section):
    """AdamW (Loshchilov & Hutter 2017), or Muon (Jordan 2024) for the matrices of the blocks and AdamW for the rest.
    Decay acts on matrices only (two dimensions and more)."""

    name: Literal["adamw", "muon"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    state: Literal["fp32", "bf16", "int8"] | None = Field(
        default=None,
        description="how AdamW's moments are stored; derived: bf16 where the weights are (8 or 4 bytes a parameter); "
        "int8: by blocks, 2 bytes",
    )


class Schedule(Section):
    """Linear warm-up to the learning rate, then by kind down to `final` of it at `horizon`, then flat."""

    kind: Literal["cosine", "linear", "constant", "wsd"] = Field(
        default="cosine", description="wsd: flat, then down over the last `decay` tokens (warm-up, stable, decay)"
    )
    warmup: Annotated[Tokens, Field(ge=0)] | None = Field(
        default=None, description="tokens; derived: 2 % of the length at the first start"
    )
    final: Annotated[Share, Field(ge=0, le=1)] = Field(
        default=0.1, description="share of the learning rate at the horizon; constant never falls"
    )
    horizon: PositiveTokens | None = Field(
        default=None, description="tokens; derived: the length when the run first starts"
    )
    decay: PositiveTokens | None = Field(default=None, description="wsd: tokens; derived: a fifth of the horizon")
    shape: Literal["linear", "cosine", "1-sqrt"] | None = Field(
        default=None, description="wsd: of the decay; derived: linear"
    )
