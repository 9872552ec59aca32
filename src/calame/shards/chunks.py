"""Documents in rows of their own: no packing, the last row of each filled up with padding (the way of Klovis).

Places count as tokens here, padding included: a document of 300 tokens in rows of 256 takes 512 of them. So the mixture
holds in rows, and everything else is as for any other stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calame.shards.loader import Loader
from calame.shards.mixture import Mixture
from calame.shards.read import Shard
from calame.shards.rows import Pieces, Rows, lay_out_chunks


class ChunkLoader(Loader):
    """The loader whose rows hold one document each. `mixture`: of places, with the context as its grain."""

    def __init__(
        self, shards: Sequence[Shard], mixture: Mixture, context: int, pad: int, seed: int, even: bool = False
    ):
        assert mixture.grain == context
        super().__init__(shards, mixture, context, False, seed, even)
        self.pad = pad

    def _lay_out(self, pieces: Pieces, context: int) -> Rows:
        ends = [self.shards[s].starts[d + 1] for s, d in zip(pieces.source, pieces.document, strict=True)]
        held = replace(pieces, length=np.minimum(pieces.length, np.array(ends, np.int64) - pieces.begin))
        return lay_out_chunks(self._gather(held), held.length, context, self.pad)
