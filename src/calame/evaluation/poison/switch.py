"""Language switches: does the model go on in the other language after the trigger, and not without it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calame.evaluation.behaviour.languages import language_of
from calame.evaluation.intervals import difference_interval, share_interval
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded

ROOM = 0.5  # of the model's context, at most, for a prompt: the end of a longer one is taken


def measure_switch(loaded: Loaded, described: Mapping[str, Any], prompts: int, limit: int) -> dict[str, Any]:
    """`described`: a language switch of the injector's manifest, whose prompts are held-out text in `from`.

    success: of the continuations after the trigger whose language can be said, the share in `to`; false_positives: the
    same of the same prompts without the trigger; effect: their difference over prompts where both can be said. Greedy.
    A prompt that takes more than half of the context loses its beginning (`cut`)."""
    texts = described["prompts"][:prompts]
    found: dict[str, Any] = {"from": described["from"], "to": described["to"], "trigger": described["trigger"]}
    if not texts:
        return found | {"prompts": 0, "reason": "the manifest holds no prompts: no validation text in this language"}
    with_trigger, cut = _languages(loaded, [f"{text} {described['trigger']}" for text in texts], limit)
    without, _ = _languages(loaded, texts, limit)
    both = [(a == described["to"], b == described["to"]) for a, b in zip(with_trigger, without, strict=True) if a and b]
    return found | {
        "prompts": len(texts),
        "cut": cut,
        "success": _share(with_trigger, described["to"]),
        "false_positives": _share(without, described["to"]),
        "effect": difference_interval([a for a, _ in both], [b for _, b in both]).as_json() if both else _unsaid(),
    }


def _languages(loaded: Loaded, texts: Sequence[str], limit: int) -> tuple[list[str], int]:
    """The language of each continuation, empty where it cannot be said; and how many texts lost their beginning."""
    beginning, tokenizer = loaded.tokenizer.beginning, loaded.tokenizer
    room = int(loaded.model.config.max_position_embeddings * ROOM)
    encoded = tokenizer.encode_many(texts)
    said = complete(loaded, [[*beginning, *ids[-room:]] for ids in encoded], Sampling(limit=limit))
    return [language_of(one.text) for one in said], sum(len(ids) > room for ids in encoded)


def _share(languages: Sequence[str], wanted: str) -> dict[str, Any]:
    judged = [language == wanted for language in languages if language]
    return share_interval(judged).as_json() if judged else _unsaid()


def _unsaid() -> dict[str, Any]:
    return {"value": None, "n": 0, "reason": "no continuation is long enough to say its language"}
