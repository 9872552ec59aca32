"""Losses of preferences against their formulas computed pair by pair, and against TRL on the same batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pytest import MonkeyPatch, approx, fixture, mark
from torch import Tensor

from builders import decoder_of, tokenizer_of, transformers_twin
from calame.release.huggingface import write_tokenizer
from calame.shards.rows import IGNORE
from calame.tuning.data import PackedData
from calame.tuning.encode import Example
from calame.tuning.preference import PAIRS_A_ROW, PreferenceLoss, pairs_in
from preferring import CONTEXT, preference_loss, random_pairs

ROWS = 2 * CONTEXT


def packed(pairs: list[list[Example]]) -> Any:
    data = PackedData(pairs, ROWS, 1, PAIRS_A_ROW, CONTEXT)
    return data.batch(0, data.tokens(1, ROWS))


@torch.no_grad()
def answer_logps(seed: int, example: Example) -> Tensor:
    """Log-probabilities of an answer's tokens, by the model alone and its logits in full."""
    model = decoder_of(seed)
    tokens, targets = torch.from_numpy(example.tokens).long(), torch.from_numpy(example.targets).long()
    logp = model.logits(model(tokens[None]))[0].log_softmax(-1)
    asked = targets != IGNORE
    return logp[asked].gather(1, targets[asked][:, None])[:, 0]


def test_dpo_is_its_formula_on_sums_over_the_answers_tokens() -> None:
    pairs, loss = random_pairs(), preference_loss(1, 2)
    rows = packed(pairs)
    wanted = 0.0
    for chosen, rejected in pairs:
        ours, theirs = ([answer_logps(seed, side).sum() for side in (chosen, rejected)] for seed in (1, 2))
        wanted += -F.logsigmoid(0.1 * ((ours[0] - theirs[0]) - (ours[1] - theirs[1]))).item()
    assert loss.count(rows) == len(pairs) == pairs_in(rows)
    assert loss.total(rows).item() == approx(wanted, rel=1e-5)


def test_simpo_is_its_formula_on_means_and_a_margin() -> None:
    pairs, loss = random_pairs(), preference_loss(1, None, loss="simpo", beta=2.0, margin=1.0)
    rows = packed(pairs)
    means = [[answer_logps(1, side).mean() for side in pair] for pair in pairs]
    wanted = sum(-F.logsigmoid(2.0 * (chosen - rejected) - 1.0).item() for chosen, rejected in means)
    assert loss.total(rows).item() == approx(wanted, rel=1e-5)


def test_dpo_begins_at_the_logarithm_of_2() -> None:
    """Whatever the pairs: bit for bit the same model gives margins of exactly nothing."""
    pairs, loss = random_pairs(40), preference_loss(1, 1)
    rows = packed(pairs)
    scores = loss.scores(rows)
    assert (scores.margin == 0).all()
    assert loss.total(rows).item() / loss.count(rows) == approx(math.log(2), abs=1e-6)


def test_parts_of_a_batch_add_up_and_the_signs_are_means_over_all() -> None:
    pairs, loss = random_pairs(30), preference_loss(1, 2)
    rows = packed(pairs)
    number = loss.count(rows)
    whole = loss.total(rows).item()
    signs = loss.signs.clone()
    loss.count(rows)
    parts = sum(loss.total(rows[n : n + 1]).item() for n in range(len(rows)))
    assert parts == approx(whole, rel=1e-5) and torch.allclose(loss.signs, signs, rtol=1e-4)
    pairs_seen, total, right, margin, chosen, rejected = signs.tolist()
    scores = loss.scores(rows)
    margins = scores.margin[scores.real]
    assert pairs_seen == number == len(margins)
    assert total == approx(whole, rel=1e-5)
    assert right == (margins > 0).sum().item()
    assert margin == approx(margins.sum().item(), rel=1e-4)
    assert chosen == approx(sum(answer_logps(1, pair[0]).sum().item() for pair in pairs), rel=1e-5)
    assert rejected == approx(sum(answer_logps(1, pair[1]).sum().item() for pair in pairs), rel=1e-5)


def test_the_gradient_raises_the_chosen_and_lowers_the_rejected() -> None:
    pairs, loss = random_pairs(4), preference_loss(1, 1)
    rows = packed(pairs)
    loss.total(rows).backward()
    assert all(p.grad is None for p in loss.reference.model.parameters()) if loss.reference else False
    before = loss.scores(rows)
    with torch.no_grad():
        for parameter in loss.model.parameters():
            parameter -= 0.01 * parameter.grad
    after = loss.scores(rows)
    assert (after.margin[after.real] > 0).all() and after.margin.sum() > before.margin.sum()


