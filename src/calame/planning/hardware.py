"""What cards can do, with the source of each figure. A card that is not here has no MFU, never another card's.

To add one: its name as the driver gives it (a part of it is enough), its dense bf16 matrix peak, and the source.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """`peak`: dense bf16 FLOP/s with fp32 accumulation; `memory`: bytes."""

    name: str
    peak: float
    memory: float
    source: str


CARDS = (
    Card("H200", 989e12, 141e9, "NVIDIA H200 datasheet (SXM): 1,979 TFLOP/s with sparsity"),
    Card("H100", 989e12, 80e9, "NVIDIA H100 datasheet (SXM): 1,979 TFLOP/s with sparsity"),
)


def find_card(name: str) -> Card | None:
    """The card whose name is part of what the driver (or the user) says; None if it is not known."""
    plain = name.lower().replace("-", " ")
    return next((card for card in CARDS if card.name.lower() in plain), None)
