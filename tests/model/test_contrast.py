"""The headless loss against its formula written out, in float64: values, gradients, floors, what changes nothing."""

from __future__ import annotations

import math

import torch
from pytest import MonkeyPatch, approx, mark
from torch import Tensor

from calame.model import loss as loss_
from calame.model.contrast import WIDTH, contrastive_losses
from calame.model.loss import IGNORE

BOTH = mark.parametrize("literal", (False, True), ids=("masked", "literal"))


def inputs(positions: int = 50, entries: int = 12, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """States, an embedding, and targets with many repeats, every seventh of which asks nothing."""
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(positions, 16, generator=draw).requires_grad_()
    embedding = torch.randn(entries, 16, generator=draw).requires_grad_()
    targets = torch.randint(entries, (positions,), generator=draw)
    targets[::7] = IGNORE
    return hidden, embedding, targets


def written_out(hidden: Tensor, embedding: Tensor, targets: Tensor, literal: bool) -> Tensor:
    """(positions,) of the formula, one i and one j after the other."""
    found = []
    for i, own in enumerate(targets.tolist()):
        total = hidden.new_ones(())
        for other in targets.tolist() if own != IGNORE else ():
            if other != IGNORE and (literal or other != own):
                total = total + (hidden[i] @ embedding[other] - hidden[i] @ embedding[own]).exp()
        found.append(total.log())
    return torch.stack(found)


@BOTH
@mark.parametrize("positions_at_once", (1, 7, 49, 50, 1000))
def test_losses_and_gradients_are_the_formulas(literal: bool, positions_at_once: int, monkeypatch: MonkeyPatch) -> None:
    """Those of the states and of the embedding, a gradient of its own for each position; whatever the parts."""
    monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": positions_at_once * WIDTH * 50})
    hidden, embedding, targets = inputs()
    weights = torch.linspace(-1, 2, 50)
    found = contrastive_losses(hidden, embedding, targets, literal)
    (found * weights).sum().backward()
    exact = hidden.detach().double().requires_grad_(), embedding.detach().double().requires_grad_()
    wanted = written_out(*exact, targets, literal)
    (wanted * weights).sum().backward()
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), wanted, rtol=1e-5, atol=1e-6)
    assert (found[::7] == 0).all()
    for ours, theirs in zip((hidden, embedding), exact, strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-5)


def test_scores_of_the_whole_never_exist_at_once(monkeypatch: MonkeyPatch) -> None:
    sizes: list[int] = []
    products = Tensor.__matmul__

    def noted(one: Tensor, other: Tensor) -> Tensor:
        sizes.append(len(one))
        return products(one, other)

    monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": 7 * WIDTH * 50 + 3})
    monkeypatch.setattr(Tensor, "__matmul__", noted)
    contrastive_losses(*inputs()).sum().backward()
    assert sum(sizes) == 2 * 50  # once more in the backward pass
    assert max(sizes) == 7


@BOTH
def test_the_floor_is_0_and_of_the_literal_form_ln_2(literal: bool) -> None:
    """States far towards their own targets, all of them different: what is published counts the own one twice."""
    embedding, targets = torch.eye(9), torch.arange(9)
    losses = contrastive_losses(100 * embedding, embedding, targets, literal)
    assert losses.tolist() == approx([math.log(2) if literal else 0.0] * 9, abs=1e-6)


def test_a_repeated_target_is_a_false_negative_in_the_literal_form_alone() -> None:
    embedding, targets = torch.eye(9), torch.tensor([3, 3, 3, 5])
    losses = [contrastive_losses(100 * embedding[targets], embedding, targets, literal) for literal in (False, True)]
    assert losses[0].tolist() == approx([0.0] * 4, abs=1e-6)
    assert losses[1].tolist() == approx([math.log(4)] * 3 + [math.log(2)], abs=1e-6)


@BOTH
def test_states_that_know_nothing_begin_at_the_log_of_the_targets(literal: bool) -> None:
    """ln(N + 1); masked, without those that are equal."""
    targets = torch.arange(4096) % 2048
    losses = contrastive_losses(torch.zeros(4096, 4), torch.randn(2048, 4), targets, literal)
    assert losses.tolist() == approx([math.log(4097 if literal else 4095)] * 4096)
    assert not literal or losses[0].item() == approx(8.318, abs=5e-4)


@BOTH
def test_positions_that_ask_nothing_change_nothing(literal: bool) -> None:
    """Neither as positions nor as the negatives of others, nor do gradients reach them."""
    hidden, embedding, targets = inputs()
    asked = targets != IGNORE
    whole = contrastive_losses(hidden, embedding, targets, literal)
    alone = contrastive_losses(hidden[asked], embedding, targets[asked], literal)
    assert torch.allclose(whole[asked], alone, atol=1e-6)
    whole.sum().backward()
    assert hidden.grad is not None and (hidden.grad[~asked] == 0).all() and (hidden.grad[asked] != 0).any()


@BOTH
def test_a_batch_that_asks_nothing_or_one_thing_has_a_loss_and_a_gradient(literal: bool) -> None:
    for targets in (torch.full((5,), IGNORE), torch.tensor([IGNORE, 4, 4, IGNORE, 4])):
        hidden, embedding, _ = inputs(5)
        losses = contrastive_losses(hidden, embedding, targets, literal)
        losses.sum().backward()
        assert hidden.grad is not None and embedding.grad is not None
        assert losses.isfinite().all() and hidden.grad.isfinite().all() and embedding.grad.isfinite().all()
        asked = int((targets != IGNORE).sum())
        assert losses.sum().item() == approx(asked * math.log(1 + asked) if literal else 0.0, abs=1e-6)


@BOTH
def test_low_precision_states_give_losses_in_fp32(literal: bool) -> None:
    hidden, embedding, targets = inputs()
    found = contrastive_losses(hidden.bfloat16(), embedding, targets, literal)
    wanted = written_out(hidden.bfloat16().double(), embedding.bfloat16().double(), targets, literal)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), wanted, rtol=0.03, atol=0.03)  # products of bf16 are rounded to it


@mark.slow
def test_compiled_it_is_the_same(monkeypatch: MonkeyPatch) -> None:
    """In parts, as the loss of a whole micro-batch is compiled."""
    monkeypatch.setattr(loss_, "CHUNK_BYTES", {"cpu": 20 * WIDTH * 50})
    plain, compiled = inputs(), inputs()
    losses = contrastive_losses(*plain)
    found = torch.compile(contrastive_losses, dynamic=False)(*compiled)
    losses.sum().backward()
    found.sum().backward()
    assert torch.allclose(found, losses, atol=1e-5)
    for ours, theirs in zip(compiled[:2], plain[:2], strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
