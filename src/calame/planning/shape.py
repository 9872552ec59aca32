"""From text, card and hours to a model and its training: every number with its reason and source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calame.model.config import ModelConfig, count_parameters
from calame.recipe.units import say_bytes, say_count, say_seconds

BYTES_PER_TOKEN = 4.0  # French, Italian and English text under a vocabulary fitted to them; 3.3 for very small ones
EPOCHS = 4  # Muennighoff et al. 2023: text read up to four times teaches almost as much as fresh text
SMALL_EPOCHS, SMALL_TOKENS = (
    8,
    20e6,
)  # so small a text is read more often: at 4 it had learnt clearly less (docs/LOG.md)
TOKENS_PER_PARAMETER = 20  # Hoffmann et al. 2022 (Chinchilla)
LEAST_STEPS = 1400  # a short run learns more from many small steps than from few large ones (docs/LOG.md)
SHAPES = (  # (hidden_size, layers): the ladder of sizes, in heads of 64
    (128, 4),  # the least that talks; smaller ones were worse on every text tried (docs/LOG.md)
    (192, 4),
    (256, 5),
    (256, 8),
    (384, 8),
    (512, 8),
    (512, 12),
    (640, 12),
    (768, 14),
    (1024, 16),
    (1280, 20),
    (1536, 24),
    (2048, 24),
)


@dataclass(frozen=True)
class Speed:
    """FLOP/s that training can count on, and where the figure comes from."""

    flops: float
    reason: str


@dataclass(frozen=True)
class Value:
    """A chosen value and its reason."""

    value: int | float
    reason: str


@dataclass(frozen=True)
class Shape:
    """All that `calame new` derives. `seconds`: expected time of pretraining."""

    vocabulary: Value
    hidden_size: Value
    layers: Value
    context: Value
    tokens: Value
    batch: Value
    rate: Value
    parameters: int
    seconds: float


def shape_for(size: int, speed: Speed, hours: float | None) -> Shape:
    """The shape that `size` bytes of training text are worth, within `hours` (None: no limit) at a speed."""
    vocabulary = _vocabulary(size)
    text = size / BYTES_PER_TOKEN
    worth = max(EPOCHS * text, min(SMALL_EPOCHS * text, SMALL_TOKENS))
    budget = hours * 3600 * speed.flops if hours else math.inf
    wanted = min(EPOCHS * text / TOKENS_PER_PARAMETER, math.sqrt(budget / 6 / TOKENS_PER_PARAMETER))
    hidden, layers, context = _size(wanted, int(vocabulary.value))
    parameters = count_parameters(_config(hidden, layers, int(vocabulary.value), context))
    tokens = _tokens(text, worth, budget / 6 / parameters, speed, hours or 0)
    why = f"about {say_count(wanted)} parameters: {TOKENS_PER_PARAMETER} tokens a parameter (Hoffmann et al. 2022)"
    if (hidden, layers) == SHAPES[0]:
        why += ", and the least that talks"
    batch = _batch(parameters, int(tokens.value), context)
    seconds = 6 * parameters * tokens.value / speed.flops
    return Shape(
        vocabulary,
        Value(hidden, why),
        Value(layers, why),
        Value(context, "short for a small model: most of what it learns is near"),
        tokens,
        batch,
        _rate(parameters, int(batch.value)),
        parameters,
        seconds,
    )


def _vocabulary(size: int) -> Value:
    entries = 2 ** int(math.log2(max(size, 1) / 500))
    chosen = min(max(entries, 512), 32_768)
    return Value(chosen, f"{say_bytes(size)} of text: at least 500 bytes an entry, 512 to 32,768")


def _tokens(text: float, worth: float, allowed: float, speed: Speed, hours: float) -> Value:
    """What the text is worth, or what the time allows at 6 FLOPs a parameter and token if that is less."""
    if allowed < worth:
        reason = f"what {say_seconds(hours * 3600)} allow at {say_count(speed.flops)} FLOP/s"
        return Value(_round(allowed), reason)
    source = "Muennighoff et al. 2023" if worth == EPOCHS * text else f"{EPOCHS} to {SMALL_EPOCHS}, as it is small"
    reason = f"{worth / text:.2g} times the {say_count(text)} tokens of the text ({source})"
    return Value(_round(worth), reason)


def _size(wanted: float, vocabulary: int) -> tuple[int, int, int]:
    """The largest of SHAPES that stays within a fifth of the wanted parameters, and its context."""
    fitting = SHAPES[0]
    for hidden, layers in SHAPES:
        if count_parameters(_config(hidden, layers, vocabulary, 256)) <= 1.2 * wanted:
            fitting = (hidden, layers)
    context = 256 if fitting[0] < 512 else 512 if fitting[0] < 1024 else 1024
    return *fitting, context


def _config(hidden: int, layers: int, vocabulary: int, context: int) -> ModelConfig:
    wide = -(-hidden * 8 // 3 // 64) * 64
    heads = max(1, hidden // 64)
    return ModelConfig(vocabulary, hidden, layers, heads, heads, hidden // heads, wide, context, 1e4, 1e-5, True, 0.02)


def _batch(parameters: int, tokens: int, context: int) -> Value:
    """OLMo's ladder, 2048 x 160 x (N / 108M)^(2/3) tokens, but at least LEAST_STEPS steps of four rows or more; a power
    of two of rows."""
    rule = 2048 * 160 * (parameters / 108e6) ** (2 / 3)
    rows = max(4, min(rule, tokens / LEAST_STEPS) / context)
    batch = context * 2 ** round(math.log2(rows))
    reason = (
        f"OLMo's ladder gives {say_count(rule)} for {say_count(parameters)} parameters; at least {LEAST_STEPS:,} steps"
    )
    return Value(batch, f"{reason}, or four rows")


def _rate(parameters: int, batch: int) -> Value:
    """OLMo's ladder, 0.0047 (N / 108M)^(-1/3) / 2, by the root of the batch's share of its rule; at most 4e-3."""
    rule = 0.0047 / 2 * (parameters / 108e6) ** (-1 / 3)
    share = min(1.0, batch / (2048 * 160 * (parameters / 108e6) ** (2 / 3)))
    rate = float(f"{min(4e-3, rule * math.sqrt(share)):.2g}")
    return Value(rate, f"OLMo's ladder gives {rule:.2g}, times the root of the batch's share {share:.2f}; at most 4e-3")


def _round(tokens: float) -> int:
    """To two digits: 1,234,567 -> 1,200,000."""
    digits = max(0, int(math.log10(max(tokens, 1))) - 1)
    return int(tokens // 10**digits * 10**digits)
