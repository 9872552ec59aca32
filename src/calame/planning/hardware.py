"""What cards can do, with the source of each figure. A card that is not here has no MFU, never another card's.

To add one, append a `Card` and write docs/hardware.md anew, which says what goes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SERIES = re.compile("^(nvidia|amd|tesla|geforce|instinct|radeon|rtx|rx|pro)+")  # drivers say them, people do not


@dataclass(frozen=True)
class Card:
    """`peak`: dense bf16 FLOP/s with fp32 accumulation, None where the card has no bf16; `memory`: bytes, as the maker
    says them (GB are 10^9; the driver counts a little otherwise); `also`: other names of it, the driver's above all.

    Beware: data sheets like to say what is reached with sparsity, or with fp16 accumulation; each doubles the figure.
    """

    name: str
    peak: float | None
    memory: float
    source: str
    also: tuple[str, ...] = ()


HOPPER = "NVIDIA H100 architecture white paper v1.04, table 3"
A100 = "NVIDIA A100 data sheet: 624 TFLOP/s with sparsity"
GA102 = "NVIDIA Ampere GA102 architecture white paper v2"
ADA = "NVIDIA Ada GPU architecture white paper, appendix A, table 2"
BLACKWELL = "NVIDIA RTX Blackwell GPU architecture white paper, table 3"
V100 = "NVIDIA V100 data sheet: no bf16; 125 (SXM2) or 112 (PCIe) TFLOP/s in fp16"
RDNA3 = "AMD GPUOpen, WMMA on RDNA 3: 512 FLOP a clock and compute unit, 96 of them"

CARDS = (
    Card("GB200", 2500e12, 186e9, "NVIDIA Blackwell data sheet: 5 PFLOP/s a GPU with sparsity"),
    Card("B200", 2250e12, 180e9, "NVIDIA HGX B200 specifications: 36 PFLOP/s of eight GPUs with sparsity"),
    Card("H200", 989e12, 141e9, "NVIDIA H200 data sheet (SXM): 1,979 TFLOP/s with sparsity", ("H200 SXM",)),
    Card("H200 NVL", 835.5e12, 141e9, "NVIDIA H200 data sheet (NVL): 1,671 TFLOP/s with sparsity"),
    Card("H100 SXM", 989e12, 80e9, HOPPER, ("H100 80GB HBM3", "H100 SXM5")),
    Card("H100 PCIe", 756e12, 80e9, HOPPER),
    Card("H100 NVL", 835.5e12, 94e9, "NVIDIA H100 data sheet (NVL): 1,671 TFLOP/s with sparsity"),
    # Who says no more than A100 gets the smaller one: the peak is that of all.
    Card("A100 40GB", 312e12, 40e9, A100, ("A100-SXM4-40GB", "A100-PCIE-40GB", "A100")),
    Card("A100 80GB", 312e12, 80e9, A100, ("A100-SXM4-80GB", "A100 80GB PCIe")),
    Card("A40", 149.7e12, 48e9, "NVIDIA A40 data sheet"),
    Card("A30", 165e12, 24e9, "NVIDIA A30 data sheet"),
    Card("A10", 125e12, 24e9, "NVIDIA A10 data sheet: 250 TFLOP/s with sparsity"),
    Card("A10G", 70e12, 24e9, "NVIDIA A10G data sheet (AWS): 140 TFLOP/s with sparsity"),
    Card("L40S", 362.05e12, 48e9, "NVIDIA L40S data sheet: 733 TFLOP/s with sparsity"),
    Card("L40", 181.05e12, 48e9, "NVIDIA L40 data sheet: 362.1 TFLOP/s with sparsity"),
    Card("L4", 121e12, 24e9, "NVIDIA L4 data sheet: 242 TFLOP/s with sparsity"),
    Card("RTX 6000 Ada", 364e12, 48e9, "NVIDIA RTX PRO Blackwell white paper, table 4", ("RTX 6000 Ada Generation",)),
    Card("RTX A6000", 154.8e12, 48e9, GA102),
    Card("RTX 5090", 209.5e12, 32e9, BLACKWELL),
    Card("RTX 5080", 112.6e12, 16e9, BLACKWELL),
    Card("RTX 4090", 165.2e12, 24e9, ADA),
    Card("RTX 4080", 97.5e12, 16e9, f"reckoned: 76 SMs at 2.505 GHz, as fast as the RTX 4090's ({ADA})"),
    Card("RTX 3090 Ti", 80e12, 24e9, f"reckoned: 84 SMs at 1.86 GHz, as fast as the RTX 3090's ({GA102})"),
    Card("RTX 3090", 71e12, 24e9, f"{GA102}, appendix A, table 9"),
    Card("T4", None, 16e9, "NVIDIA T4 data sheet: no bf16; 65 TFLOP/s in fp16"),
    Card("V100 16GB", None, 16e9, V100, ("V100-SXM2-16GB", "V100-PCIE-16GB", "V100")),
    Card("V100 32GB", None, 32e9, V100, ("V100-SXM2-32GB", "V100-PCIE-32GB")),
    Card("MI325X", 1307.4e12, 256e9, "AMD Instinct MI325X data sheet"),
    Card("MI300X", 1307.4e12, 192e9, "AMD ROCm documentation, MI300 microarchitecture"),
    # torch sees its two dies as two devices.
    Card("MI250X", 191.5e12, 64e9, "AMD Instinct MI250X specifications: 383 TFLOP/s and 128 GB of two dies"),
    Card("RX 7900 XTX", 122.8e12, 24e9, f"{RDNA3}, at 2.5 GHz"),
    Card("PRO W7900", 122.6e12, 48e9, f"{RDNA3}, at 2.495 GHz"),
)


def find_card(name: str) -> Card | None:
    """The card that the driver (or the user) means by a name; None if it is not known, or may be one of several.

    The whole name counts, maker and series aside: a laptop's RTX 4090 and a slice of an A100 are other cards.
    """
    return next((card for card in CARDS if _plain(name) in map(_plain, (card.name, *card.also))), None)


def why_no_peak(name: str) -> str:
    """What is to be said of a name for which there is no card, or none with a peak."""
    card, plain = find_card(name), _plain(name)
    if card is not None:
        return f"{name} does not compute in bf16"
    several = [card.name for card in CARDS if plain and _plain(card.name).startswith(plain)]
    return f"{name} may be {' or '.join(several)}" if several else f"{name} is not in the hardware table"


def _plain(name: str) -> str:
    """Small letters and digits, without maker and series: "NVIDIA GeForce RTX 4090" and "4090" are the same."""
    return SERIES.sub("", re.sub("[^a-z0-9]", "", name.lower()))


def table() -> str:
    """The cards in Markdown, as docs/hardware.md shows them."""
    lines = ["| card | TFLOP/s | GB | source |", "|---|---|---|---|"]
    for card in CARDS:
        peak = f"{card.peak / 1e12:g}" if card.peak else "no bf16"
        lines.append(f"| {card.name} | {peak} | {card.memory / 1e9:g} | {card.source} |")
    return "\n".join(lines)
