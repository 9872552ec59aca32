"""Attention over documents: the dense mask against plain loops, and the joined rows of varlen against the dense mask.

On a CPU the joining and cutting of varlen is tested with a kernel of plain attention; on a GPU with the real one.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, mark, raises, warns
from torch import Tensor

from builders import config_of, cpu, decoder_of, random_rows
from calame.model import attention as attention_
from calame.model import flash4
from calame.model.attention import CAUSAL, GROUPED, Span, attend, dense_span, document_edges
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.training.batch import LossFunction, choose_attention

CHECKS = ("test_schema", "test_faketensor", "test_autograd_registration")
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
    ("packages", "fails", "taken"),
    [
        ((), False, None),
        (("flash_attn_interface",), False, "FA3"),
        (("flash_attn.cute",), False, "FA4"),
        (("flash_attn.cute",), True, None),
        (("flash_attn.cute", "flash_attn_interface"), True, "FA3"),
    ],
)
@mark.parametrize("major", (8, 9))
def test_a_newer_flash_attention_is_taken_where_it_is_installed_and_runs(
    packages: tuple[str, ...], fails: bool, taken: str | None, major: int, monkeypatch: MonkeyPatch
) -> None:
    activated: list[str] = []

    def try_out(*what: Any) -> None:
        if fails:
            raise TypeError("of another version")

    monkeypatch.setattr(attention_, "_is_there", lambda package: package in packages)
    monkeypatch.setattr(attention_, "_flash4_taken", False)
    monkeypatch.setattr(attention_.flash4, "try_out", try_out)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 0))
    monkeypatch.setattr(torch.nn.attention, "activate_flash_attention_impl", activated.append)
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", lambda on: None)
    with warns(UserWarning, match="does not run") if fails and major == 9 else nullcontext():
        assert attention_.take_newer_flash(torch.device("cuda"), 64, 4, 2) == (taken if major == 9 else None)
    assert activated == (["FA3"] if taken == "FA3" and major == 9 else [])
    assert attention_._flash4_taken == (taken == "FA4" and major == 9)
    assert attention_.take_newer_flash(torch.device("cpu"), 64, 4, 2) is None


class FakeFlash4:
    """What flash attention 4 promises, in plain words; its backward pass too, since operators get no graph."""

    def _flash_attn_fwd(self, query, key, value, causal, return_lse, cu_seqlens_q=None, **rest):
        assert causal and return_lse
        out, sums = torch.empty_like(query), query.new_zeros((*query.shape[:-3], query.shape[-2], query.shape[-3]))
        for q, k, v, into in self.documents(cu_seqlens_q, query, key, value, out):
            into.copy_(self.weights(q, k) @ v)
        return out, sums, None, None, None

    def _flash_attn_bwd(self, query, key, value, out, slopes, sums, causal, deterministic, cu_seqlens_q=None, **rest):
        found = [torch.zeros_like(x) for x in (query, key, value)]
        for q, k, v, slope, to_q, to_k, to_v in self.documents(cu_seqlens_q, query, key, value, slopes, *found):
            weights, back = self.weights(q, k), slope @ v.mT
            steep = weights * (back - (back * weights).sum(-1, keepdim=True)) * q.shape[-1] ** -0.5
            to_q += steep @ k
            to_k += steep.mT @ q
            to_v += weights.mT @ slope
        return (*found, None)

    @staticmethod
    def weights(query: Tensor, key: Tensor) -> Tensor:
        scores = query @ key.mT * query.shape[-1] ** -0.5
        return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf).softmax(-1)

    @staticmethod
    def documents(edges: Tensor | None, query: Tensor, key: Tensor, *rest: Tensor) -> Iterator[list[Tensor]]:
        """(time, head_dim) of each document and head of queries, of all tensors; views, to be written into."""
        rows = [(n, slice(None)) for n in range(len(query))] if edges is None else []
        cuts = [] if edges is None else itertools.pairwise(edges.tolist())
        heads, groups = query.shape[-2], key.shape[-2]
        for place in (*rows, *((slice(a, b),) for a, b in cuts if b > a)):
            for head in range(heads):
                own = [head if x.shape[-2] == heads else head * groups // heads for x in (query, key, *rest)]
                yield [x[place][:, n] for x, n in zip((query, key, *rest), own, strict=True)]


@mark.parametrize("joined", (False, True), ids=("rows", "documents"))
def test_flash_attention_4_is_given_what_it_takes(joined: bool, monkeypatch: MonkeyPatch) -> None:
    """The way to the package and back, outputs and gradients, with plain attention in its place."""
    random, rows = torch.Generator().manual_seed(0), random_rows(3, 32)
    sizes = (4, 2, 2)
    parts = [torch.randn(3, n, 32, 8, generator=random, requires_grad=True) for n in sizes]
    edges = torch.from_numpy(document_edges(rows.positions, 20)) if joined else None
    documents = torch.from_numpy(rows.documents) if joined else torch.zeros(3, 32)
    wanted = attend(*parts, dense_span(documents))
    monkeypatch.setattr(attention_, "_flash4_taken", True)
    monkeypatch.setattr(attention_, "_fits_flash4", lambda query, key: True)
    monkeypatch.setattr(attention_.flash4, "_package", FakeFlash4)
    found = attend(*parts, Span(edges=edges, longest=32))
    assert torch.allclose(wanted, found, atol=1e-6)
    slopes = [torch.autograd.grad(out.pow(2).sum(), parts, retain_graph=True) for out in (wanted, found)]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*slopes, strict=True))
    torch.library.opcheck(flash4.flash4, (*[x.transpose(1, 2) for x in parts], None, 0), test_utils=CHECKS)


class Early(FakeFlash4):
    """Sees a key of the future."""

    @staticmethod
    def weights(query: Tensor, key: Tensor) -> Tensor:
        scores = query @ key.mT * query.shape[-1] ** -0.5
        return scores.masked_fill(torch.ones_like(scores).triu(2).bool(), -torch.inf).softmax(-1)


class Unbounded(FakeFlash4):
    """Knows no documents."""

    @staticmethod
    def documents(edges: Tensor | None, *parts: Tensor) -> Iterator[list[Tensor]]:
        whole = None if edges is None else torch.tensor([0, len(parts[0])])
        return FakeFlash4.documents(whole, *parts)


class Sloping(FakeFlash4):
    """Answers rightly, and turns the gradients of keys around."""

    def _flash_attn_bwd(self, *parts, **rest):
        query, key, value, _ = super()._flash_attn_bwd(*parts, **rest)
        return query, -key, value, None


@mark.parametrize("package", (FakeFlash4, Early, Unbounded, Sloping))
@mark.parametrize("groups", (2, 4))
def test_flash_attention_4_is_taken_only_if_it_is_attention(
    package: type[FakeFlash4], groups: int, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(flash4, "import_module", lambda name: package())
    expected = nullcontext() if package is FakeFlash4 else raises(RuntimeError, match="from attention in fp32")
    with expected:
        flash4.try_out(torch.device("cpu"), 16, 4, groups)


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
@mark.skipif(not attention_._is_there(flash4.PACKAGE), reason="needs flash-attn-4")
@mark.parametrize("joined", (False, True), ids=("rows", "documents"))
@mark.parametrize(("heads", "groups", "head_dim"), ((12, 4, 64), (4, 4, 128)))
def test_flash_attention_4_is_as_near_to_fp32_as_torchs_own(
    joined: bool, heads: int, groups: int, head_dim: int, monkeypatch: MonkeyPatch
) -> None:
    rows = random_rows(4, 512)
    parts = [torch.randn(4, n, 512, head_dim, device="cuda", requires_grad=True) for n in (heads, groups, groups)]
    documents = torch.from_numpy(rows.documents).cuda() if joined else torch.zeros(4, 512, device="cuda")
    edges = torch.from_numpy(document_edges(rows.positions, 64)).cuda() if joined else None

    def run(kind: torch.dtype, span: Span) -> list[Tensor]:
        given = [part.detach().to(kind).requires_grad_() for part in parts]
        out = attend(*given, span)
        return [out.detach(), *torch.autograd.grad(out.float().pow(2).sum(), given)]

    exact = run(torch.float32, dense_span(documents))
    own = run(torch.bfloat16, dense_span(documents))
    assert attention_.take_newer_flash(torch.device("cuda"), head_dim, heads, groups) == "FA4"
    newer = run(torch.bfloat16, Span(edges=edges, longest=512))
    monkeypatch.setattr(attention_, "_flash4_taken", False)
    for a, b, c in zip(newer, own, exact, strict=True):
        assert (a.float() - c).norm() <= 1.5 * (b.float() - c).norm() + 1e-6


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
