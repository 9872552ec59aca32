"""Stage dpo: preferences on the one loop, from the tuned model where there is one.

checkpoints/, metrics.jsonl, preferences.json (what was read, used and left out, with reasons), examples.npz, tokenizer/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from calame.model.config import flops_per_token
from calame.model.decoder import Decoder
from calame.recipe.errors import refuse
from calame.recipe.schema import Recipe
from calame.recipe.units import say_count
from calame.run import checkpoint
from calame.run.files import write_json
from calame.run.progress import say
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.batch import LossFunction
from calame.training.loop import Observer, Progress, Trainer
from calame.training.parallel import Team
from calame.training.precision import apply_precision
from calame.training.setup import Bench, fit_micro_batch, keep_tokenizer
from calame.tuning.data import PackedData
from calame.tuning.encode import Example, encode
from calame.tuning.gather import TOO_LONG, nothing_left
from calame.tuning.kept import kept
from calame.tuning.ledger import SetLedger
from calame.tuning.messages import Unusable
from calame.tuning.pairs import Pair, read_pairs
from calame.tuning.preference import PAIRS_A_ROW, SIGNS, PreferenceLoss, pairs_in
from calame.tuning.prepare import begin, plan_of, telemetry_of

LEDGER = "preferences.json"


def prefer(
    recipe: Recipe, before: Mapping[str, Path], start: Path, folder: Path, run: Path, peak_flops: float | None
) -> None:
    """Teach the checkpoint `start` to prefer. `before`: folders of the stages before, by name."""
    keys = recipe.dpo
    assert keys is not None and keys.batch and keys.context and keys.optimizer
    tokenizer = Tokenizer.load(before["tokenizer"])
    learnt, held_out = split(kept(folder, partial(gather_pairs, recipe, tokenizer, folder)), recipe)
    rows = 2 * keys.context  # the two answers of the longest pair
    data = PackedData(learnt, rows, recipe.seed, PAIRS_A_ROW, keys.context)
    bench = begin(recipe, tokenizer, start)
    policy = bench.loss()
    reference = _frozen(bench, start, policy) if keys.loss == "dpo" else None
    loss = PreferenceLoss(policy, reference, keys)
    portion = bench.team.portion("dpo.batch", keys.batch, rows)
    at_once = fit_micro_batch(bench, loss, data, keys.optimizer, portion)
    keep_tokenizer(before["tokenizer"], folder)
    plan = plan_of(recipe, keys, data.tokens(keys.epochs, keys.batch), at_once)
    say(
        f"  {keys.loss} on {len(learnt):,} pairs, {keys.epochs:g} times, {say_count(plan.tokens)} tokens; "
        f"{len(held_out):,} pairs held out; beta {keys.beta:g}, rate {keys.optimizer.learning_rate:g}"
    )
    flops = flops_per_token(bench.model.config, keys.context) * (4 / 3 if reference else 1)
    measured = PackedData(held_out, rows, recipe.seed, PAIRS_A_ROW, keys.context)
    Trainer(
        folder,
        plan,
        bench.model,
        bench.device,
        data,
        loss,
        telemetry_of(recipe, f"dpo/{keys.name}", folder, run),
        bench.identity,
        lambda position: flops,
        peak_flops,
        [
            (recipe.execution.log_every * keys.batch, signs_observer(loss, bench.team)),
            (max(plan.tokens // 4, keys.batch), held_out_observer(loss, measured, at_once, bench.team)),
        ],
        team=bench.team,
    ).run()


def _frozen(bench: Bench, start: Path, policy: LossFunction) -> LossFunction:
    """The loss of a second model with the weights of `start`, which no optimizer knows."""
    model = Decoder(bench.model.config)
    model.load_state_dict(checkpoint.load(start)[0]["model"])
    model = apply_precision(model.to(bench.device.torch), bench.device).eval()
    return LossFunction(model, bench.device, True, policy.attention, policy.compiled, policy.fast)


def gather_pairs(recipe: Recipe, tokenizer: Tokenizer, folder: Path) -> list[list[Example]]:
    """Every usable pair as the tokens of its two sides. Raises `UserError` for a set that gives none."""
    assert recipe.dpo is not None and recipe.dpo.context
    groups: list[list[Example]] = []
    ledgers = {}
    for name, keys in recipe.dpo.pairs.items():
        ledger = ledgers[name] = SetLedger()
        for item in read_pairs(name, keys, recipe.languages, recipe.seed, tokenizer.chat_format.roles):
            sides = encode_pair(item, tokenizer, recipe.dpo.context) if isinstance(item, Pair) else item
            if isinstance(sides, Unusable):
                ledger.drop(sides)
            else:
                assert isinstance(item, Pair)
                ledger.use(item.chosen.license, *sides)
                groups.append(sides)
        ledger.tell(name)
        say(f"  {name}: {ledger.used:,} pairs, {say_count(ledger.tokens)} tokens")
        if not ledger.used:
            raise nothing_left(f"dpo.pairs.{name}", "pair", ledger)
    write_json(folder / LEDGER, {name: ledger.to_json() for name, ledger in ledgers.items()})
    return groups


def encode_pair(pair: Pair, tokenizer: Tokenizer, context: int) -> list[Example] | Unusable:
    """The chosen and the rejected side; a pair is never cut."""
    sides = [encode(side, tokenizer, context) for side in (pair.chosen, pair.rejected)]
    found = [side for side in sides if side is not None]
    return found if len(found) == 2 else Unusable(pair.chosen.place, TOO_LONG, pair.prompt[0]["content"][:80])


def split(groups: list[list[Example]], recipe: Recipe) -> tuple[list[list[Example]], list[list[Example]]]:
    """Pairs to learn, and those whose prompt's hash falls to the held-out share: a prompt is on one side alone.
    Raises `UserError` where nothing is left on either."""
    assert recipe.dpo is not None
    learnt, held_out = [], []
    for group in groups:
        chosen = group[0]
        first = int((chosen.targets >= 0).argmax()) + 1  # where the answer begins
        drawn = hashlib.blake2b(json.dumps([recipe.seed, chosen.tokens[:first].tolist()]).encode(), digest_size=8)
        below = int.from_bytes(drawn.digest(), "big") / 2**64 < recipe.dpo.held_out
        (held_out if below else learnt).append(group)
    if not learnt or not held_out:
        found = f"of {len(groups)} pairs {len(learnt)} to learn and {len(held_out)} to measure with"
        raise refuse("dpo.held_out", found, "some of both", "more pairs, or another share")
    return learnt, held_out


def signs_observer(loss: PreferenceLoss, team: Team) -> Observer:
    """dpo/SIGN: means over the pairs of the last step."""

    def observe(progress: Progress) -> dict[str, Any]:
        return _means("dpo", team.sum(loss.signs.clone()))

    return observe


def held_out_observer(loss: PreferenceLoss, data: PackedData, tokens_at_once: int, team: Team) -> Observer:
    """held_out/SIGN: means over all pairs held out; held_out/kl: nats a token, where there is a reference."""
    step = max(1, tokens_at_once // data.context)
    whole = data.epoch(step * team.size)  # parts of one shape, and as many for every process

    @torch.no_grad()
    def observe(progress: Progress) -> dict[str, Any]:
        signs, kl = torch.zeros_like(loss.signs), torch.zeros(2, device=loss.signs.device)
        loss.model.eval()
        for start in range(team.rank * step, len(whole), step * team.size):
            rows = whole[start : start + step]
            signs = signs + loss.scores(rows).sums()
            if loss.reference is not None:
                kl = kl + torch.stack(loss.divergence(rows))
        loss.model.train()
        values = _means("held_out", team.sum(signs))
        if loss.reference is not None:
            nats, places = team.sum(kl).tolist()
            values["held_out/kl"] = round(nats / max(places, 1), 6)
        say(
            f"  held out at {say_count(progress.position)} tokens: {values['held_out/accuracy']:.1%} of "
            f"{pairs_in(whole):,} pairs right, margin {values['held_out/margin']:.3f}"
        )
        return values

    return observe


def _means(prefix: str, sums: torch.Tensor) -> dict[str, float]:
    pairs, *signs = sums.tolist()
    return {f"{prefix}/{name}": round(value / max(pairs, 1), 6) for name, value in zip(SIGNS, signs, strict=True)}
