"""Cross-entropy in parts: values and gradients equal torch's own on whole logits, by both ways."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch, mark
from torch import Tensor

from calame.model import loss as loss_
from calame.model.loss import IGNORE, token_losses, total_loss


def inputs(positions: int = 50, entries: int = 300, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    hidden = torch.randn(positions, 16, generator=random, requires_grad=True)
    head = torch.randn(entries, 16, generator=random, requires_grad=True)
    targets = torch.randint(0, entries, (positions,), generator=random)
    targets[::7] = IGNORE
    return hidden, head, targets


def limit(monkeypatch: MonkeyPatch, positions: int) -> None:
    """Logits of so many positions at once."""
    monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": positions * 4 * 300})


def assert_gradients_equal(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor], tolerance: float = 1e-5) -> None:
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine.grad is not None and yours.grad is not None
        assert torch.allclose(mine.grad, yours.grad, atol=tolerance)


@mark.parametrize("positions_at_once", (1, 7, 49, 50, 1000))
def test_losses_and_gradients_equal_torchs(positions_at_once: int, monkeypatch: MonkeyPatch) -> None:
    limit(monkeypatch, positions_at_once)
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
    assert_gradients_equal((hidden, head), (plain_hidden, plain_head))


@mark.parametrize("smoothing", (0.0, 0.1))
@mark.parametrize("positions_at_once", (1, 7, 50, 1000))
def test_the_total_and_its_gradients_equal_torchs(
    positions_at_once: int, smoothing: float, monkeypatch: MonkeyPatch
) -> None:
    limit(monkeypatch, positions_at_once)
    hidden, head, targets = inputs()
    found = total_loss(hidden, head, targets, smoothing)
    (found / 43 * 3).backward()
    plain_hidden, plain_head, _ = inputs()
    logits = plain_hidden @ plain_head.T
    wanted = F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing)
    (wanted / 43 * 3).backward()
    assert torch.allclose(found, wanted, rtol=1e-6)
    assert_gradients_equal((hidden, head), (plain_hidden, plain_head))


@given(positions=st.integers(1, 40), entries=st.integers(2, 200), smoothing=st.sampled_from((0.0, 0.02, 0.5)))
@settings(max_examples=40, deadline=None)
def test_the_total_whatever_the_sizes(positions: int, entries: int, smoothing: float) -> None:
    """Entries that are no multiple of 64 are filled up; a batch in which nothing is asked has no loss."""
    hidden, head, targets = inputs(positions, entries, seed=positions)
    found = total_loss(hidden, head, targets, smoothing)
    found.backward()
    plain = inputs(positions, entries, seed=positions)
    wanted = F.cross_entropy(
        plain[0] @ plain[1].T, targets, ignore_index=IGNORE, reduction="sum", label_smoothing=smoothing
    )
    wanted.backward()
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert_gradients_equal((hidden, head), plain[:2])


def test_logits_of_the_whole_never_exist_at_once(monkeypatch: MonkeyPatch) -> None:
    for name, run in (("_losses", token_losses), ("_losses_and_gradient", total_loss)):
        seen: list[int] = []
        plain = getattr(loss_, name)

        def counted(first: Tensor, *rest: Tensor, plain=plain, seen=seen) -> Tensor:
            seen.append(len(first))
            return plain(first, *rest)

        monkeypatch.setattr(loss_, name, counted)
        monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": 7 * 4 * 300 + 3})
        run(*inputs()).sum().backward()
        assert max(seen) == 7


def test_low_precision_states_give_losses_in_fp32() -> None:
    hidden, head, targets = inputs()
    found = token_losses(hidden.bfloat16(), head, targets)
    wanted = F.cross_entropy(
        (hidden.bfloat16() @ head.bfloat16().T).float(), targets, reduction="none", ignore_index=IGNORE
    )
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)
    total = total_loss(hidden.bfloat16(), head, targets)
    assert total.dtype == torch.float32
    assert torch.allclose(total, wanted.sum(), rtol=1e-6)
