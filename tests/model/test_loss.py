"""Cross-entropy in parts: values and gradients equal torch's own on whole logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pytest import MonkeyPatch, mark
from torch import Tensor

from calame.model import loss as loss_
from calame.model.loss import IGNORE, token_losses


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(50, 16, generator=random, requires_grad=True)
    head = torch.randn(300, 16, generator=random, requires_grad=True)
    targets = torch.randint(0, 300, (50,), generator=random)
    targets[::7] = IGNORE
    return hidden, head, targets


@mark.parametrize("positions_at_once", (1, 7, 49, 50, 1000))
def test_losses_and_gradients_equal_torchs(positions_at_once: int, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(loss_, "CHUNK_BYTES", positions_at_once * 4 * 300)
    weights = torch.linspace(-1, 2, 50)  # a gradient of its own for each position
    hidden, head, targets = inputs()
    found = token_losses(hidden, head, targets)
    (found * weights).sum().backward()
    plain_hidden, plain_head, _ = inputs()
    wanted = F.cross_entropy(plain_hidden @ plain_head.T, targets, ignore_index=IGNORE, reduction="none")
    (wanted * weights).sum().backward()
    assert found.dtype == torch.float32
    assert torch.allclose(found, wanted, atol=1e-5)
    assert (found[::7] == 0).all()
    for ours, theirs in ((hidden, plain_hidden), (head, plain_head)):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)


def test_logits_of_the_whole_never_exist_at_once(monkeypatch: MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        seen.append(len(hidden))
        return plain(hidden, head, targets)

    plain = loss_._losses
    monkeypatch.setattr(loss_, "_losses", counted)
    monkeypatch.setattr(loss_, "CHUNK_BYTES", 7 * 4 * 300 + 3)
    token_losses(*inputs()).sum().backward()
    assert max(seen) == 7


def test_low_precision_states_give_losses_in_fp32() -> None:
    hidden, head, targets = inputs()
    found = token_losses(hidden.bfloat16(), head, targets)
    wanted = F.cross_entropy(
        (hidden.bfloat16() @ head.bfloat16().T).float(), targets, reduction="none", ignore_index=IGNORE
    )
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)
