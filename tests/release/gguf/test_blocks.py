"""K-quants: what is written comes back, by the `gguf` package's own reading, as near as the bits allow."""

from __future__ import annotations

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf import quants as plain
from hypothesis import given
from hypothesis import strategies as st
from pytest import mark
from torch import Tensor

from calame.release.gguf.blocks import q4_k, q5_k, q6_k

T = GGMLQuantizationType
KINDS = {T.Q4_K: (q4_k, 15), T.Q5_K: (q5_k, 31), T.Q6_K: (q6_k, 63)}  # codes from 0 to the number


def there_and_back(rows: Tensor, kind: GGMLQuantizationType) -> Tensor:
    encoded = KINDS[kind][0](rows)
    block, size = GGML_QUANT_SIZES[kind]
    assert encoded.dtype == torch.uint8 and encoded.shape == (*rows.shape[:-1], rows.shape[-1] // block * size)
    return torch.from_numpy(np.array(plain.dequantize(encoded.numpy(), kind)))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_rounds_less_than_the_range_cut_evenly(kind: GGMLQuantizationType) -> None:
    rows = 0.02 * normal(32, 512)
    group = 16 if kind == T.Q6_K else 32
    groups = rows.unflatten(1, (-1, group))
    least = groups.amin(-1, keepdim=True)
    step = (groups.amax(-1, keepdim=True) - least) / KINDS[kind][1]
    evenly = (((groups - least) / step).round() * step + least).flatten(1)  # with a scale and a low in full precision
    allowed = 1.1 if kind != T.Q6_K else 1.6  # Q6_K is symmetric about 0, and uses half of one side
    error = (there_and_back(rows, kind) - rows).square().mean()
    assert error <= allowed**2 * (evenly - rows).square().mean()


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_place_of_a_block_comes_back_in_its_place(kind: GGMLQuantizationType) -> None:
    rows = torch.eye(256) + 0.5 * torch.eye(256).roll(100, 1)
    assert (there_and_back(rows, kind) - rows).abs().max() < 0.04


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@mark.parametrize("value", (0.0, 0.3, -0.2, 1e-20))
def test_a_row_of_one_value(kind: GGMLQuantizationType, value: float) -> None:
    rows = torch.full((1, 256), value)
    assert torch.allclose(there_and_back(rows, kind), rows, rtol=1e-3, atol=1e-7)


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_zeros_that_fill_up_a_row_stay_zeros(kind: GGMLQuantizationType) -> None:
    rows = torch.cat([normal(4, 85), torch.zeros(4, 171)], 1)
    found = there_and_back(rows, kind)
    whole = -(-85 // 32) * 32
    assert (found[:, whole:] == 0).all()


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(
    seed=st.integers(0, 1000),
    exponent=st.integers(-2, 3),
    shift=st.floats(-3, 3),
    outlier=st.floats(0, 100),
)
def test_whatever_the_weights_nothing_is_further_off_than_a_few_steps(
    kind: GGMLQuantizationType, seed: int, exponent: int, shift: float, outlier: float
) -> None:
    rows = 10.0**exponent * (normal(1, 256, seed=seed) + shift)
    rows[0, seed % 256] *= outlier
    found = there_and_back(rows, kind)
    assert found.isfinite().all()
    reach = rows.abs().max()  # the scales of a block's groups are themselves rounded, by a share of the largest
    assert (found - rows).abs().max() <= 4.5 * reach / KINDS[kind][1]


def test_rows_of_any_number_of_blocks_and_axes() -> None:
    rows = normal(3, 5, 512)
    assert torch.equal(q4_k(rows)[1, 2], q4_k(rows[1, 2]))
