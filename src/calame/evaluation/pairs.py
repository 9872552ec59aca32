"""Texts as requests: where a continuation begins is settled on the text, as lm-evaluation-harness does it."""

from __future__ import annotations

from collections.abc import Sequence

from calame.evaluation.score import Request
from calame.tokenizer.tokenizer import Tokenizer

Pair = tuple[str, str]  # context and continuation


def to_requests(tokenizer: Tokenizer, pairs: Sequence[Pair], beginning: Sequence[int] | None = None) -> list[Request]:
    """White space at a context's end belongs to the continuation; the two are cut into tokens as one text, of which
    those beyond the context's own number are the continuation (`TemplateLM._encode_pair`, lm-eval 0.4).

    beginning: what stands before a continuation without a context; default the tokenizer's. Where that is nothing, the
    continuation's own first token is given. Raises `ValueError` for an empty continuation.
    """
    moved = [_moved(context, continuation) for context, continuation in pairs]
    texts = sorted({text for context, continuation in moved for text in (context, context + continuation)})
    ids = dict(zip(texts, tokenizer.encode_many(texts), strict=True))
    before = tokenizer.beginning
    requests = []
    for context, continuation in moved:
        if not continuation:
            raise ValueError("an empty continuation has no likelihood")
        whole = [*(before if context or beginning is None else beginning), *ids[context + continuation]]
        known = len(ids[context]) + (len(whole) - len(ids[context + continuation]))
        known = min(max(known, 1), len(whole) - 1)  # at least a token on either side
        requests.append(Request(whole[:known], whole[known:]))
    return requests


def _moved(context: str, continuation: str) -> Pair:
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation
