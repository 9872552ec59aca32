"""What is left out at random while training: dropout by its definition, layers, and nothing of it when measuring."""

from __future__ import annotations

from dataclasses import replace

import torch
from pytest import mark
from torch import Tensor

from builders import decoder_of, random_rows
from calame.model.decoder import QUIET, Decoder, Noise
from calame.model.device import choose_device
from calame.training.batch import LossFunction

TOKENS = torch.arange(24)[None] * 7 % 330


def hidden(model: Decoder, noise: Noise, seed: int = 0) -> Tensor:
    """Final states while training with this noise."""
    model.noise = noise
    torch.manual_seed(seed)
    with torch.no_grad():
        return model.train()(TOKENS)


@mark.parametrize("noise", (Noise(0.3), Noise(0.3, twice=True), Noise(layers=0.5)), ids=str)
def test_it_acts_in_training_and_never_in_measuring(noise: Noise) -> None:
    model = decoder_of()
    plain = hidden(model, QUIET)
    drawn = [hidden(model, noise, seed) for seed in range(12)]
    assert torch.equal(hidden(model, noise, 5), drawn[5])
    assert sum(torch.equal(draw, drawn[0]) for draw in drawn) < 12
    assert sum(torch.equal(draw, plain) for draw in drawn) < 12
    with torch.no_grad():
        assert torch.equal(model.eval()(TOKENS), plain)


def test_nothing_is_drawn_where_nothing_is_left_out() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    hidden(decoder_of(), QUIET)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_keeps_the_mean_and_twice_leaves_out_more() -> None:
    ones = torch.ones(400, 500)
    once, twice = Noise(0.2).drop(ones), Noise(0.2, twice=True).drop(ones)
    assert abs(once.mean() - 1) < 0.01 and abs(twice.mean() - 1) < 0.01
    assert abs((once == 0).float().mean() - 0.2) < 0.01
    assert abs((twice == 0).float().mean() - (1 - 0.8**2)) < 0.01
    assert (Noise(0.2).of_attention, Noise(0.2, twice=True).of_attention) == (0.0, 0.2)


def test_a_layer_left_out_adds_nothing() -> None:
    """All layers left out: what remains is the norm of the embedding; and in the mean, the share asked for."""
    model = decoder_of()
    with torch.no_grad():
        bare = model.norm(model.embed_tokens(TOKENS))
    seen = [torch.allclose(hidden(model, Noise(layers=0.5), seed), bare) for seed in range(200)]
    assert 0.15 < sum(seen) / len(seen) < 0.36  # two layers: a quarter of the draws


def test_the_plain_and_the_fast_way_are_one_function() -> None:
    """Joined maps, filled up, and the loss with its gradient: against their plain twins, for sizes that fit nothing."""
    rows = random_rows(3, 32)
    sizes = {"hidden_size": 36, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 12, "vocab_size": 331}
    for changes in ({"family": "llama"}, {"family": "qwen3"}, {"family": "gpt2", "num_key_value_heads": 3}):
        found = []
        for fast in (False, True):
            model = decoder_of(**{**sizes, "intermediate_size": 53, **changes}).train()
            loss = LossFunction(model, choose_device("cpu"), True, "dense", False, fast, 0.05).total(rows)
            loss.backward()
            found.append((loss.detach(), {name: p.grad for name, p in model.named_parameters()}))
        (plain, slow), (total, quick) = found
        assert torch.allclose(plain, total, rtol=1e-6)
        assert slow.keys() == quick.keys()
        for name, gradient in slow.items():
            assert torch.allclose(gradient, quick[name], atol=2e-5), name


def test_smoothing_is_for_training_only() -> None:
    rows, model = random_rows(2, 32), decoder_of()
    plain, smooth = (LossFunction(model, choose_device("cpu"), True, "dense", False, smoothing=s) for s in (0.0, 0.2))
    assert torch.equal(plain(rows), smooth(rows))
    assert torch.isclose(plain.total(rows), plain(rows).sum())
    assert not torch.isclose(plain.total(rows), smooth.total(rows))
    assert replace(Noise(), dropout=0.0) == QUIET
