"""On a CUDA device: the fast way of training, compiled, against its plain twin, for shapes that fit nothing."""

from __future__ import annotations

from typing import Any

import torch
from pytest import mark
from torch import Tensor

from builders import config_of, random_rows
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.training.batch import LossFunction

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

ODD: dict[str, Any] = {
    "vocab_size": 3001,
    "hidden_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 693,
    "max_position_embeddings": 256,
    "initializer_range": 0.05,
}


def total(precision: str, attention: str, fast: bool, **changes: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the same model and rows, and its gradients, in fp32 on the CPU."""
    model = Decoder(config_of(**{**ODD, **changes}))
    model.initialise(0)
    model.to("cuda").train()
    loss = LossFunction(model, choose_device("cuda", precision), True, attention, fast, fast)
    value = loss.total(random_rows(8, 256))
    value.backward()
    return value.detach().cpu(), {
        name: p.grad.float().cpu() for name, p in model.named_parameters() if p.grad is not None
    }


@mark.parametrize(
    "changes", [{}, {"family": "qwen3"}, {"family": "gpt2", "num_key_value_heads": 4}], ids=("llama", "qwen3", "gpt2")
)
def test_the_fast_way_is_as_near_to_fp32_as_the_plain_one(changes: dict[str, Any]) -> None:
    exact, wanted = total("fp32", "dense", False, **changes)
    plain, slow = total("bf16", "dense", False, **changes)
    quick, found = total("bf16", "varlen", True, **changes)
    assert abs(quick - exact) < 2e-3 * exact and abs(plain - exact) < 2e-3 * exact
    for name, gradient in wanted.items():
        far = (found[name] - gradient).norm() / gradient.norm()
        assert far < 1.5 * (slow[name] - gradient).norm() / gradient.norm() + 2e-3, f"{name}: {far:.4f}"


def test_in_fp32_the_compiled_fast_way_is_the_plain_one() -> None:
    exact, wanted = total("fp32", "dense", False)
    quick, found = total("fp32", "dense", True)
    assert torch.allclose(quick, exact, rtol=1e-5)
    for name, gradient in wanted.items():
        assert torch.allclose(found[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max())), name
