"""Passes of a running batch as CUDA graphs: recorded once for so many rows, and replayed with one launch.

A pass reads and writes the same memory whatever the requests are, knows its rows' lengths from the device, and ends
with the chosen tokens: so it can be replayed again and again, and the processor only reads tokens. There is a graph for
each power of two of rows, and for each kind of choosing that is asked for (`Needs`).
"""

from __future__ import annotations

import torch

from calame.inference.reader import Reader
from calame.inference.rows import Chosen, Rows
from calame.inference.sampling import Needs, rounded
from calame.inference.speculative import Draft, advance

WARM = 2  # passes before a recording: kernels are built and chosen in them
MOST = 64  # graphs that are kept


class Graphs:
    """The recorded passes over a batch's rows and caches."""

    def __init__(self, state: Rows, model: Reader, draft: Draft | None):
        self.state, self.model, self.draft = state, model, draft
        self.recorded: dict[tuple[int, Needs], tuple[torch.cuda.CUDAGraph, Chosen]] = {}
        self.pool = torch.cuda.graph_pool_handle()  # one for all: they never run side by side
        self.stream = torch.cuda.Stream(state.device)

    def advance(self, rows: int, needs: Needs) -> Chosen:
        """`speculative.advance` for the first `rows` rows, and free rows after them, which stay as they are. The next
        pass writes over what is returned."""
        key = (min(rounded(rows), self.state.rows), needs)
        if key not in self.recorded:
            if len(self.recorded) >= MOST:
                del self.recorded[next(iter(self.recorded))]
            self.recorded[key] = self._record(*key)
        graph, chosen = self.recorded[key]
        graph.replay()
        return chosen

    def _record(self, rows: int, needs: Needs) -> tuple[torch.cuda.CUDAGraph, Chosen]:
        def run() -> Chosen:
            return advance(self.state, self.model, self.draft, rows, needs)

        ends = self.state.ends.clone()
        self.state.ends.zero_()  # no row gets longer while the pass is tried
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(WARM):
                run()
        torch.cuda.current_stream().wait_stream(self.stream)
        self.state.ends.copy_(ends)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            chosen = run()
        return graph, chosen
