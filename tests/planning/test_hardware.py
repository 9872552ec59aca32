"""Names of cards as drivers and people say them; figures that cards can have; and the page that shows them."""

from pathlib import Path

import torch
from pytest import mark

from builders import recipe_of
from calame.model import device
from calame.planning.hardware import CARDS, find_card, table, why_no_peak
from calame.road.peak import peak as peak_of

PAGE = Path(__file__).parents[2] / "docs" / "hardware.md"

# As torch.cuda.get_device_name gives them.
DRIVERS = {
    "NVIDIA H200": "H200",
    "NVIDIA H200 NVL": "H200 NVL",
    "NVIDIA H100 80GB HBM3": "H100 SXM",
    "NVIDIA H100 PCIe": "H100 PCIe",
    "NVIDIA H100 NVL": "H100 NVL",
    "NVIDIA A100-SXM4-80GB": "A100 80GB",
    "NVIDIA A100 80GB PCIe": "A100 80GB",
    "NVIDIA A100-SXM4-40GB": "A100 40GB",
    "NVIDIA A100-PCIE-40GB": "A100 40GB",
    "A100-PCIE-40GB": "A100 40GB",  # older drivers
    "NVIDIA A10": "A10",
    "NVIDIA A10G": "A10G",
    "NVIDIA A30": "A30",
    "NVIDIA A40": "A40",
    "NVIDIA L4": "L4",
    "NVIDIA L40": "L40",
    "NVIDIA L40S": "L40S",
    "NVIDIA RTX A6000": "RTX A6000",
    "NVIDIA RTX 6000 Ada Generation": "RTX 6000 Ada",
    "NVIDIA GeForce RTX 3090": "RTX 3090",
    "NVIDIA GeForce RTX 3090 Ti": "RTX 3090 Ti",
    "NVIDIA GeForce RTX 4080": "RTX 4080",
    "NVIDIA GeForce RTX 4090": "RTX 4090",
    "NVIDIA GeForce RTX 5080": "RTX 5080",
    "NVIDIA GeForce RTX 5090": "RTX 5090",
    "NVIDIA B200": "B200",
    "NVIDIA GB200": "GB200",
    "Tesla T4": "T4",
    "Tesla V100-SXM2-16GB": "V100 16GB",
    "Tesla V100-PCIE-32GB": "V100 32GB",
    "AMD Instinct MI250X": "MI250X",
    "AMD Instinct MI300X": "MI300X",
    "AMD Instinct MI325X": "MI325X",
    "AMD Radeon RX 7900 XTX": "RX 7900 XTX",
    "AMD Radeon PRO W7900": "PRO W7900",
}
PEOPLE = {
    "4090": "RTX 4090",
    "rtx4090": "RTX 4090",
    "RTX-3090-Ti": "RTX 3090 Ti",
    "h200": "H200",
    "h100-sxm": "H100 SXM",
    "a100": "A100 40GB",
    "a100-80gb": "A100 80GB",
    "a6000": "RTX A6000",
    "6000 ada": "RTX 6000 Ada",
    "l40s": "L40S",
    "v100": "V100 16GB",
    "mi300x": "MI300X",
    "7900xtx": "RX 7900 XTX",
}
OTHERS = [
    "NVIDIA GeForce RTX 4090 D",
    "NVIDIA GeForce RTX 4090 Laptop GPU",
    "NVIDIA GeForce RTX 4080 SUPER",
    "NVIDIA GeForce RTX 3080",
    "NVIDIA A100-SXM4-80GB MIG 3g.40gb",
    "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    "NVIDIA A100-SXM-64GB",
    "NVIDIA A100X",
    "NVIDIA A10-24Q",
    "NVIDIA A16",
    "NVIDIA A2",
    "NVIDIA A800-SXM4-80GB",
    "NVIDIA H800",
    "NVIDIA H20",
    "NVIDIA GH200 480GB",
    "NVIDIA H100 64GB HBM2",
    "NVIDIA L20",
    "NVIDIA T4G",
    "NVIDIA T400",
    "NVIDIA RTX 5000 Ada Generation",
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    "Quadro RTX 6000",
    "AMD Instinct MI250X/MI250",
    "AMD Radeon RX 7900 XT",
    "AMD Radeon Graphics",
    "NVIDIA Graphics Device",
    "NVIDIA",
    "h100",
    "",
]


@mark.parametrize(("said", "meant"), [*DRIVERS.items(), *PEOPLE.items()])
def test_a_card_is_found_by_its_whole_name(said, meant):
    card = find_card(said)
    assert card is not None and card.name == meant


@mark.parametrize("said", OTHERS)
def test_a_card_is_never_taken_for_another(said):
    assert find_card(said) is None


def test_no_two_cards_have_a_name_in_common():
    assert all(find_card(name) is card for card in CARDS for name in (card.name, *card.also))
    assert {card.name for card in CARDS} == set(DRIVERS.values())


@mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_figures_are_those_of_a_card(card):
    """16 GB to 256 GB; FLOP/s a byte of memory, which sparsity or fp16 accumulation would double, within bounds."""
    assert 16e9 <= card.memory <= 256e9 and len(card.source) > 10
    if card.peak is not None:
        assert 70e12 <= card.peak <= 2500e12
        assert 2_500 <= card.peak / card.memory <= 14_000


def test_a_sparse_figure_is_not_taken_for_the_dense_one():
    """Where a source says the figure with sparsity, the peak is half of it."""
    sparse = {"RTX 4090": 330.4, "RTX 5090": 419, "A100 80GB": 624, "H200": 1979, "H200 NVL": 1671, "A40": 299.4}
    for name, figure in sparse.items():
        card = find_card(name)
        assert card is not None and card.peak is not None and abs(2 * card.peak / 1e12 - figure) <= 1.01


def test_why_there_is_no_peak():
    assert why_no_peak("Tesla T4") == "Tesla T4 does not compute in bf16"
    assert why_no_peak("h100") == "h100 may be H100 SXM or H100 PCIe or H100 NVL"
    assert why_no_peak("voodoo") == "voodoo is not in the hardware table"
    assert why_no_peak("NVIDIA GeForce RTX 4090 D").endswith("is not in the hardware table")


@mark.parametrize(
    ("name", "peak", "said"),
    [
        ("NVIDIA L4", 121e12, ""),
        ("NVIDIA L20", None, "NVIDIA L20 is not in the hardware table: no MFU; add it"),
        ("Tesla T4", None, "Tesla T4 does not compute in bf16: no MFU"),
    ],
)
def test_training_on_a_card_without_a_peak_says_so_in_one_line(monkeypatch, capsys, name, peak, said):
    monkeypatch.setattr(device, "choose_device", lambda *_: device.Device(torch.device("cuda"), "fp16", "a test"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    assert peak_of(recipe_of()) == peak
    out = capsys.readouterr().out
    assert said in out and out.count("\n") == (peak is None)


def test_the_page_shows_the_table():
    assert table() in PAGE.read_text(encoding="utf-8")
