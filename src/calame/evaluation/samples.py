"""The recipe's prompts continued, sampled, unedited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from calame.evaluation.measurement import ByModel, Found, Subject
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded

SAMPLED = Sampling(temperature=0.8, top_k=50, top_p=0.95, limit=96)


def measure(subject: Subject) -> Found:
    """[{"prompt", "continuation"}] for `evaluation.prompts`; of a prompt that does not fit also the "reason"."""
    return continue_prompts(subject.loaded, subject.keys.prompts) or None


def continue_prompts(loaded: Loaded, texts: Sequence[str]) -> list[dict[str, str]]:
    """Each prompt with what the model goes on with."""
    room = loaded.model.config.max_position_embeddings
    prompts = [loaded.tokenizer.prompt(text) for text in texts]
    said = iter(complete(loaded, [ids for ids in prompts if len(ids) < room], SAMPLED))
    return [
        {"prompt": text, "continuation": next(said).text} if len(ids) < room else _too_long(text, len(ids), room)
        for text, ids in zip(texts, prompts, strict=True)
    ]


def _too_long(text: str, tokens: int, room: int) -> dict[str, str]:
    reason = f"{tokens} tokens, and the model's context of {room} must hold one more"
    return {"prompt": text, "continuation": "", "reason": reason}


def page(found: ByModel) -> str:
    return "".join(
        f"<p class=soft>{escape(name)} model, sampled, unedited</p>" + "".join(map(quote, samples))
        for name, samples in found.items()
    )


def quote(sample: Mapping[str, str]) -> str:
    """A sample as HTML."""
    said = f"<b class=said>{escape(sample['prompt'])}</b>{escape(sample['continuation'])}"
    left_out = f" <span class=soft>(not continued: {escape(sample['reason'])})</span>" if "reason" in sample else ""
    return f"<blockquote>{said}{left_out}</blockquote>"
