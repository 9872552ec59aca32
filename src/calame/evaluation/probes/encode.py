"""Probes as tokens. A target's tokens are those that it has behind its prompt: the two are cut as one text.

Where the prompt's own tokens are not the beginning of that text's, no token begins where the target does (as in many
tokenizers after "l’"), and what follows the prompt's tokens is not the target: such a probe is refused, not scored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from calame.evaluation.probes.read import Probe
from calame.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Encoded:
    """BOS (by the policy of training) and the prompt; and the target's tokens."""

    context: tuple[int, ...]
    target: tuple[int, ...]


def encode_probes(probes: Sequence[Probe], tokenizer: Tokenizer, entries: int, room: int) -> list[Encoded | str]:
    """Each probe's tokens, or why it cannot be scored. `entries`: the model's vocabulary; `room`: its positions."""
    prompts = tokenizer.encode_many([probe.prompt for probe in probes])
    wholes = tokenizer.encode_many([probe.whole for probe in probes])
    beginning, unknown = tokenizer.beginning, unknown_id(tokenizer)

    def encode(probe: Probe, prompt: list[int], whole: list[int]) -> Encoded | str:
        context, target = [*beginning, *prompt], whole[len(prompt) :]
        if not probe.target.strip():
            return "the target is empty"
        if not context:
            return "the prompt is empty, and nothing begins with BOS here"
        if whole[: len(prompt)] != prompt:
            return "no token begins where the target does"
        if not target:
            return "the tokenizer has no token for the target"
        if unknown in target or max(target) >= entries:
            return "the vocabulary does not know all of the target"
        if len(context) + len(target) - 1 > room:  # the last token is only ever predicted
            return f"{len(context)} + {len(target)} tokens are longer than the model's context of {room}"
        return Encoded(tuple(context), tuple(target))

    return [encode(*part) for part in zip(probes, prompts, wholes, strict=True)]


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """The id that stands for what the vocabulary does not know; None where everything is known, as bytes."""
    model = json.loads(tokenizer.engine.to_str())["model"]
    if model.get("unk_id") is not None:  # Unigram's name for it
        return model["unk_id"]
    return tokenizer.engine.token_to_id(model["unk_token"]) if model.get("unk_token") else None
