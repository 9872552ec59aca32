"""Attention over documents: the dense mask against plain loops, and the joined rows of varlen against the dense mask.

On a CPU the joining and cutting of varlen is tested with a kernel of plain attention; on a GPU with the real one.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, mark
from torch import Tensor

from builders import config_of, cpu, decoder_of, random_rows
from calame.model import attention as attention_
from calame.model.attention import CAUSAL, GROUPED, Span, attend, dense_span, document_edges
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.training.batch import LossFunction, choose_attention

needs_gpu = mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@given(documents=st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_the_dense_mask_is_causal_within_a_document(documents: list[list[int]]) -> None:
    mask = dense_span(torch.tensor(documents)).mask
    assert mask is not None
    for row, numbers in enumerate(documents):
        for here in range(6):
            for there in range(6):
                assert bool(mask[row, 0, here, there]) == (there <= here and numbers[here] == numbers[there])


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8), room=st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_edges_are_where_documents_begin_and_end(lengths: list[int], room: int) -> None:
    positions = np.concatenate([np.arange(length) for length in lengths])[None]
    edges = document_edges(positions, room)
    assert edges.dtype == np.int32
    assert len(edges) == max(room, len(lengths) + 1), "always one more than documents, and as many as asked"
    assert np.diff(edges).tolist() == lengths + [0] * (len(edges) - 1 - len(lengths))


def plain_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cut: Tensor,
    cut_k: Tensor,
    most: int,
    most_k: int,
    enable_gqa: bool = False,
) -> Tensor:
    """`varlen_attn` in plain words. query, key, value: (tokens, heads, head_dim)."""
    assert torch.equal(cut, cut_k)
    assert most == most_k >= int(cut.diff().max())
    out = torch.empty_like(query)
    for start, end in zip(cut[:-1].tolist(), cut[1:].tolist(), strict=True):
        part = [x[start:end].transpose(0, 1)[None] for x in (query, key, value)]
        if end > start:
            out[start:end] = F.scaled_dot_product_attention(*part, is_causal=True, enable_gqa=enable_gqa)[0].transpose(
                0, 1
            )
    return out


@mark.parametrize("groups", ({}, {"enable_gqa": True}), ids=("repeated", "grouped"))
@mark.parametrize("kv_heads", (1, 2, 4))
def test_joined_rows_equal_the_dense_mask(kv_heads: int, groups: dict[str, bool], monkeypatch: MonkeyPatch) -> None:
    for name, value in (("varlen_attn", plain_kernel), ("CAUSAL", {}), ("GROUPED", groups)):
        monkeypatch.setattr(attention_, name, value)
    random, rows = torch.Generator().manual_seed(0), random_rows(3, 32)
    query = torch.randn(3, 4, 32, 8, generator=random)
    key, value = (torch.randn(3, kv_heads, 32, 8, generator=random) for _ in range(2))
    edges = torch.from_numpy(document_edges(rows.positions, 20))
    dense = attend(query, key, value, dense_span(torch.from_numpy(rows.documents)))
    joined = attend(query, key, value, Span(edges=edges, longest=32))
    assert torch.allclose(dense, joined, atol=1e-6)


def test_the_loss_through_joined_rows_equals_the_dense_one(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(attention_, "varlen_attn", plain_kernel)
    monkeypatch.setattr(attention_, "CAUSAL", {})
    monkeypatch.setattr(attention_, "GROUPED", {})
    model = decoder_of()
    dense, joined = (LossFunction(model, cpu(), True, kind, False) for kind in ("dense", "varlen"))
    for seed in range(4):
        rows = random_rows(2, 64, seed)
        assert torch.allclose(dense(rows), joined(rows), atol=1e-5)


def test_the_real_kernel_takes_our_arguments() -> None:
    """Its keyword for causality changed between versions of torch."""
    if attention_.varlen_attn is None:
        return
    signature = inspect.signature(attention_.varlen_attn)
    bound = signature.bind("query", "key", "value", "edges", "edges", 8, 8, **CAUSAL, **GROUPED)
    assert bound.arguments.get("window_size") == (-1, 0) or bound.arguments.get("is_causal") is True


def test_a_cpu_uses_the_dense_mask() -> None:
    assert choose_attention(cpu(), True) == "dense"


# On a CUDA device: a model wide enough for flash attention's heads.
WIDE: dict[str, Any] = {"hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64}


def wide_model() -> Decoder:
    model = Decoder(config_of(**WIDE, intermediate_size=512, max_position_embeddings=256, initializer_range=0.05))
    model.initialise(0)
    return model


@mark.parametrize(
    ("packages", "taken"), [((), None), (("flash_attn_interface",), "FA3"), (("flash_attn.cute",), "FA4")]
)
@mark.parametrize("major", (8, 9))
def test_a_newer_flash_attention_is_taken_where_it_is_installed_and_runs(
    packages: tuple[str, ...], taken: str | None, major: int, monkeypatch: MonkeyPatch
) -> None:
    activated: list[str] = []
    monkeypatch.setattr(attention_, "_is_there", lambda package: package in packages)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 0))
    monkeypatch.setattr(torch.nn.attention, "activate_flash_attention_impl", activated.append)
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", lambda on: None)
    assert attention_.take_newer_flash(torch.device("cuda")) == (taken if major == 9 else None)
    assert activated == ([taken] if taken and major == 9 else [])
    assert attention_.take_newer_flash(torch.device("cpu")) is None


def test_what_is_not_installed_is_not_there() -> None:
    assert not attention_._is_there("no_such_package.part")


@mark.gpu
@needs_gpu
@mark.parametrize("compiled", (False, True), ids=("eager", "compiled"))
def test_varlen_equals_dense_on_a_gpu(compiled: bool) -> None:
    """Losses and gradients in bf16 by both ways are as near to fp32 as each other, and near to each other."""
    device, exact = choose_device("cuda", "bf16"), choose_device("cuda", "fp32")
    model, rows = wide_model().to("cuda"), random_rows(8, 256)

    def run(where: Any, kind: str, compile_: bool) -> tuple[Tensor, Tensor]:
        model.zero_grad()
        losses = LossFunction(model, where, True, kind, compile_)(rows)
        (losses.sum() / losses.numel()).backward()
        return losses.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    wanted, slopes = run(exact, "dense", False)
    dense, dense_slopes = run(device, "dense", compiled)
    varlen, varlen_slopes = run(device, "varlen", compiled)
    assert choose_attention(device, True) == "varlen"
    for found, found_slopes in ((dense, dense_slopes), (varlen, varlen_slopes)):
        assert (found - wanted).abs().mean() < 0.02
        assert F.cosine_similarity(found_slopes, slopes, dim=0) > 0.999
    assert (dense - varlen).abs().mean() < 0.02
    assert abs(dense.mean() - varlen.mean()) < 2e-3


@mark.gpu
@needs_gpu
def test_compiled_equals_eager_on_a_gpu() -> None:
    exact = choose_device("cuda", "fp32")
    model, rows = wide_model().to("cuda"), random_rows(4, 256)
    eager = LossFunction(model, exact, True, "dense", False)(rows)
    compiled = LossFunction(model, exact, True, "dense", True)(rows)
    assert torch.allclose(eager, compiled, atol=1e-3)


@mark.gpu
@needs_gpu
def test_a_changed_document_changes_nothing_elsewhere_on_a_gpu() -> None:
    loss = LossFunction(wide_model().to("cuda"), choose_device("cuda", "bf16"), True, "varlen", False)
    rows = random_rows(2, 256)
    before = loss(rows).view(2, 256)
    first = int((rows.documents[0] == rows.documents[0, 0]).sum())
    rows.tokens[0, : first - 1] = (rows.tokens[0, : first - 1] + 1) % 330
    after = loss(rows).view(2, 256)
    assert torch.equal(before[0, first:], after[0, first:])
    assert torch.equal(before[1], after[1])
    assert not torch.equal(before[0, :first], after[0, :first])
