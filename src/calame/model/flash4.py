"""FlashAttention 4 (Dao et al., package flash-attn-4), as operators that the compiler takes into its graph as they are.

torch can register the package by itself, but torch 2.11 reads what it returns wrongly and refuses documents' edges in
the backward pass; so its two functions are called here. The fast twin of `attention.attend`, and tested against it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

PACKAGE = "flash_attn.cute"
KINDS = (torch.bfloat16, torch.float16)
FAR = 0.05  # of the norm: bf16 alone is at most 0.7 % off here, a mask that is off by one key 26 % and more

# The types of operators made by torch's decorators are not described.
# pyright: reportFunctionMemberAccess=false


def try_out(device: torch.device, head_dim: int, heads: int, groups: int) -> None:
    """Both passes once, over whole rows and over documents, for heads like the model's: what this compiles is needed
    anyway. Raises whatever the package raises where it does not run, and RuntimeError where it runs but what comes out,
    or a gradient, is not attention's: its parts have versions of their own, and a wrong one need not say so."""
    import_module(f"{PACKAGE}.interface")
    random = torch.Generator(device).manual_seed(0)
    parts = [torch.randn(2, 256, n, head_dim, device=device, generator=random) for n in (heads, groups, groups)]
    edges = torch.tensor([0, 200, 512, 512], dtype=torch.int32, device=device)
    for documents, cuts in ((None, [0, 256, 512]), (edges, [0, 200, 512])):
        given = parts if documents is None else [part.flatten(0, 1) for part in parts]
        found = _with_gradients(lambda q, k, v, where=documents: flash4(q, k, v, where, 512)[0], given, torch.bfloat16)
        wanted = _with_gradients(lambda q, k, v, where=cuts: _plain(q, k, v, where), given, torch.float32)
        worst = max(float((a.float() - b).norm() / b.norm()) for a, b in zip(found, wanted, strict=True))
        if not worst < FAR:
            raise RuntimeError(f"what it computes is {worst:.1%} from attention in fp32")


def _with_gradients(attention: Callable[..., Tensor], given: Sequence[Tensor], kind: torch.dtype) -> list[Tensor]:
    parts = [part.detach().to(kind).requires_grad_() for part in given]
    out = attention(*parts)
    return [out.detach(), *torch.autograd.grad(out.float().square().sum(), parts)]


def _plain(query: Tensor, key: Tensor, value: Tensor, cuts: Sequence[int]) -> Tensor:
    """The same in plain products, document after document of the joined rows."""
    outs = []
    for a, b in itertools.pairwise(cuts):
        q, k, v = (x.reshape(-1, *x.shape[-2:])[a:b].transpose(0, 1)[None] for x in (query, key, value))
        with sdpa_kernel(SDPBackend.MATH):
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])
        outs.append(out[0].transpose(0, 1))
    return torch.cat(outs).reshape(query.shape)


@torch.library.custom_op("calame::flash4", mutates_args=())
def flash4(query: Tensor, key: Tensor, value: Tensor, edges: Tensor | None, longest: int) -> tuple[Tensor, Tensor]:
    """Causal attention over rows (batch, time, heads, head_dim), or with `edges` over joined rows (tokens, heads,
    head_dim) cut at documents of at most `longest` tokens. Also returns the log of each query's sum, in fp32."""
    out, sums = _package()._flash_attn_fwd(
        query, key, value, causal=True, return_lse=True, **_documents(edges, longest)
    )[:2]
    return out, sums


@flash4.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, edges: Tensor | None, longest: int) -> tuple[Tensor, Tensor]:
    *front, tokens, heads, _ = query.shape
    return torch.empty_like(query), query.new_empty((*front, heads, tokens), dtype=torch.float32)


@torch.library.custom_op("calame::flash4_backward", mutates_args=())
def flash4_backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    sums: Tensor,
    edges: Tensor | None,
    longest: int,
) -> tuple[Tensor, Tensor, Tensor]:
    same = torch.are_deterministic_algorithms_enabled()
    return _package()._flash_attn_bwd(
        query, key, value, out, gradient, sums, causal=True, deterministic=same, **_documents(edges, longest)
    )[:3]


@flash4_backward.register_fake
def _(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    sums: Tensor,
    edges: Tensor | None,
    longest: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


def _package() -> Any:
    return import_module(f"{PACKAGE}.interface")


def _documents(edges: Tensor | None, longest: int) -> dict[str, Any]:
    if edges is None:
        return {}
    return {"cu_seqlens_q": edges, "cu_seqlens_k": edges, "max_seqlen_q": longest, "max_seqlen_k": longest}


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, edges, ctx.longest = inputs
    ctx.save_for_backward(query, key, value, *output, edges)


def _backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    query, key, value, out, sums, edges = ctx.saved_tensors
    found = flash4_backward(gradient.contiguous(), query, key, value, out, sums, edges, ctx.longest)
    return *found, None, None


flash4.register_autograd(_backward, setup_context=_keep)
