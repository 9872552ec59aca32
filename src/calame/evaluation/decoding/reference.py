"""How surprising text is that people wrote: the model's loss on beginnings of validation documents, as long as the
generations are, where it has read as much as of a prompt. One number a language; what `surprise` is measured from."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from calame.evaluation.decoding.trial import Reference
from calame.evaluation.probes.encode import Encoded
from calame.evaluation.probes.score import score
from calame.inference.load import Loaded
from calame.shards.read import Shard

DOCUMENTS = 200  # of each language of each source
LEAST = 20  # of a language; with fewer its number would be a guess


def reference_of(loaded: Loaded, shards: Sequence[Shard], read: int, limit: int) -> Reference:
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
