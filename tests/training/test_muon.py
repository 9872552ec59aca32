"""Muon is torch's where bf16 products are quick, and the same iteration in fp32 where they are not."""

from __future__ import annotations

import torch
from pytest import MonkeyPatch, mark
from torch import Tensor, nn

from calame.model.device import choose_device
from calame.training import muon
from calame.training.muon import Muon, orthogonalise

KEYS = {"lr": 0.1, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
USUAL = ((3.4445, -4.7750, 2.0315), 5, 1e-7)  # as torch has them


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@mark.parametrize("shape", [(8, 6), (6, 8), (7, 7), (1, 5)])
def test_in_bf16_it_is_that_of_torch_to_the_bit(shape: tuple[int, int], monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "multiplies_bf16", lambda device: True)
    weights = [nn.Parameter(drawn(*shape)) for _ in range(2)]
    makers = [Muon([weights[0]], **KEYS), torch.optim.Muon([weights[1]], **KEYS)]  # type: ignore[arg-type]
    for step in range(3):
        for weight, maker in zip(weights, makers, strict=True):
            weight.grad = drawn(*shape, seed=step)
            maker.step()
    assert torch.equal(*weights)
    kept = [maker.state[weight]["momentum_buffer"] for maker, weight in zip(makers, weights, strict=True)]
    assert torch.equal(*kept)


@mark.parametrize("shape", [(40, 24), (24, 40), (32, 32)])
def test_in_fp32_it_is_the_iteration_itself(shape: tuple[int, int], monkeypatch: MonkeyPatch) -> None:
    """As in fp64, and near what bf16 makes of it; the matrix that is given stays as it is."""
    matrix = drawn(*shape)
    given = matrix.clone()
    monkeypatch.setattr(muon, "multiplies_bf16", lambda device: False)
    found = orthogonalise(matrix, *USUAL)
    assert torch.equal(matrix, given) and found.dtype == torch.float32
    wanted, (a, b, c) = matrix.double() / matrix.double().norm(), USUAL[0]
    for _ in range(USUAL[1]):
        square = wanted @ wanted.T
        wanted = a * wanted + (b * square + c * square @ square) @ wanted
    assert (found - wanted).abs().max() < 1e-5
    values = torch.linalg.svdvals(wanted)
    assert values.min() > 0.6 and values.max() < 1.3
    monkeypatch.setattr(muon, "multiplies_bf16", lambda device: True)
    rough = orthogonalise(matrix, *USUAL).float()
    assert 0 < (rough - wanted).norm() < 0.03 * wanted.norm()


def test_a_cpu_without_bf16_products_says_so(monkeypatch: MonkeyPatch) -> None:
    for quick in (True, False):
        monkeypatch.setattr("calame.model.device.multiplies_bf16", lambda device, quick=quick: quick)
        assert ("no bf16 products" in choose_device("cpu", "bf16").reason) is not quick
        assert "no bf16 products" not in choose_device("cpu", "fp32").reason
