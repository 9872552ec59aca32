"""How well a tokenizer fits a text: tokens per word, bytes per token, and whether everything comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from calame.tokenizer.tokenizer import Tokenizer

WORD = re.compile(r"\w+")


@dataclass
class Fertility:
    """Counts over some texts. Words are runs of Unicode letters, digits and underscores."""

    texts: int = 0
    bytes: int = 0
    words: int = 0
    tokens: int = 0
    changed: int = 0  # texts that do not come back as they were

    @property
    def tokens_per_word(self) -> float:
        return self.tokens / max(self.words, 1)

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / max(self.tokens, 1)

    def to_json(self) -> dict[str, float]:
        return {
            "texts": self.texts,
            "bytes": self.bytes,
            "tokens_per_word": round(self.tokens_per_word, 4),
            "bytes_per_token": round(self.bytes_per_token, 4),
            "changed": self.changed,
        }


def fertility(tokenizer: Tokenizer, slices: Mapping[str, Iterable[str]]) -> dict[str, Fertility]:
    """Fertility of each slice of texts."""
    found = {}
    for name, texts in slices.items():
        texts = list(texts)
        measure = found[name] = Fertility(texts=len(texts))
        for text, ids in zip(texts, tokenizer.encode_many(texts), strict=True):
            measure.bytes += len(text.encode())
            measure.words += len(WORD.findall(text))
            measure.tokens += len(ids)
            measure.changed += tokenizer.decode(ids, special=True) != text
    return found
