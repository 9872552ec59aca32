"""What the tests of preferences share: small models that differ, and pairs of random answers to random prompts."""

from __future__ import annotations

from typing import Any

import numpy as np

from builders import cpu, decoder_of
from calame.model.decoder import Decoder
from calame.recipe.tuning import Dpo
from calame.shards.rows import IGNORE
from calame.training.batch import LossFunction
from calame.tuning.encode import Example
from calame.tuning.preference import PreferenceLoss

CONTEXT = 24


def keys(**changes: Any) -> Dpo:
    return Dpo.model_validate({"pairs": {"p": {"from": "x"}}, "beta": 0.1, **changes})


def loss_of(model: Decoder) -> LossFunction:
    return LossFunction(model, cpu(), True, "dense", False)


def preference_loss(policy: int = 1, reference: int | None = 2, **changes: Any) -> PreferenceLoss:
    """Of two models with weights of these seeds."""
    frozen = None if reference is None else loss_of(decoder_of(reference))
    return PreferenceLoss(loss_of(decoder_of(policy)), frozen, keys(**changes))


def side(prompt: np.ndarray, answer: np.ndarray) -> Example:
    tokens = np.concatenate([prompt, answer]).astype(np.int32)
    targets = np.full(len(tokens), IGNORE, np.int32)
    targets[len(prompt) - 1 : -1] = answer
    return Example(tokens, targets)


def random_pairs(number: int = 12, seed: int = 0) -> list[list[Example]]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        prompt = draw.integers(6, 330, draw.integers(2, 9))
        answers = [draw.integers(6, 330, draw.integers(1, CONTEXT - len(prompt) + 1)) for _ in range(2)]
        found.append([side(prompt, answer) for answer in answers])
    return found
