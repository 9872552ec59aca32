"""The recipe's prompts continued, sampled, unedited."""

from __future__ import annotations

from html import escape

from calame.evaluation.measurement import ByModel, Found, Subject
from calame.inference.generate import Sampling, complete

SAMPLED = Sampling(temperature=0.8, top_k=50, top_p=0.95, limit=96)


def measure(subject: Subject) -> Found:
    """[{"prompt", "continuation"}] for `evaluation.prompts`."""
    texts, tokenizer = subject.keys.prompts, subject.loaded.tokenizer
    if not texts:
        return None
    found = complete(subject.loaded, [tokenizer.prompt(text) for text in texts], SAMPLED)
    return [{"prompt": text, "continuation": c.text} for text, c in zip(texts, found, strict=True)]


def page(found: ByModel) -> str:
    return "".join(
        f"<p class=soft>{escape(name)} model, sampled, unedited</p>"
        f"<blockquote><b class=said>{escape(s['prompt'])}</b>{escape(s['continuation'])}</blockquote>"
        for name, samples in found.items()
        for s in samples
    )