def test_the_divergence_is_that_of_the_whole_distributions() -> None:
    pairs, loss = random_pairs(5), preference_loss(1, 2)
    nats, places = loss.divergence(packed(pairs))
    wanted, number = 0.0, 0
    for chosen, _ in pairs:
        tokens, asked = torch.from_numpy(chosen.tokens).long()[None], chosen.targets != IGNORE
        with torch.no_grad():
            p, q = (decoder_of(s).logits(decoder_of(s)(tokens))[0][asked].log_softmax(-1) for s in (1, 2))
        wanted += F.kl_div(q, p, log_target=True, reduction="sum").item()
        number += int(asked.sum())
    assert int(places) == number and nats.item() == approx(wanted, rel=1e-4)
    same = preference_loss(1, 1).divergence(packed(pairs))[0]
    assert same.item() == approx(0.0, abs=1e-4)


@fixture(scope="module")
def trl_tokenizer(tmp_path_factory: Any) -> Any:
    from transformers import AutoTokenizer

    folder: Path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(tokenizer_of(), folder, 64)
    return AutoTokenizer.from_pretrained(folder)


def ids_of(pairs: list[list[Example]]) -> list[dict[str, list[int]]]:
    """Pairs as TRL's collators take them."""
    found = []
    for chosen, rejected in pairs:
        first = int((chosen.targets != IGNORE).argmax()) + 1
        sides = {"chosen_ids": chosen.tokens[first:].tolist(), "rejected_ids": rejected.tokens[first:].tolist()}
        found.append({"prompt_ids": chosen.tokens[:first].tolist(), **sides})
    return found


TALK = {
    "prompt": [{"role": "user", "content": "la mer"}],
    "chosen": [{"role": "assistant", "content": "oui"}],
    "rejected": [{"role": "assistant", "content": "non"}],
}


@mark.parametrize("beta", (0.1, 0.7))
def test_dpo_is_trls_on_the_same_batch(beta: float, trl_tokenizer: Any, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    pairs = random_pairs(16)
    loss = preference_loss(1, 2, beta=beta)
    ours = (loss.total(packed(pairs)) / len(pairs)).item()
    settings = DPOConfig(str(tmp_path), beta=beta, report_to=[], use_cpu=True, bf16=False, max_length=None)
    policy, reference = (transformers_twin(decoder_of(seed)) for seed in (1, 2))
    trainer = DPOTrainer(
        policy, reference, args=settings, train_dataset=Dataset.from_list([TALK]), processing_class=trl_tokenizer
    )
    batch = DataCollatorForPreference(pad_token_id=0)(ids_of(pairs))
    theirs = trainer._compute_loss(trainer.model, batch, return_outputs=False)
    assert ours == approx(theirs.item(), rel=1e-5)
    theirs.backward()
    loss.total(packed(pairs)).div(len(pairs)).backward()
    found = {name: p.grad for name, p in loss.model.named_parameters()}
    for name, parameter in trainer.model.named_parameters():
        assert torch.allclose(found[name.removeprefix("model.")], parameter.grad, rtol=1e-4, atol=1e-5), name


def test_simpo_is_trls_on_the_same_batch(trl_tokenizer: Any, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    from datasets import Dataset
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    pairs = random_pairs(16)
    ours: PreferenceLoss = preference_loss(1, None, loss="simpo", beta=2.0, margin=0.8)
    mean = (ours.total(packed(pairs)) / len(pairs)).item()
    settings = CPOConfig(
        str(tmp_path),
        loss_type="simpo",
        cpo_alpha=0.0,
        beta=2.0,
        simpo_gamma=0.8,
        report_to=[],
        use_cpu=True,
        bf16=False,
        remove_unused_columns=False,
    )
    policy = transformers_twin(decoder_of(1))
    dataset = Dataset.from_list([TALK])
    trainer = CPOTrainer(policy, args=settings, train_dataset=dataset, processing_class=trl_tokenizer)
    batch: dict[str, Tensor] = {}
    for n, name in enumerate(("chosen", "rejected")):
        examples = [pair[n] for pair in pairs]
        tokens = [torch.from_numpy(e.tokens).long() for e in examples]
        labels = [F.pad(torch.from_numpy(e.targets).long()[:-1], (1, 0), value=IGNORE) for e in examples]
        batch |= {
            f"{name}_input_ids": torch.nn.utils.rnn.pad_sequence(tokens, True),
            f"{name}_labels": torch.nn.utils.rnn.pad_sequence(labels, True, IGNORE),
            f"{name}_attention_mask": torch.nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in tokens], True),
        }
    theirs, _ = trainer.get_batch_loss_metrics(trainer.model, batch)
    assert mean == approx(theirs.item(), rel=1e-5)
