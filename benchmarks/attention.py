"""Attention alone, forward and backward, at the shapes of benchmarks/speed.py: python benchmarks/attention.py

Milliseconds of one layer by backend: over whole rows, which know no documents, and over joined rows cut at documents
(a mean of 700 tokens), as training has them. Beside each, how far output and gradients are from fp32 with a dense mask
on a few rows, as a share of their norm. A backend that does not run here is named with its error.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from speed import DOCUMENT, SHAPES
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from calame.model import flash4
from calame.model.attention import dense_span, document_edges, take_newer_flash

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
TIMES = 20


def whole_rows(backend: SDPBackend) -> Attention:
    """(rows, time, heads, head_dim) three times -> (rows, time, heads, head_dim)"""

    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = [x.transpose(1, 2) for x in (query, key, value)]
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(*parts, is_causal=True, enable_gqa=True).transpose(1, 2)

    return run


class Joined(torch.autograd.Function):
    """Joined rows through torch's own operators of flash attention. (cuDNN's with ragged edges: docs/LOG.md.)"""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, edges: Tensor, longest: int) -> Tensor:
        given = (query, key, value, edges, edges, longest, longest)
        out, sums, *random = torch.ops.aten._flash_attention_forward(*given, 0.0, True, False)[:4]
        ctx.save_for_backward(query, key, value, out, sums, edges, *random)
        ctx.longest = longest
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, sums, edges, one, two = ctx.saved_tensors
        where = (edges, edges, ctx.longest, ctx.longest)
        given = (gradients[0].contiguous(), query, key, value, out, sums, *where)
        return *torch.ops.aten._flash_attention_backward(*given, 0.0, True, one, two), None, None


def joined_rows(edges: Tensor, longest: int, repeated: bool) -> Attention:
    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        flat = [x.flatten(0, 1) for x in (query, key, value)]
        if repeated:
            flat[1:] = [x.repeat_interleave(query.shape[2] // key.shape[2], dim=1) for x in flat[1:]]
        return Joined.apply(*flat, edges, longest).view_as(query)  # type: ignore[union-attr]

    return run


def rows_with_bias(documents: Tensor) -> Attention:
    """cuDNN over whole rows, causal, with a bias that keeps documents apart. documents: (rows, time)"""
    apart = (documents[:, None, :, None] != documents[:, None, None, :]).to(torch.bfloat16) * -1e9

    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        repeat = query.shape[2] // key.shape[2]
        parts = [x.transpose(1, 2) for x in (query, *(x.repeat_interleave(repeat, dim=2) for x in (key, value)))]
        bias = apart[: query.shape[0]].expand(-1, query.shape[2], -1, -1)
        found = torch.ops.aten._scaled_dot_product_cudnn_attention(*parts, bias, True, 0.0, True, False)
        return found[0].transpose(1, 2)

    return run


def newer_flash(edges: Tensor | None, longest: int) -> Attention:
    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = [query, key, value] if edges is None else [x.flatten(0, 1) for x in (query, key, value)]
        return flash4.flash4(*parts, edges, longest)[0].view_as(query)

    return run


def dense(mask: Tensor | None) -> Attention:
    def run(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = [x.transpose(1, 2) for x in (query, key, value)]
        out = F.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
        return out.transpose(1, 2)

    return run


def gradients(attention: Attention, parts: list[Tensor], towards: Tensor) -> list[Tensor]:
    parts = [part.detach().requires_grad_() for part in parts]
    out = attention(*parts)
    return [out.detach(), *torch.autograd.grad(out, parts, towards.to(out.dtype))]


def milliseconds(attention: Attention, parts: list[Tensor], towards: Tensor) -> float:
    spent = []
    for _ in range(TIMES + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(
            10_000_000
        )  # cycles: what follows is queued before it begins, so that no launch is waited for
        begin.record()
        gradients(attention, parts, towards)
        end.record()
        torch.cuda.synchronize()
        spent.append(begin.elapsed_time(end))
    return median(spent[3:])


def measure(name: str) -> None:
    shape = SHAPES[name]
    model, context = shape.model, shape.model.max_position_embeddings
    torch.manual_seed(0)
    heads, groups = model.num_attention_heads, model.num_key_value_heads
    draw = [torch.randn(shape.rows, context, n, model.head_dim, device="cuda") for n in (heads, groups, groups, heads)]
    *parts, towards = (x.bfloat16() for x in draw)
    lengths = np.random.default_rng(0).geometric(1 / DOCUMENT, 4 * shape.rows * context // DOCUMENT)
    begins = np.isin(np.arange(shape.rows * context), np.cumsum(lengths)).reshape(shape.rows, context)
    begins[:, 0] = True
    positions, documents = np.where(begins, 0, 1), torch.from_numpy(begins.cumsum(1)).cuda()
    tight, wide = (torch.from_numpy(document_edges(positions, room)).cuda() for room in (0, positions.size // 64))

    few = slice(0, 2)
    few_edges = torch.from_numpy(document_edges(positions[few], 0)).cuda()
    newer = take_newer_flash(torch.device("cuda"), model.head_dim, heads, groups)
    for way, make in ways(context, heads != groups, newer == "FA4", documents).items():
        rows = way.startswith("rows")
        try:
            exact = dense(None if rows else dense_span(documents[few]).mask)
            wanted = gradients(exact, [x[few].float() for x in draw[:3]], draw[3][few])
            found = gradients(make(few_edges), [x[few] for x in parts], towards[few])
            far = max(float((a.float() - b).norm() / b.norm()) for a, b in zip(found, wanted, strict=True))
            edges = wide if "much room" in way else tight
            said = f"{milliseconds(make(edges), parts, towards):.3f} | {far:.1e}"
        except Exception as error:  # whatever a backend raises where it does not run
            said = f"{type(error).__name__}: {str(error).splitlines()[0][:150]} | "
        print(f"| {name} | {way} | {said} |", flush=True)


def ways(context: int, grouped: bool, newer: bool, documents: Tensor) -> dict[str, Callable[[Tensor], Attention]]:
    """Backends, each made from the edges of documents; `much room`: with as many empty documents as 64 tokens each."""
    found: dict[str, Callable[[Tensor], Attention]] = {
        "rows, flash": lambda edges: whole_rows(SDPBackend.FLASH_ATTENTION),
        "rows, cuDNN": lambda edges: whole_rows(SDPBackend.CUDNN_ATTENTION),
        "documents, flash": lambda edges: joined_rows(edges, context, False),
        "documents, flash, much room": lambda edges: joined_rows(edges, context, False),
        "documents, cuDNN with a bias": lambda edges: rows_with_bias(documents),
    }
    if grouped:
        found["documents, flash, keys repeated"] = lambda edges: joined_rows(edges, context, True)
    if newer:
        found["rows, FA4"] = lambda edges: newer_flash(None, 0)
        found["documents, FA4"] = found["documents, FA4, much room"] = lambda edges: newer_flash(edges, context)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["klovis", "rodin", "gaperon", "1gpu-llm"])
    keys = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| shape | backend | ms | off |\n|---|---|---|---|")
    for name in keys.shapes:
        measure(name)


if __name__ == "__main__":
    main()
