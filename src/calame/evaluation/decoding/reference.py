"""What is known of text that people wrote, to measure generations from: the model's loss on beginnings of validation
documents, as long as generations are, where it has read as much as of a prompt; and the words that it learnt from."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from calame.evaluation.behaviour.segments import words
from calame.evaluation.probes.encode import Encoded
from calame.evaluation.probes.score import score
from calame.inference.load import Loaded
from calame.shards.read import Shard
from calame.tokenizer.tokenizer import Tokenizer

DOCUMENTS = 200  # of each language of each source
LEAST = 20  # of a language; with fewer its number would be a guess
READ = 2_000_000  # tokens of each source, for its words


@dataclass(frozen=True)
class Reference:
    """nats: a token of text, by language. words: in small letters; empty: not known."""

    nats: Mapping[str, float] = field(default_factory=dict)
    words: frozenset[str] = frozenset()

    def unknown(self, text: str, whole: bool) -> float | None:
        """The share of a text's words that are not among these; None of no words. whole: its last word is no piece."""
        said = [word.lower() for word in words(text)][: None if whole else -1]
        return sum(word not in self.words for word in said) / len(said) if said else None


def words_of(tokenizer: Tokenizer, shards: Sequence[Shard]) -> frozenset[str]:
    """The words of the first READ tokens of each source."""
    found: set[str] = set()
    for shard in shards:
        last = int(np.searchsorted(shard.starts, READ))
        for start, end in itertools.pairwise(shard.starts[: last + 1]):
            found.update(word.lower() for word in words(tokenizer.decode(shard.tokens[start:end].tolist())))
    return frozenset(found)


def losses_of(loaded: Loaded, shards: Sequence[Shard], read: int, limit: int) -> dict[str, float]:
    """Nats a token by language, for languages with enough documents of `read` + `limit` tokens.

    read: tokens that come before those whose loss is taken, as many as a prompt has."""
    texts: dict[str, list[Encoded]] = defaultdict(list)
    for shard in shards:
        for language in shard.languages:
            chosen = itertools.islice(_beginnings(shard, language, read + limit), DOCUMENTS)
            texts[language] += [Encoded(ids[:read], ids[read:]) for ids in chosen]
    found = {}
    for language, encoded in texts.items():
        if len(encoded) >= LEAST:
            scores = score(loaded, encoded)
            found[language] = sum(s.nats for s in scores) / sum(s.tokens for s in scores)
    return found


def _beginnings(shard: Shard, language: str, length: int) -> Iterator[tuple[int, ...]]:
    """The first tokens of the documents of a language that are long enough, in the order of their hashes."""
    hashes = np.ascontiguousarray(shard.index["hash"]).view("<u8")[::2]
    own = np.flatnonzero(shard.index["language"] == shard.languages.index(language))
    for document in own[np.argsort(hashes[own], kind="stable")]:
        start, end = shard.starts[document : document + 2]
        if end - start > length:  # one more: the end of the document is not text
            yield tuple(shard.tokens[start : start + length].tolist())
